package notify

import "sync"

// rememberedKeys bounds the memory of what was taken; the oldest key goes first.
const rememberedKeys = 8192

// Taken knows how many parts of which letter a carrier has taken from this process, so that a letter whose settling was
// lost is not sent twice. It is a help, no promise: another process knows nothing of it. Safe for concurrent use.
type Taken struct {
	mu    sync.Mutex
	parts map[string]int
	order []string
	next  int
}

// NewTaken returns an empty memory.
func NewTaken() *Taken { return newTaken(rememberedKeys) }

func newTaken(size int) *Taken {
	return &Taken{parts: make(map[string]int), order: make([]string, size)}
}

// Add notes that the first n parts of the key's letter were taken. Without a key nothing can be noted.
func (m *Taken) Add(key string, n int) {
	if key == "" {
		return
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	if known, ok := m.parts[key]; ok {
		m.parts[key] = max(known, n)
		return
	}
	delete(m.parts, m.order[m.next])
	m.parts[key], m.order[m.next] = n, key
	m.next = (m.next + 1) % len(m.order)
}

// Parts is how many parts of the key's letter were taken.
func (m *Taken) Parts(key string) int {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.parts[key]
}

package signals

import "sync"

// Bell tells those who wait for a stream that something came into it, within this process. The zero Bell
// is ready; a nil one never rings.
type Bell struct {
	mu      sync.Mutex
	waiting map[string]map[chan struct{}]bool
}

// Listen gives a channel that gets a value when the stream's bell rings; stop ends it. ok is false, and nothing
// ever comes, when so many listen already.
func (b *Bell) Listen(stream string, most int) (ring <-chan struct{}, stop func(), ok bool) {
	c := make(chan struct{}, 1)
	if b == nil {
		return c, func() {}, true
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	if len(b.waiting[stream]) >= most {
		return c, func() {}, false
	}
	if b.waiting == nil {
		b.waiting = map[string]map[chan struct{}]bool{}
	}
	if b.waiting[stream] == nil {
		b.waiting[stream] = map[chan struct{}]bool{}
	}
	b.waiting[stream][c] = true
	return c, func() {
		b.mu.Lock()
		defer b.mu.Unlock()
		delete(b.waiting[stream], c)
		if len(b.waiting[stream]) == 0 {
			delete(b.waiting, stream)
		}
	}, true
}

// Ring wakes whoever listens to the stream.
func (b *Bell) Ring(stream string) {
	if b == nil {
		return
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	for c := range b.waiting[stream] {
		select {
		case c <- struct{}{}:
		default:
		}
	}
}

package secret

import (
	"context"
	"crypto/subtle"
	"encoding/base64"
	"errors"
	"fmt"
	"runtime"
	"strconv"
	"strings"
	"sync"
	"time"
	"unicode"
	"unicode/utf8"

	"golang.org/x/crypto/argon2"
	"golang.org/x/text/unicode/norm"
)

// Errors of a Hasher.
var (
	ErrBusy    = errors.New("secret: too many passwords are being hashed already")
	ErrTooLong = errors.New("secret: the password is too long or not text")
	ErrHash    = errors.New("secret: not an Argon2id hash that this server reads")
)

// Params are the costs of Argon2id (RFC 9106).
type Params struct {
	Memory  uint32 // KiB
	Time    uint32 // passes
	Threads uint8
}

// DefaultParams are those of the OWASP password storage cheat sheet: 19 MiB, two passes, one thread;
// about 30 ms of one core.
func DefaultParams() Params { return Params{Memory: 19 * 1024, Time: 2, Threads: 1} }

// CheapParams make hashing almost free. For tests only: they protect nothing.
func CheapParams() Params { return Params{Memory: 8, Time: 1, Threads: 1} }

const (
	saltBytes    = 16
	hashBytes    = 32
	maxPassword  = 4096 // bytes looked at; the rules allow at most 1,024 characters
	maxPHC       = 256
	maxMemory    = 256 * 1024 // KiB a stored hash may ask for: a planted row must not exhaust the machine
	maxTime      = 16
	maxThreads   = 16
	queuePerSlot = 32
	defaultWait  = 3 * time.Second
)

// HasherOptions bound the work of a Hasher. Zero values mean the defaults.
type HasherOptions struct {
	Params Params        // DefaultParams
	Slots  int           // hashes at once; GOMAXPROCS
	Queue  int           // callers that may wait; 32 a slot
	Wait   time.Duration // longest wait in the queue; 3 s
}

// Hasher hashes and verifies passwords with Argon2id. Each hash takes Params.Memory, so at most Slots
// run at once; at most Queue callers wait, none longer than Wait; whoever comes beyond that gets
// ErrBusy at once. Never call it inside a database transaction.
type Hasher struct {
	params  Params
	wait    time.Duration
	slots   chan struct{}
	tickets chan struct{} // running and waiting
	dummy   phc
}

// NewHasher returns a Hasher with the options.
func NewHasher(o HasherOptions) *Hasher {
	if o.Params == (Params{}) {
		o.Params = DefaultParams()
	}
	if o.Slots <= 0 {
		o.Slots = runtime.GOMAXPROCS(0)
	}
	if o.Queue <= 0 {
		o.Queue = o.Slots * queuePerSlot
	}
	if o.Wait <= 0 {
		o.Wait = defaultWait
	}
	return &Hasher{
		params: o.Params, wait: o.Wait,
		slots:   make(chan struct{}, o.Slots),
		tickets: make(chan struct{}, o.Slots+o.Queue),
		dummy:   phc{Params: o.Params, salt: random(saltBytes), key: random(hashBytes)},
	}
}

// Hash returns the password's hash as a PHC string ("$argon2id$v=19$m=19456,t=2,p=1$salt$hash").
// Errors: ErrBusy, ErrTooLong, or the context's.
func (h *Hasher) Hash(ctx context.Context, password string) (string, error) {
	plain, err := foldPassword(password)
	if err != nil {
		return "", err
	}
	p := phc{Params: h.params, salt: random(saltBytes), key: make([]byte, hashBytes)}
	if p.key, err = h.derive(ctx, plain, p); err != nil {
		return "", err
	}
	return p.String(), nil
}

// Verify reports whether the password has that hash, and whether the hash was made with other costs
// than today's, so that the caller stores a new one. A password that no rule would accept is simply
// wrong. Errors: ErrHash for an unreadable hash, ErrBusy, or the context's; then nothing is known
// about the password.
func (h *Hasher) Verify(ctx context.Context, hash, password string) (ok, needsRehash bool, err error) {
	p, err := parsePHC(hash)
	if err != nil {
		return false, false, err
	}
	plain, err := foldPassword(password)
	if err != nil {
		return false, false, nil //nolint:nilerr // such a password was never stored, so it is wrong and nothing failed
	}
	key, err := h.derive(ctx, plain, p)
	if err != nil {
		return false, false, err
	}
	ok = subtle.ConstantTimeCompare(key, p.key) == 1
	return ok, ok && (p.Params != h.params || len(p.key) != hashBytes || len(p.salt) != saltBytes), nil
}

// VerifyDummy does the same work as Verify for an account that does not exist, so that answers take
// the same time (I6). It never succeeds. Errors: ErrBusy, or the context's.
func (h *Hasher) VerifyDummy(ctx context.Context, password string) error {
	plain, err := foldPassword(password)
	if err != nil {
		return nil //nolint:nilerr // Verify stops here too
	}
	_, err = h.derive(ctx, plain, h.dummy)
	return err
}

func (h *Hasher) derive(ctx context.Context, plain []byte, p phc) ([]byte, error) {
	if err := ctx.Err(); err != nil {
		return nil, fmt.Errorf("secret: hashing: %w", err)
	}
	select {
	case h.tickets <- struct{}{}:
		defer func() { <-h.tickets }()
	default:
		return nil, ErrBusy
	}
	deadline := time.NewTimer(h.wait)
	defer deadline.Stop()
	select {
	case h.slots <- struct{}{}:
		defer func() { <-h.slots }()
	case <-deadline.C:
		return nil, ErrBusy
	case <-ctx.Done():
		return nil, fmt.Errorf("secret: hashing: %w", ctx.Err())
	}
	return argon2.IDKey(plain, p.salt, p.Time, p.Memory, p.Threads, uint32(len(p.key))), nil //nolint:gosec // 16 to 64, see parsePHC
}

// Room makes room for hashing beside everything else, once for a process, at its start: as many goroutines more may
// run at once as hashes do. Otherwise hashes hold every place of the Go scheduler for its ten milliseconds each, and a
// page waits for them; the operating system divides the cores more finely. It returns how many hashes should run at
// once: the cores.
func Room() (slots int) { return room() }

var room = sync.OnceValue(func() int {
	cores := runtime.GOMAXPROCS(0)
	runtime.GOMAXPROCS(2 * cores)
	return cores
})

// foldPassword prepares a password as RFC 8265's OpaqueString does: normal form C, and every kind of
// space becomes the plain one, so that the same keys on another keyboard give the same password.
func foldPassword(password string) ([]byte, error) {
	if len(password) > maxPassword || !utf8.ValidString(password) {
		return nil, ErrTooLong
	}
	return []byte(strings.Map(func(r rune) rune {
		if unicode.Is(unicode.Zs, r) {
			return ' '
		}
		return r
	}, norm.NFC.String(password))), nil
}

// phc is one stored hash.
type phc struct {
	Params

	salt, key []byte
}

// String writes the hash in the PHC string format.
func (p phc) String() string {
	b64 := base64.RawStdEncoding
	return fmt.Sprintf("$argon2id$v=%d$m=%d,t=%d,p=%d$%s$%s", argon2.Version,
		p.Memory, p.Time, p.Threads, b64.EncodeToString(p.salt), b64.EncodeToString(p.key))
}

// IsHash reports whether the text is a hash that Verify can verify.
func IsHash(text string) bool {
	_, err := parsePHC(text)
	return err == nil
}

// parsePHC reads what String writes and refuses costs that could exhaust the machine.
func parsePHC(text string) (phc, error) {
	if len(text) > maxPHC || strings.ContainsAny(text, "\r\n") { // base64 would skip line ends
		return phc{}, ErrHash
	}
	f := strings.Split(text, "$")
	if len(f) != 6 || f[0] != "" || f[1] != "argon2id" || f[2] != "v="+strconv.Itoa(argon2.Version) {
		return phc{}, ErrHash
	}
	costs := strings.Split(f[3], ",")
	if len(costs) != 3 {
		return phc{}, ErrHash
	}
	memory, okM := cost(costs[0], "m=", 8, maxMemory)
	passes, okT := cost(costs[1], "t=", 1, maxTime)
	threads, okP := cost(costs[2], "p=", 1, maxThreads)
	salt, errS := base64.RawStdEncoding.Strict().DecodeString(f[4])
	key, errK := base64.RawStdEncoding.Strict().DecodeString(f[5])
	if !okM || !okT || !okP || errS != nil || errK != nil ||
		len(salt) < 8 || len(salt) > 64 || len(key) < 16 || len(key) > 64 {
		return phc{}, ErrHash
	}
	return phc{Params: Params{Memory: memory, Time: passes, Threads: uint8(threads)}, salt: salt, key: key}, nil //nolint:gosec // at most maxThreads
}

func cost(text, name string, lo, hi uint32) (uint32, bool) {
	digits, found := strings.CutPrefix(text, name)
	n, err := strconv.ParseUint(digits, 10, 32)
	v := uint32(n)
	return v, found && err == nil && v >= lo && v <= hi && strconv.FormatUint(n, 10) == digits
}

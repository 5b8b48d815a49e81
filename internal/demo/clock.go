package demo

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"strings"
	"sync"
	"time"
)

// Clock is the real time and how far it was set forward. How far is kept in a file, so that a restart does
// not bring back hours that have passed. It never goes back.
type Clock struct {
	path string
	real func() time.Time

	mu    sync.RWMutex
	ahead time.Duration
}

// longest is how far ahead the clock may be: beyond it, dates would stop making sense to people.
const longest = 10 * 365 * 24 * time.Hour

// ErrFarAhead says that the clock may not be set forward any more.
var ErrFarAhead = errors.New("demo: the clock is ten years ahead: begin with a fresh data folder")

// OpenClock reads how far the clock was set forward; a file that is not there means: not at all.
func OpenClock(path string, realTime func() time.Time) (*Clock, error) {
	c := &Clock{path: path, real: realTime}
	text, err := os.ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) {
		return c, nil
	}
	if err != nil {
		return nil, fmt.Errorf("demo: clock: %w", err)
	}
	if c.ahead, err = time.ParseDuration(strings.TrimSpace(string(text))); err != nil || c.ahead < 0 || c.ahead > longest {
		return nil, fmt.Errorf("demo: clock: %s holds %q instead of a duration such as 24h0m0s", path, strings.TrimSpace(string(text)))
	}
	return c, nil
}

// Now is the time of the demonstration.
func (c *Clock) Now() time.Time {
	c.mu.RLock()
	defer c.mu.RUnlock()
	return c.real().Add(c.ahead)
}

// Forward lets time pass. It is kept before it shows.
func (c *Clock) Forward(by time.Duration) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	ahead := c.ahead + by
	if by < 0 || ahead > longest {
		return ErrFarAhead
	}
	fresh := c.path + ".new"
	if err := os.WriteFile(fresh, []byte(ahead.String()+"\n"), 0o600); err != nil {
		return fmt.Errorf("demo: clock: %w", err)
	}
	if err := os.Rename(fresh, c.path); err != nil {
		return fmt.Errorf("demo: clock: %w", err)
	}
	c.ahead = ahead
	return nil
}

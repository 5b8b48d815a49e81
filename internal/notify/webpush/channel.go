package webpush

import (
	"bytes"
	"cmp"
	"context"
	"crypto/sha256"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptrace"
	"net/url"
	"strconv"
	"sync"
	"sync/atomic"
	"time"

	"doverie/internal/notify"
)

var (
	errEnded   = errors.New("webpush: the browser's subscription has ended")
	errResting = errors.New("webpush: the service asked for rest")
	errNoRoom  = errors.New("webpush: too many requests at the same time")
	errSaidNo  = errors.New("webpush: the service said no")
	errUnclear = errors.New("webpush: the service's answer cannot be understood")
)

// Channel writes to browsers. It is safe for concurrent use.
type Channel struct {
	c      Config
	client *http.Client
	taken  *notify.Taken
	room   chan struct{}

	mu   sync.Mutex
	rest map[string]time.Time // by host: it is left alone till then
}

var _ notify.Channel = (*Channel)(nil)

const (
	maxAnswer  = 4 << 10 // octets of an answer that are read, so that the connection can be used again
	defaultTTL = 12 * time.Hour
	maxRest    = 15 * time.Minute
	firstRest  = 10 * time.Second // when the service does not say how long
	maxResting = 256              // hosts that are remembered
)

// Note is what the service worker shows and where a press on it leads: JSON of the push.
type Note struct {
	Title string `json:"title"`
	Body  string `json:"body"`
	Path  string `json:"path"` // a page of the cabinet
	Tag   string `json:"tag"`  // one notice of a tag is on the screen at a time
	Key   string `json:"key"`  // the same for every copy of one notice
	Lang  string `json:"lang"`
}

// Deliver implements notify.Channel. Accepted: the push service took it for the browser.
func (c *Channel) Deliver(ctx context.Context, l notify.Letter) (notify.Outcome, error) {
	if c.taken.Parts(l.Key) > 0 {
		return notify.Accepted, nil
	}
	now := c.c.Now()
	ttl := defaultTTL
	if !l.NotAfter.IsZero() {
		if ttl = l.NotAfter.Sub(now); ttl < time.Second {
			return notify.Refused, notify.ErrTooLate
		}
	}
	to, err := c.subscription(ctx, l.Address)
	switch {
	case errors.Is(err, errEnded), errors.Is(err, ErrBadSubscription):
		return notify.Refused, err
	case err != nil:
		return notify.Postponed, err
	case c.resting(to.Endpoint.Host, now):
		return notify.Postponed, errResting
	}
	request, err := c.request(l, to, ttl, now)
	if err != nil {
		return notify.Refused, err
	}
	select {
	case c.room <- struct{}{}:
		defer func() { <-c.room }()
	case <-ctx.Done():
		return notify.Postponed, fmt.Errorf("%w: %w", errNoRoom, ctx.Err())
	}
	ctx, cancel := context.WithTimeout(ctx, c.c.Timeout)
	defer cancel()
	var touched atomic.Bool // the request may have left this machine
	answer, err := c.client.Do(request.WithContext(httptrace.WithClientTrace(ctx, &httptrace.ClientTrace{
		GotConn: func(httptrace.GotConnInfo) { touched.Store(true) },
	})))
	if err != nil {
		err = quiet(err)
		c.report("no answer", err)
		if !touched.Load() {
			return notify.Postponed, err
		}
		return notify.Unknown, err
	}
	_, _ = io.Copy(io.Discard, io.LimitReader(answer.Body, maxAnswer)) // what it says in words is for nobody
	_ = answer.Body.Close()
	return c.judge(ctx, l, to, answer)
}

// subscription asks for the browser anew each time: it may have been signed out of since the message was written.
func (c *Channel) subscription(ctx context.Context, id string) (Subscription, error) {
	text, live, err := c.c.Subscriptions.Subscription(ctx, id)
	switch {
	case err != nil:
		return Subscription{}, err
	case !live:
		return Subscription{}, errEnded
	}
	return c.c.Parse(text)
}

// quiet drops the address from an error of the client: an endpoint is a secret.
func quiet(err error) error {
	if long, ok := errors.AsType[*url.Error](err); ok {
		return fmt.Errorf("webpush: %w", long.Err)
	}
	return fmt.Errorf("webpush: %w", err)
}

// topic names the letter to the service, which keeps the newest of one name only (RFC 8030 §5.4): a second copy of a letter
// takes the place of the first one that waits for the browser. At most 32 characters of base64url.
func topic(l notify.Letter) string {
	sum := sha256.Sum256([]byte(l.Key + "\x00" + l.Address))
	return encode(sum[:24])
}

func (c *Channel) request(l notify.Letter, to Subscription, ttl time.Duration, now time.Time) (*http.Request, error) {
	spec, _ := notify.Lookup(l.Kind)
	page := cmp.Or(l.Text.Opens, spec.Opens())
	note := Note{Title: l.Text.Subject, Body: l.Text.Body, Path: page, Tag: page, Key: topic(l), Lang: l.Locale}
	plain, err := json.Marshal(note)
	if err != nil {
		return nil, err
	}
	body, err := sealed(plain, to)
	if err != nil {
		return nil, err
	}
	signed, err := authorization(c.c.Key, to.Endpoint, c.c.Contact, now)
	if err != nil {
		return nil, err
	}
	r, err := http.NewRequest(http.MethodPost, to.Endpoint.String(), bytes.NewReader(body)) //nolint:noctx // Deliver gives it its context
	if err != nil {
		return nil, quiet(err)
	}
	r.GetBody = nil // without it the library cannot send a request a second time by itself
	urgency := "normal"
	if spec.Asks() || spec.Urgent() {
		urgency = "high"
	}
	for name, value := range map[string]string{
		"Authorization": signed, "Content-Type": "application/octet-stream", "Content-Encoding": "aes128gcm",
		"TTL": strconv.FormatInt(int64(ttl/time.Second), 10), "Urgency": urgency, "Topic": topic(l), "User-Agent": "doverie",
	} {
		r.Header.Set(name, value)
	}
	return r, nil
}

// judge reads the status (RFC 8030 §5, §7.3; RFC 8292 §4.2); the words beside it never reach an error.
func (c *Channel) judge(ctx context.Context, l notify.Letter, to Subscription, answer *http.Response) (notify.Outcome, error) {
	status := answer.StatusCode
	switch {
	case status == http.StatusNotFound || status == http.StatusGone:
		// The browser has given the subscription up. That it ends here may be written later: the next letter asks again.
		if err := c.c.Subscriptions.Gone(ctx, l.Address); err != nil {
			c.report("gone", err)
		}
		return notify.Refused, fmt.Errorf("%w: status %d", errEnded, status)
	case status == http.StatusTooManyRequests || status == http.StatusServiceUnavailable:
		c.leave(to.Endpoint.Host, answer.Header.Get("Retry-After"))
		return notify.Postponed, fmt.Errorf("%w: status %d", errSaidNo, status)
	case status >= 500 || status < 200:
		return notify.Unknown, fmt.Errorf("%w: status %d", errUnclear, status)
	case status >= 300: // a redirect among them: an address that the browser did not name
		err := fmt.Errorf("%w: status %d", errSaidNo, status)
		c.report("refused", err)
		return notify.Refused, err
	}
	c.taken.Add(l.Key, 1)
	if c.c.Ledger != nil {
		if err := c.c.Ledger.Submitted(ctx, notify.Submission{
			Carrier: Name, CarrierID: topic(l), Letter: l.ID, Key: l.Key, Part: 1, Parts: 1, At: c.c.Now(),
		}); err != nil {
			c.report("ledger", err)
		}
	}
	return notify.Accepted, nil
}

func (c *Channel) report(what string, err error) { c.c.Report(Event{What: what, Err: err}) }

func (c *Channel) resting(host string, now time.Time) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return now.Before(c.rest[host])
}

// leave sends nothing to a service for the seconds that Retry-After names, within reason; a date in it counts as not named.
func (c *Channel) leave(host, retryAfter string) {
	pause := firstRest
	if seconds, err := strconv.Atoi(retryAfter); err == nil && seconds >= 0 {
		pause = min(time.Duration(seconds)*time.Second, maxRest)
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if len(c.rest) >= maxResting {
		clear(c.rest)
	}
	c.rest[host] = c.c.Now().Add(pause)
}

package httpsms

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptrace"
	"net/url"
	"regexp"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"doverie/internal/notify"
)

var (
	errBadPhone = errors.New("httpsms: the address is no E.164 number")
	errResting  = errors.New("httpsms: the gateway asked for rest")
	errNoRoom   = errors.New("httpsms: too many requests at the same time")
	errSaidNo   = errors.New("httpsms: the gateway said no")
	errUnclear  = errors.New("httpsms: the gateway's answer cannot be understood")
)

var phone = regexp.MustCompile(`^\+[1-9][0-9]{6,14}$`)

// Channel sends SMS through one gateway. It is safe for concurrent use.
type Channel struct {
	c        Config
	client   *http.Client
	target   *url.URL
	query    formFields
	form     formFields
	json     any
	success  *regexp.Regexp
	tryLater *regexp.Regexp
	id       *regexp.Regexp
	taken    *notify.Taken
	room     chan struct{}

	mu    sync.Mutex
	until time.Time // it rests till then
}

var _ notify.Channel = (*Channel)(nil)

const (
	maxAnswer = 64 << 10 // octets of an answer that are read
	maxID     = 128
	maxRest   = 5 * time.Minute
	firstRest = 5 * time.Second // when the gateway does not say how long
)

// Deliver implements notify.Channel. Accepted: the gateway took it.
func (c *Channel) Deliver(ctx context.Context, l notify.Letter) (notify.Outcome, error) {
	if !phone.MatchString(l.Address) {
		return notify.Refused, errBadPhone
	}
	if c.taken.Parts(l.Key) > 0 {
		return notify.Accepted, nil
	}
	select {
	case c.room <- struct{}{}:
		defer func() { <-c.room }()
	case <-ctx.Done():
		return notify.Postponed, fmt.Errorf("%w: %w", errNoRoom, ctx.Err())
	}
	now := c.c.Now()
	if c.resting(now) {
		return notify.Postponed, errResting
	}
	ttl := defaultTTL
	if !l.NotAfter.IsZero() {
		if ttl = l.NotAfter.Sub(now); ttl < time.Second {
			return notify.Refused, notify.ErrTooLate
		}
	}
	if err := ctx.Err(); err != nil {
		return notify.Postponed, err
	}
	var touched atomic.Bool // the request may have left this machine
	ctx = httptrace.WithClientTrace(ctx, &httptrace.ClientTrace{GotConn: func(httptrace.GotConnInfo) { touched.Store(true) }})
	request, err := c.request(ctx, l, ttl)
	if err != nil {
		return notify.Refused, err
	}
	answer, err := c.client.Do(request)
	if err != nil {
		err = quiet(err)
		if !touched.Load() {
			return notify.Postponed, err
		}
		c.report("no answer", err)
		return notify.Unknown, err
	}
	defer func() { _ = answer.Body.Close() }() // what was needed was read
	body, err := io.ReadAll(io.LimitReader(answer.Body, maxAnswer))
	if err != nil && answer.StatusCode < 300 {
		c.report("no answer", quiet(err))
		return notify.Unknown, quiet(err)
	}
	return c.judge(ctx, l, answer, body)
}

// quiet drops the address from an error of the client: its query may hold the text and the phone number.
func quiet(err error) error {
	if long, ok := errors.AsType[*url.Error](err); ok {
		return fmt.Errorf("httpsms: %w", long.Err)
	}
	return fmt.Errorf("httpsms: %w", err)
}

func (c *Channel) request(ctx context.Context, l notify.Letter, ttl time.Duration) (*http.Request, error) {
	values := map[string]string{
		"to": l.Address, "digits": strings.TrimPrefix(l.Address, "+"), "text": l.Text.Body, "sender": c.c.Sender,
		"id": l.ID, "key": l.Key, "ttl": strconv.FormatInt(int64(ttl/time.Second), 10),
	}
	target := *c.target
	target.RawQuery = c.query.fill(values)
	var body []byte
	var kind string
	switch {
	case c.form != nil:
		body, kind = []byte(c.form.fill(values)), "application/x-www-form-urlencoded"
	case c.json != nil:
		var err error
		if body, err = json.Marshal(fillJSON(c.json, values)); err != nil {
			return nil, fmt.Errorf("httpsms: the body: %w", err)
		}
		kind = "application/json"
	}
	r, err := http.NewRequestWithContext(ctx, c.c.Method, target.String(), bytes.NewReader(body))
	if err != nil {
		return nil, quiet(err)
	}
	r.GetBody = nil // without it the library cannot send a request a second time by itself
	if kind != "" {
		r.Header.Set("Content-Type", kind)
	}
	r.Header.Set("Accept", "application/json, */*;q=0.5")
	r.Header.Set("User-Agent", "doverie")
	for name, value := range c.c.Headers {
		r.Header.Set(name, value)
	}
	if c.c.KeyHeader != "" && l.Key != "" {
		r.Header.Set(c.c.KeyHeader, l.Key)
	}
	return r, nil
}

// judge reads an answer. Nothing of it reaches an error but its status: it may repeat the text.
func (c *Channel) judge(ctx context.Context, l notify.Letter, answer *http.Response, body []byte) (notify.Outcome, error) {
	status := answer.StatusCode
	parsed, _ := readJSON(body) // an answer that is no JSON has no place in it
	said := string(body)
	if c.c.SuccessPath != "" {
		said = textAt(parsed, c.c.SuccessPath)
	}
	switch {
	case status == http.StatusTooManyRequests || status == http.StatusServiceUnavailable:
		c.rest(answer.Header.Get("Retry-After"))
		return notify.Postponed, fmt.Errorf("%w: status %d", errSaidNo, status)
	case c.tryLater != nil && c.tryLater.MatchString(said):
		return notify.Postponed, fmt.Errorf("%w for now: status %d", errSaidNo, status)
	case status >= 500 || status < 200:
		return notify.Unknown, fmt.Errorf("%w: status %d", errUnclear, status)
	case status >= 300 || (c.success != nil && !c.success.MatchString(said)):
		return notify.Refused, fmt.Errorf("%w: status %d", errSaidNo, status)
	}
	c.taken.Add(l.Key, 1)
	if id := c.messageID(parsed, body); id != "" && c.c.Ledger != nil {
		if err := c.c.Ledger.Submitted(ctx, notify.Submission{
			Carrier: c.c.Name, CarrierID: id, Letter: l.ID, Key: l.Key, Part: 1, Parts: 1, At: c.c.Now(),
		}); err != nil {
			c.report("ledger", err)
		}
	}
	return notify.Accepted, nil
}

func (c *Channel) messageID(parsed any, body []byte) string {
	var id string
	switch {
	case c.id != nil:
		if found := c.id.FindSubmatch(body); found != nil {
			id = string(found[1])
		}
	case c.c.IDPath != "":
		id = textAt(parsed, c.c.IDPath)
	}
	if len(id) > maxID {
		return ""
	}
	return id
}

func (c *Channel) resting(now time.Time) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return now.Before(c.until)
}

// rest sends nothing for the seconds that Retry-After names, within reason; a date in it counts as not named.
func (c *Channel) rest(retryAfter string) {
	pause := firstRest
	if seconds, err := strconv.Atoi(retryAfter); err == nil && seconds >= 0 {
		pause = min(time.Duration(seconds)*time.Second, maxRest)
	}
	c.mu.Lock()
	c.until = c.c.Now().Add(pause)
	c.mu.Unlock()
	c.report("throttled", nil)
}

func (c *Channel) report(what string, err error) {
	c.c.Report(Event{Carrier: c.c.Name, What: what, Err: err})
}

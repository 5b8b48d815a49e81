package signals

import (
	"context"
	"slices"
	"time"

	"doverie/internal/effect"
	"doverie/internal/fault"
	"doverie/internal/secret"
)

// Clients tells what must be known of a registered system.
type Clients interface {
	// SignalClient reads an active system; fault.NotFound.
	SignalClient(ctx context.Context, id string) (Client, error)
}

// Signer signs claims with the provider's published keys.
type Signer interface {
	// Sign makes a compact JWS of that "typ".
	Sign(ctx context.Context, alg, typ string, claims map[string]any) (string, error)
}

// Store is what streams need of the database.
type Store interface {
	// StreamOf reads the system's stream; fault.NotFound.
	StreamOf(ctx context.Context, client string) (Stream, error)
	// CommitStream applies the change under the stream's version; fault.Conflict.
	CommitStream(ctx context.Context, act effect.Act, now time.Time, c StreamChange, effects []effect.Effect) error
	// SetSubject notes, or forgets, that a stream does not want to hear of a subject: a keyed hash of the name,
	// whether or not it names anybody. fault.Limited when the stream has that many already.
	SetSubject(ctx context.Context, now time.Time, stream, subject string, removed bool, most int) error
	// WaitingFor lists what an enabled, polled stream has not acknowledged, in order; more: there is more than that.
	WaitingFor(ctx context.Context, stream string, most int) (waiting []Delivery, more bool, err error)
	// Acknowledge ends what a polled stream has taken, or could not take. Ids of others, and of what has ended, change nothing.
	Acknowledge(ctx context.Context, now time.Time, stream string, taken []string, refused map[string]string) error
}

// Limits is the durable rate limit; see package account.
type Limits interface {
	Take(ctx context.Context, key string, limit int, per time.Duration, now time.Time) (wait time.Duration, err error)
}

// StreamChange is what one commit does to a stream: creates it (no Before), deletes it (no After) or changes it.
type StreamChange struct {
	Rules         string
	Before, After *Stream
	Verify        *Delivery // goes into the stream
}

// Streams serves the receivers.
type Streams struct {
	Store    Store
	Clients  Clients
	Signer   Signer
	Limits   Limits
	Issuer   string
	Rules    string // version of the policy, for events
	Plain    bool   // http to a loopback address is allowed: for development
	Now      func() time.Time
	Arrivals *Bell // rings when something came into a stream
}

// How often and how much a system may ask.
const (
	VerifyEvery   = 10 * time.Second // min_verification_interval
	callsAnHour   = 3600
	maxRemoved    = 100_000
	longPoll      = 20 * time.Second
	lookAgain     = time.Second // another process may have put something into the stream
	sets          = "RS256"     // of 2048 bits or more: what the CAEP interoperability profile asks for
	waitersAtOnce = 4           // long polls of one system; another one is answered at once
)

// limit bounds the calls of one system, all kinds together.
func (s *Streams) limit(ctx context.Context, client string) error {
	wait, err := s.Limits.Take(ctx, "signals:"+client, callsAnHour, time.Hour, s.Now())
	if err == nil && wait > 0 {
		err = limited(wait)
	}
	return err
}

func limited(wait time.Duration) error {
	return fault.New(fault.Limited, "fault.limited.after", fault.Args{"After": wait})
}

func act(client string) effect.Act { return effect.Act{Actor: effect.System, ID: client} }

func notFound() error { return fault.New(fault.NotFound, "fault.not_found", nil) }

// Read gives the system's stream. id may be empty: whichever it is. fault.NotFound, also for another's.
func (s *Streams) Read(ctx context.Context, client, id string) (Stream, error) {
	if err := s.limit(ctx, client); err != nil {
		return Stream{}, err
	}
	return s.own(ctx, client, id)
}

func (s *Streams) own(ctx context.Context, client, id string) (Stream, error) {
	x, err := s.Store.StreamOf(ctx, client)
	if err == nil && id != "" && x.ID != id {
		return Stream{}, notFound()
	}
	return x, err
}

// Create makes the system's stream. fault.Conflict when it has one.
func (s *Streams) Create(ctx context.Context, client string, r StreamRequest) (Stream, error) {
	if err := s.limit(ctx, client); err != nil {
		return Stream{}, err
	}
	c, err := s.Clients.SignalClient(ctx, client)
	if err != nil {
		return Stream{}, err
	}
	now := s.Now()
	x := Stream{ID: secret.Token(), Client: client, Status: Enabled, CreatedAt: now, Version: 1}
	if err := s.matches(x, r, true); err != nil {
		return Stream{}, err
	}
	if x, err = x.Apply(now, c, s.Plain, r.Change); err != nil {
		return Stream{}, err
	}
	return x, s.Store.CommitStream(ctx, act(client), now, StreamChange{Rules: s.Rules, After: &x}, s.changed(x, "signals.stream_created"))
}

func (s *Streams) changed(x Stream, kind string) []effect.Effect {
	return []effect.Effect{effect.Record{Kind: kind, Object: "stream:" + x.ID, Facts: map[string]string{"client": x.Client, "status": string(x.Status)}}}
}

// Update changes the system's stream, or replaces what it said of it: that is in the request.
// Faults: NotFound, Invalid, Conflict.
func (s *Streams) Update(ctx context.Context, client string, r StreamRequest) (Stream, error) {
	if err := s.limit(ctx, client); err != nil {
		return Stream{}, err
	}
	if r.ID == "" {
		return Stream{}, wrong("stream_id")
	}
	before, err := s.own(ctx, client, r.ID)
	if err != nil {
		return Stream{}, err
	}
	c, err := s.Clients.SignalClient(ctx, client)
	if err != nil {
		return Stream{}, err
	}
	if err := s.matches(before, r, false); err != nil {
		return Stream{}, err
	}
	now := s.Now()
	after, err := before.Apply(now, c, s.Plain, r.Change)
	if err != nil {
		return Stream{}, err
	}
	return after, s.Store.CommitStream(ctx, act(client), now, StreamChange{Rules: s.Rules, Before: &before, After: &after},
		s.changed(after, "signals.stream_changed"))
}

// matches checks that what only we may say is repeated as we said it (SSF 1.0, section 8.1.1.3).
func (s *Streams) matches(x Stream, r StreamRequest, fresh bool) error {
	switch {
	case r.Issuer != "" && r.Issuer != s.Issuer:
		return wrong("iss")
	case r.Audience != nil && !slices.Equal(r.Audience, []string{x.Client}):
		return wrong("aud")
	case r.Supported != nil && !same(r.Supported, Supported()):
		return wrong("events_supported")
	case r.Delivered != nil && !fresh && !same(r.Delivered, x.Delivered()):
		return wrong("events_delivered")
	}
	return nil
}

func same(texts []string, events []Event) bool {
	a := slices.Sorted(slices.Values(texts))
	b := make([]string, 0, len(events))
	for _, e := range events {
		b = append(b, string(e))
	}
	slices.Sort(b)
	return slices.Equal(a, b)
}

// Delete ends the system's stream; what waited in it is not sent. fault.NotFound.
func (s *Streams) Delete(ctx context.Context, client, id string) error {
	if err := s.limit(ctx, client); err != nil {
		return err
	}
	if id == "" {
		return notFound()
	}
	x, err := s.own(ctx, client, id)
	if err != nil {
		return err
	}
	return s.Store.CommitStream(ctx, act(client), s.Now(), StreamChange{Rules: s.Rules, Before: &x}, s.changed(x, "signals.stream_deleted"))
}

// SetStatus pauses, disables or enables the system's stream. Faults: NotFound, Invalid, Conflict.
func (s *Streams) SetStatus(ctx context.Context, client string, r StatusRequest) (Stream, error) {
	if err := s.limit(ctx, client); err != nil {
		return Stream{}, err
	}
	if r.Stream == "" {
		return Stream{}, wrong("stream_id")
	}
	before, err := s.own(ctx, client, r.Stream)
	if err != nil {
		return Stream{}, err
	}
	now := s.Now()
	after, err := before.Set(now, r.Status, r.Reason)
	if err != nil {
		return Stream{}, err
	}
	err = s.Store.CommitStream(ctx, act(client), now, StreamChange{Rules: s.Rules, Before: &before, After: &after}, s.changed(after, "signals.stream_changed"))
	if err == nil {
		s.Arrivals.Ring(after.ID) // what was kept while it was paused
	}
	return after, err
}

// Subject removes a subject from the system's stream, or takes it back in. Everybody who signs in to the system is in it
// from the start. Whoever the subject names, and whether anybody: the answer and the work are the same (T48).
// Faults: NotFound (the stream), Limited.
func (s *Streams) Subject(ctx context.Context, client string, r SubjectRequest, remove bool) error {
	if err := s.limit(ctx, client); err != nil {
		return err
	}
	if r.Stream == "" {
		return wrong("stream_id")
	}
	x, err := s.own(ctx, client, r.Stream)
	if err != nil {
		return err
	}
	name := r.Subject
	if r.Issuer != s.Issuer {
		name = "\x00" + r.Issuer + "\x00" + r.Subject // nobody of ours, and noted all the same
	}
	return s.Store.SetSubject(ctx, s.Now(), x.ID, name, remove, maxRemoved)
}

// Verify puts a verification event into the system's stream. Faults: NotFound, Conflict, Limited.
func (s *Streams) Verify(ctx context.Context, client string, r VerificationRequest) error {
	if err := s.limit(ctx, client); err != nil {
		return err
	}
	if r.Stream == "" {
		return wrong("stream_id")
	}
	before, err := s.own(ctx, client, r.Stream)
	if err != nil {
		return err
	}
	now := s.Now()
	if next := before.VerifiedAt.Add(VerifyEvery); now.Before(next) {
		return limited(next.Sub(now))
	}
	after := before
	after.VerifiedAt = now
	c := StreamChange{Rules: s.Rules, Before: &before, After: &after}
	if before.Status == Enabled {
		c.Verify = &Delivery{Kind: SET, Client: client, Stream: before.ID, Event: Verification, Detail: r.State, At: now}
	}
	if err = s.Store.CommitStream(ctx, act(client), now, c, s.changed(after, "signals.verification_asked")); err != nil {
		return err
	}
	s.Arrivals.Ring(after.ID)
	return nil
}

// Polled is the answer to a poll: signed tokens by jti, in the order of Order.
type Polled struct {
	Order []string
	Sets  map[string]string
	More  bool
}

// Poll ends what the system acknowledges and gives it what waits. Unless the request says "at once", it waits a while for
// something to come. What is not acknowledged comes again, under the same jti. Faults: NotFound, Limited.
func (s *Streams) Poll(ctx context.Context, client, id string, r PollRequest) (Polled, error) {
	if err := s.limit(ctx, client); err != nil {
		return Polled{}, err
	}
	x, err := s.own(ctx, client, id)
	if err != nil || x.Method != Poll {
		if err == nil {
			err = notFound()
		}
		return Polled{}, err
	}
	if len(r.Acks)+len(r.Errs) > 0 {
		if err := s.Store.Acknowledge(ctx, s.Now(), x.ID, r.Acks, r.Errs); err != nil {
			return Polled{}, err
		}
	}
	out := Polled{Sets: map[string]string{}}
	most := maxAtOnce
	if r.Max >= 0 {
		most = min(most, r.Max)
	}
	if most == 0 {
		return out, nil
	}
	waiting, more, err := s.await(ctx, x.ID, most, r.Immediate)
	if err != nil {
		return Polled{}, err
	}
	out.More = more
	for _, d := range waiting {
		typ, claims := d.Token(s.Issuer, s.Now())
		token, err := s.Signer.Sign(ctx, sets, typ, claims)
		if err != nil {
			return Polled{}, err
		}
		out.Order, out.Sets[d.ID] = append(out.Order, d.ID), token
	}
	return out, nil
}

// await looks until something waits in the stream or the time of a long poll is over.
func (s *Streams) await(ctx context.Context, stream string, most int, immediate bool) ([]Delivery, bool, error) {
	ring, stop, ok := s.Arrivals.Listen(stream, waitersAtOnce)
	defer stop()
	over := time.NewTimer(longPoll)
	defer over.Stop()
	again := time.NewTicker(lookAgain)
	defer again.Stop()
	for {
		waiting, more, err := s.Store.WaitingFor(ctx, stream, most)
		if err != nil || len(waiting) > 0 || immediate || !ok {
			return waiting, more, err
		}
		select {
		case <-ctx.Done():
			return nil, false, nil
		case <-over.C:
			return nil, false, nil
		case <-ring:
		case <-again.C:
		}
	}
}

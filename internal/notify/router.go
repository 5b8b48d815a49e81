package notify

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"time"

	"doverie/internal/effect"
)

// Why a message is refused before any channel sees it.
var (
	ErrNoChannel = errors.New("notify: no channel is configured for it")
	ErrTooLate   = errors.New("notify: its time is over")
	ErrNoAddress = errors.New("notify: it has no address")
)

// Router renders a message and gives it to the channel that is configured for it.
type Router struct {
	texts    *Texts
	channels map[effect.Channel]Channel
	now      func() time.Time
}

// NewRouter takes the texts, the configured channels (a missing one refuses its messages with ErrNoChannel)
// and the clock. A nil channel is a mistake of the composition root and is reported.
func NewRouter(texts *Texts, channels map[effect.Channel]Channel, now func() time.Time) (*Router, error) {
	for name, c := range channels {
		if c == nil {
			return nil, fmt.Errorf("%w: %q is nil", ErrNoChannel, name)
		}
	}
	return &Router{texts: texts, channels: maps.Clone(channels), now: now}, nil
}

// Deliver sends one message once. Refused is final: the text cannot be made, the time is over, or there is no way to send it.
func (r *Router) Deliver(ctx context.Context, m Message) (Outcome, error) {
	if !m.NotAfter.IsZero() && !r.now().Before(m.NotAfter) {
		return Refused, fmt.Errorf("%s: %w", m, ErrTooLate)
	}
	channel, ok := r.channels[m.Channel]
	if !ok {
		return Refused, fmt.Errorf("%s: %w", m, ErrNoChannel)
	}
	if m.Address == "" {
		return Refused, fmt.Errorf("%s: %w", m, ErrNoAddress)
	}
	args := m.Args
	if args["at"] == "" && !m.At.IsZero() {
		args = maps.Clone(args)
		if args == nil {
			args = map[string]string{}
		}
		args["at"] = m.At.UTC().Format(time.RFC3339)
	}
	text, err := r.texts.Render(m.Kind, m.Channel, m.Locale, args)
	if err != nil {
		return Refused, fmt.Errorf("%s: %w", m, err)
	}
	return channel.Deliver(ctx, Letter{
		ID: m.ID, Key: m.Key, Kind: m.Kind, Address: m.Address, Sender: r.texts.Sender(m.Locale),
		Locale: m.Locale, Text: text, NotAfter: m.NotAfter,
	})
}

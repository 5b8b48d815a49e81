package app

import (
	"context"
	"errors"
	"maps"
	"strconv"
	"time"

	"doverie/internal/effect"
	"doverie/internal/fault"
	"doverie/internal/jobs"
	"doverie/internal/notify"
	"doverie/internal/policy"
	"doverie/internal/recovery"
	"doverie/internal/secret"
)

// courier hands claimed messages to the router. It adds what only the keyring can make: the stop code and
// the "this was not me" link of a security notice to its owner. Both are derived from the account and the
// moment of the decision, so every attempt and every channel carries the same.
type courier struct {
	router  *notify.Router
	keys    *secret.Keyring
	policy  policy.Policy
	budgets budgets
	numbers numberGuard
	metrics *metrics
	now     func() time.Time
}

// Deliver implements jobs.Deliverer.
func (c courier) Deliver(ctx context.Context, m jobs.Message) (jobs.Outcome, error) {
	err := c.budgets.allow(ctx, m)
	if err == nil {
		err = c.numbers.allow(ctx, m)
	}
	if err != nil {
		if fault.Is(err, fault.Limited) || fault.Is(err, fault.Refused) {
			return c.done(m, notify.Refused, err)
		}
		return c.done(m, notify.Postponed, err)
	}
	if m.Repeated {
		c.metrics.repeats.WithLabelValues(string(m.Channel)).Inc()
	}
	outcome, err := c.router.Deliver(ctx, notify.Message{
		ID: m.ID, Kind: notify.Kind(m.Kind), Channel: m.Channel, Address: m.Address, Locale: m.Locale, Args: c.arguments(m),
		At: m.CreatedAt, NotAfter: m.NotAfter, Attempt: m.Attempt, Key: m.Key,
	})
	return c.done(m, outcome, err)
}

// done counts the attempt and says what it means for the row.
func (c courier) done(m jobs.Message, outcome notify.Outcome, err error) (jobs.Outcome, error) {
	c.metrics.attempts.WithLabelValues(string(m.Channel), m.Kind, outcome.String()).Inc()
	if outcome == notify.Delivered || outcome == notify.Accepted {
		took := max(c.now().Sub(m.CreatedAt), 0)
		c.metrics.handedOver.WithLabelValues(string(m.Channel), strconv.FormatBool(m.CarriesCode)).Observe(took.Seconds())
	}
	switch outcome {
	case notify.Delivered:
		return jobs.Arrived, nil
	case notify.Accepted:
		return jobs.Sent, nil
	case notify.Refused:
		if errors.Is(err, notify.ErrTooLate) {
			return jobs.Expired, err
		}
		return jobs.Failed, err
	case notify.Postponed:
		return jobs.Retry, err
	case notify.Unknown:
	}
	return jobs.Unknown, err
}

// arguments are those of the decision, with the ways to stop what the notice tells of. The stop code of a
// notice about the reader's own account is the reader's; a contact gets none (his text tells of another's account).
func (c courier) arguments(m jobs.Message) map[string]string {
	spec, known := notify.Lookup(notify.Kind(m.Kind))
	if !known || !spec.Stops() || m.Account == "" || m.Args["role"] == notify.RoleContact {
		return m.Args
	}
	args := maps.Clone(m.Args)
	if args == nil {
		args = map[string]string{}
	}
	if args["stop_code"] == "" {
		args["stop_code"] = c.keys.StopCode(m.Account, m.CreatedAt)
	}
	if m.Channel == effect.Email && args["link"] == "" {
		args["link"] = recovery.NotMeLink(c.keys, m.Account, m.CreatedAt, c.policy)
	}
	return args
}

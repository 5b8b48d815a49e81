package app

import (
	"context"
	"encoding/hex"
	"slices"
	"strings"
	"time"

	"doverie/internal/effect"
	"doverie/internal/fault"
	"doverie/internal/jobs"
	"doverie/internal/notify"
	"doverie/internal/policy"
	"doverie/internal/ratelimit"
	"doverie/internal/store"
)

// budgets bound how many SMS go out, whatever pages and rules let through (T17, T18, T19). They are asked when a message
// is on its way and not when it is asked for: the page of whoever asks is the same, and takes the same time,
// within a budget and beyond it (I6). The counts are the database's: all processes share them.
//
// Codes are what strangers can cause: they are counted for the phone, the person, the network area they were asked from,
// the range of numbers, and all together. Notices are counted for the phone and all together. Those that only a quick answer
// stops, or that ask their reader for one, are counted apart, each kind for itself, and those that tell of a recovery itself
// not at all: no flood of one can use up the room of another (T49).
type budgets struct {
	store  *store.Store
	keys   ratelimit.Hasher
	policy policy.Policy
	now    func() time.Time
	over   func(budget string)
}

// over is the fault of a message that a budget holds back.
func overBudget() error { return fault.New(fault.Limited, "fault.message.budget", nil) }

// allow counts the first attempt of an SMS; its later attempts are the same message.
func (b budgets) allow(ctx context.Context, m jobs.Message) error {
	if m.Channel != effect.SMS {
		return nil
	}
	if !slices.ContainsFunc(prefixesOf(b.policy.SMSPrefixes), func(p string) bool { return strings.HasPrefix(m.Address, p) }) {
		b.over("country")
		return fault.New(fault.Refused, "fault.message.country", nil)
	}
	if m.Attempt > 1 {
		return nil
	}
	checks := b.checks(m)
	if len(checks) == 0 {
		return nil
	}
	refused, err := b.store.AllowEach(ctx, checks, b.now())
	if err != nil {
		return err
	}
	if refused != "" {
		b.over(refused)
		return overBudget()
	}
	return nil
}

func (b budgets) checks(m jobs.Message) []store.Check {
	p := b.policy
	var out []store.Check
	add := func(name, subject string, burst int, per time.Duration) {
		out = append(out, store.Check{
			Name: name, Key: ratelimit.Key(b.keys, "sms:"+name, subject), Limit: ratelimit.Limit{Burst: burst, Per: per}, Hot: subject == "",
		})
	}
	if !m.CarriesCode {
		spec, _ := notify.Lookup(notify.Kind(m.Kind))
		if spec.Urgent() {
			return nil
		}
		if spec.Stops() || spec.Asks() {
			add("notices_kind", m.Kind+" "+m.Address, p.SMSNoticesKind, 24*time.Hour)
		} else {
			add("notices_phone", m.Address, p.SMSNoticesPhone, 24*time.Hour)
		}
		add("notices", "", p.SMSNotices, time.Hour)
		return out
	}
	add("phone", m.Address, p.SMSCodesPhone, time.Hour)
	if m.Account != "" {
		add("person", m.Account, p.SMSCodesPerson, time.Hour)
	}
	if len(m.AskedFrom) > 0 {
		add("area", hex.EncodeToString(m.AskedFrom), p.SMSCodesArea, time.Hour)
	}
	add("range", rangeOf(m.Address, p.SMSRangeDigits), p.SMSCodesRange, time.Hour)
	add("codes", "", p.SMSCodes, time.Hour)
	return out
}

// rangeOf is the beginning of a number: its plus and that many digits.
func rangeOf(phone string, digits int) string { return phone[:min(len(phone), digits+1)] }

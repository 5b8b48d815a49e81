package recovery_test

import (
	"context"
	"slices"
	"strings"
	"testing"
	"time"

	"doverie/internal/effect"
	"doverie/internal/fault"
	"doverie/internal/policy"
	"doverie/internal/recovery"
	"doverie/internal/secret"
	"doverie/internal/trust"
)

// stopWorld is one account with an identifier, perhaps an open recovery, and every act written down.
type stopWorld struct {
	open    bool
	over    bool // the recovery ends between the look and the decision
	taken   bool // a recovery was completed a moment ago
	limited string
	limits  []string
	acts    []string
	effects []effect.Effect
}

const stopOwner = "vera"

var stopNoon = time.Date(2026, time.November, 21, 12, 0, 0, 0, time.UTC)

func (w *stopWorld) ByIdentifier(_ context.Context, typed string) (recovery.Owner, error) {
	switch typed {
	case "vera@example.ru":
		return recovery.Owner{Account: stopOwner}, nil
	case "?":
		return recovery.Owner{}, fault.New(fault.Invalid, "fault.identifier.unreadable", nil)
	}
	return recovery.Owner{}, nil
}

func (w *stopWorld) Arrive(context.Context, string, string, []byte) (recovery.Owner, error) {
	return recovery.Owner{}, nil
}

func (w *stopWorld) SNILS(string) string { return "" }

func (w *stopWorld) HashNew(context.Context, recovery.Owner, string) (string, error) { return "", nil }

func (w *stopWorld) Allow(_ context.Context, name, subject string, _ int, _ time.Duration) error {
	w.limits = append(w.limits, name+" "+subject)
	if name == w.limited {
		return fault.New(fault.Limited, "fault.limited."+name, nil)
	}
	return nil
}

func (w *stopWorld) Begin(context.Context, effect.Act, recovery.Recovery, recovery.Owner, []byte, []effect.Effect) error {
	return nil
}

func (w *stopWorld) WithOwner(context.Context, []byte) (recovery.Recovery, recovery.Owner, error) {
	return recovery.Recovery{}, recovery.Owner{}, nil
}

func (w *stopWorld) OpenOf(_ context.Context, account string) (string, error) {
	if w.open && account == stopOwner {
		return "r1", nil
	}
	return "", nil
}

func (w *stopWorld) Decide(_ context.Context, _ effect.Act, _ trust.Around, decide func(trust.Circle) (trust.Outcome, error)) error {
	live := recovery.Recovery{ID: "r1", Account: stopOwner, State: recovery.Awaiting, Guarded: true, ExpiresAt: stopNoon.Add(time.Hour)}
	if w.over {
		live.State = recovery.Completed
	}
	out, err := decide(trust.Circle{Now: stopNoon, Principal: trust.Facts{Account: stopOwner}, Subject: live})
	if err != nil {
		return err
	}
	w.acts, w.effects = append(w.acts, "disown"), out.Effects
	return nil
}

func (w *stopWorld) Look(context.Context, trust.Around) (trust.Circle, error) {
	c := trust.Circle{Now: stopNoon}
	if w.taken {
		c.RecoveredAt, c.HoldUntil = stopNoon.Add(-time.Minute), stopNoon.Add(time.Hour)
	}
	return c, nil
}

func (w *stopWorld) Freeze(_ context.Context, _ effect.Act, account, reason string) error {
	w.acts = append(w.acts, "freeze "+account+" "+reason)
	return nil
}

func stopKeys(t *testing.T) *secret.Keyring {
	t.Helper()
	keys, err := secret.ParseMaster(strings.Repeat("AbCd", 11))
	if err != nil {
		t.Fatal(err)
	}
	return keys
}

func (w *stopWorld) stops(t *testing.T, now time.Time) *recovery.Stops {
	t.Helper()
	return &recovery.Stops{Freezes: w, Recoveries: &recovery.Service{
		Circles: w, Owners: w, Attempts: w, Limits: w, Keys: stopKeys(t), Policy: policy.Default(), Now: func() time.Time { return now },
	}}
}

func TestStopByCode(t *testing.T) {
	right := stopKeys(t).StopCode(stopOwner, stopNoon)
	nobodys := stopKeys(t).StopCode("", stopNoon)
	froze := "freeze vera " + trust.FrozenByNotice
	for _, c := range []struct {
		name, who, code string
		world           stopWorld
		freeze          bool
		later           time.Duration
		want            string
		key             string
	}{
		{name: "stops", who: "vera@example.ru", code: right, world: stopWorld{open: true}, want: "disown"},
		{name: "stops and freezes, in that order", who: "vera@example.ru", code: right, world: stopWorld{open: true}, freeze: true, want: "disown;" + froze},
		{name: "nothing open, freezes", who: "vera@example.ru", code: right, freeze: true, want: froze},
		{name: "nothing open", who: "vera@example.ru", code: right},
		{name: "completed before, only a freeze stops anybody", who: "vera@example.ru", code: right, world: stopWorld{taken: true}, want: froze},
		{name: "completed meanwhile, the same", who: "vera@example.ru", code: right, world: stopWorld{open: true, over: true, taken: true}, want: froze},
		{name: "a newer one is open, the password is safe", who: "vera@example.ru", code: right, world: stopWorld{open: true, taken: true}, want: "disown"},
		{name: "completed meanwhile, freezes all the same", who: "vera@example.ru", code: right, world: stopWorld{open: true, over: true}, freeze: true, want: froze},
		{name: "spaces", who: "vera@example.ru", code: " " + strings.ReplaceAll(right, "-", " — "), world: stopWorld{open: true}, want: "disown"},
		{name: "a code of three days ago", who: "vera@example.ru", code: right, world: stopWorld{open: true}, later: 72 * time.Hour, want: "disown"},
		{name: "a code of four days ago", who: "vera@example.ru", code: right, world: stopWorld{open: true}, later: 96 * time.Hour},
		{name: "a wrong code", who: "vera@example.ru", code: "0000-0000", world: stopWorld{open: true}, freeze: true},
		{name: "an unknown person", who: "+79990000000", code: right, world: stopWorld{open: true}, freeze: true},
		{name: "an unknown person with nobody's code", who: "+79990000000", code: nobodys, world: stopWorld{open: true}, freeze: true},
		{name: "unreadable", who: "?", code: right, key: "fault.identifier.unreadable"},
		{name: "too often from there", who: "vera@example.ru", code: right, world: stopWorld{open: true, limited: "stop_area"}, key: "fault.limited.stop_area"},
		{name: "too often here", who: "vera@example.ru", code: right, world: stopWorld{open: true, limited: "stop_here"}, key: "fault.limited.stop_here"},
		{name: "too often everywhere", who: "vera@example.ru", code: right, world: stopWorld{open: true, limited: "stop_account"}, key: "fault.limited.stop_account"},
	} {
		w := c.world
		err := w.stops(t, stopNoon.Add(c.later)).Stop(t.Context(), effect.Act{Area: "91.221.0.0/16"}, c.who, c.code, c.freeze)
		if key := fault.Of(err); (err == nil) != (c.key == "") || err != nil && key.Key != c.key {
			t.Errorf("%s: %v, want %q", c.name, err, c.key)
		}
		if got := strings.Join(w.acts, ";"); got != c.want {
			t.Errorf("%s: did %q, want %q", c.name, got, c.want)
		}
	}
}

// TestStopTellsContacts: a disown by code is the same disown as from a session.
func TestStopTellsContacts(t *testing.T) {
	w := stopWorld{open: true}
	if err := w.stops(t, stopNoon).Stop(t.Context(), effect.Act{}, "vera@example.ru", stopKeys(t).StopCode(stopOwner, stopNoon), true); err != nil {
		t.Fatal(err)
	}
	locked := slices.ContainsFunc(w.effects, func(e effect.Effect) bool { _, ok := e.(effect.LockRecovery); return ok })
	if !locked {
		t.Errorf("online recovery is not locked: %v", w.effects)
	}
}

// TestStrangersCostTheSame: the counters run alike for a known and an unknown identifier, and one area
// does not use up the tries of another (T21).
func TestStrangersCostTheSame(t *testing.T) {
	known, unknown, elsewhere := stopWorld{}, stopWorld{}, stopWorld{}
	for _, one := range []struct {
		w         *stopWorld
		who, area string
	}{{&known, "vera@example.ru", "a"}, {&unknown, "+79990000000", "a"}, {&elsewhere, "vera@example.ru", "b"}} {
		if err := one.w.stops(t, stopNoon).Stop(t.Context(), effect.Act{Area: one.area}, one.who, "1111-1111", false); err != nil {
			t.Fatal(err)
		}
	}
	names := func(w stopWorld) (out []string) {
		for _, l := range w.limits {
			name, _, _ := strings.Cut(l, " ")
			out = append(out, name)
		}
		return out
	}
	if !slices.Equal(names(known), names(unknown)) || len(known.limits) != 3 {
		t.Errorf("limits %v and %v", known.limits, unknown.limits)
	}
	if known.limits[1] == elsewhere.limits[1] || known.limits[2] != elsewhere.limits[2] {
		t.Errorf("one bucket for two areas: %v, %v", known.limits, elsewhere.limits)
	}
	if strings.Contains(strings.Join(unknown.limits, " "), "+7999") {
		t.Errorf("an identifier is a key in the clear: %v", unknown.limits)
	}
}

func TestStopByLink(t *testing.T) {
	p := policy.Default()
	link := strings.TrimPrefix(recovery.NotMeLink(stopKeys(t), stopOwner, stopNoon, p), recovery.NotMePath)
	other := stopKeys(t).Sign("email", []byte(stopOwner), stopNoon.Add(time.Hour))
	for _, c := range []struct {
		name, signed string
		after        time.Duration
		key          string
	}{
		{"at once", link, 0, ""},
		{"at its last moment", link, p.NoticeLinkTTL - time.Microsecond, ""},
		{"too late", link, p.NoticeLinkTTL, "fault.recovery.link_expired"},
		{"of another purpose", other, 0, "fault.recovery.link_forged"},
		{"changed", "A" + link[1:], 0, "fault.recovery.link_forged"},
		{"empty", "", 0, "fault.recovery.link_forged"},
	} {
		w := stopWorld{open: true}
		s := w.stops(t, stopNoon.Add(c.after))
		_, look := s.LinkLeads(t.Context(), c.signed)
		frozen, err := s.StopByLink(t.Context(), effect.Act{}, c.signed, true)
		if frozen != (c.key == "") {
			t.Errorf("%s: frozen %v", c.name, frozen)
		}
		for _, e := range []error{look, err} {
			if (e == nil) != (c.key == "") || e != nil && fault.Of(e).Key != c.key {
				t.Errorf("%s: %v, want %q", c.name, e, c.key)
			}
		}
		if got, want := len(w.acts), map[bool]int{true: 2, false: 0}[c.key == ""]; got != want {
			t.Errorf("%s: did %v", c.name, w.acts)
		}
	}
}

// TestLinkAfterACompletedRecovery: the page knows that the password is a new one, and either button freezes.
func TestLinkAfterACompletedRecovery(t *testing.T) {
	link := strings.TrimPrefix(recovery.NotMeLink(stopKeys(t), stopOwner, stopNoon, policy.Default()), recovery.NotMePath)
	for _, taken := range []bool{false, true} {
		w := stopWorld{taken: taken}
		s := w.stops(t, stopNoon)
		leads, err := s.LinkLeads(t.Context(), link)
		if err != nil || leads.Frozen || leads.Recovered.IsZero() == taken {
			t.Errorf("recovered %v: %+v %v", taken, leads, err)
		}
		frozen, err := s.StopByLink(t.Context(), effect.Act{}, link, false)
		if err != nil || frozen != taken || len(w.acts) > 0 != taken {
			t.Errorf("recovered %v: frozen %v, did %v, %v", taken, frozen, w.acts, err)
		}
	}
}

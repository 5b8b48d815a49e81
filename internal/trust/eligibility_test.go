package trust_test

import (
	"slices"
	"testing"
	"time"

	"doverie/internal/fault"
	"doverie/internal/trust"
)

func good() trust.Facts {
	return trust.Facts{
		Account: "contact", Given: "Алексей", Citizenship: "RUS", Confirmed: true, Open: true, Age: 30,
		Phone: "+79165554567", PhoneCurrent: true, SNILS: "112-233-445 95",
	}
}

func but(change func(*trust.Facts)) trust.Facts {
	f := good()
	change(&f)
	return f
}

func TestRolesListEveryReason(t *testing.T) {
	for _, c := range []struct {
		name               string
		facts              trust.Facts
		principal, contact []trust.Reason
	}{
		{"good", good(), nil, nil},
		{"foreigner", but(func(f *trust.Facts) { f.Citizenship = "BLR" }), []trust.Reason{trust.NotCitizen}, []trust.Reason{trust.NotCitizen}},
		{"citizenship unknown", but(func(f *trust.Facts) { f.Citizenship = "" }), []trust.Reason{trust.NotCitizen}, []trust.Reason{trust.NotCitizen}},
		{"unconfirmed", but(func(f *trust.Facts) { f.Confirmed = false }), []trust.Reason{trust.NotConfirmed}, []trust.Reason{trust.NotConfirmed}},
		{"phone not current", but(func(f *trust.Facts) { f.PhoneCurrent = false }), []trust.Reason{trust.PhoneNotCurrent}, []trust.Reason{trust.PhoneNotCurrent}},
		{"13", but(func(f *trust.Facts) { f.Age = 13 }), []trust.Reason{trust.TooYoung}, []trust.Reason{trust.TooYoung}},
		{"14", but(func(f *trust.Facts) { f.Age = 14 }), nil, []trust.Reason{trust.TooYoung}},
		{"17", but(func(f *trust.Facts) { f.Age = 17 }), nil, []trust.Reason{trust.TooYoung}},
		{"18", but(func(f *trust.Facts) { f.Age = 18 }), nil, nil},
		{"newborn", but(func(f *trust.Facts) { f.Age = 0 }), []trust.Reason{trust.TooYoung}, []trust.Reason{trust.TooYoung}},
		{"age unknown", but(func(f *trust.Facts) { f.Age = -1 }), []trust.Reason{trust.AgeUnknown}, []trust.Reason{trust.AgeUnknown}},
		{"closed", but(func(f *trust.Facts) { f.Open = false }), []trust.Reason{trust.AccountClosed}, []trust.Reason{trust.AccountClosed}},
		{"frozen", but(func(f *trust.Facts) { f.Open, f.Frozen = false, true }), []trust.Reason{trust.AccountFrozen}, []trust.Reason{trust.AccountFrozen}},
		{
			"everything at once", trust.Facts{Age: 3},
			[]trust.Reason{trust.NotCitizen, trust.NotConfirmed, trust.TooYoung, trust.PhoneNotCurrent, trust.AccountClosed},
			[]trust.Reason{trust.NotCitizen, trust.NotConfirmed, trust.TooYoung, trust.PhoneNotCurrent, trust.AccountClosed},
		},
	} {
		if got := trust.PrincipalReasons(c.facts, rules); !slices.Equal(got, c.principal) {
			t.Errorf("%s as principal: %v, want %v", c.name, got, c.principal)
		}
		if got := trust.ContactReasons(c.facts, rules); !slices.Equal(got, c.contact) {
			t.Errorf("%s as contact: %v, want %v", c.name, got, c.contact)
		}
	}
}

func TestPairReasons(t *testing.T) {
	principal := but(func(f *trust.Facts) { f.Account, f.Phone, f.SNILS = "principal", "+79160000001", "001-001-998 00" })
	for _, c := range []struct {
		name    string
		contact trust.Facts
		want    []trust.Reason
	}{
		{"two people", good(), nil},
		{"the same account", principal, []trust.Reason{trust.Self}},
		{"the same phone", but(func(f *trust.Facts) { f.Phone = principal.Phone }), []trust.Reason{trust.SamePhone}},
		{"the same SNILS", but(func(f *trust.Facts) { f.SNILS = principal.SNILS }), []trust.Reason{trust.SameSNILS}},
		{"both", but(func(f *trust.Facts) { f.Phone, f.SNILS = principal.Phone, principal.SNILS }), []trust.Reason{trust.SamePhone, trust.SameSNILS}},
	} {
		if got := trust.PairReasons(principal, c.contact); !slices.Equal(got, c.want) {
			t.Errorf("%s: %v, want %v", c.name, got, c.want)
		}
	}
	nothing := trust.Facts{Account: "a"}
	if got := trust.PairReasons(nothing, trust.Facts{Account: "b"}); got != nil {
		t.Errorf("two people without phone and SNILS are the same one: %v", got)
	}
}

func TestAbleFrom(t *testing.T) {
	now := start
	settled := trust.Link{State: trust.Active, SettlesAt: now.Add(-time.Hour)}
	state := func(s trust.LinkState) trust.Link { l := settled; l.State = s; return l }
	fresh := trust.Link{State: trust.Active, SettlesAt: now.Add(2 * time.Hour)}
	changed := func(ago time.Duration) trust.Facts {
		return but(func(f *trust.Facts) { f.ChangedAt = now.Add(-ago) })
	}
	for _, c := range []struct {
		name    string
		link    trust.Link
		facts   trust.Facts
		from    time.Time
		reasons []trust.Reason
	}{
		{"able", settled, good(), now, nil},
		{"leaving still guards", state(trust.Leaving), good(), now, nil},
		{"settles this moment", trust.Link{State: trust.Active, SettlesAt: now}, good(), now, nil},
		{"settles in a moment", trust.Link{State: trust.Active, SettlesAt: now.Add(1)}, good(), now.Add(1), []trust.Reason{trust.Settling}},
		{"settling", fresh, good(), now.Add(2 * time.Hour), []trust.Reason{trust.Settling}},
		{"changed exactly long enough ago", settled, changed(rules.NoCascade), now, nil},
		{"changed a moment less ago", settled, changed(rules.NoCascade - 1), now.Add(1), []trust.Reason{trust.RecentChange}},
		{"SIM changed exactly long enough ago", settled, but(func(f *trust.Facts) { f.SimChangedAt = now.Add(-rules.SimChangeQuiet) }), now, nil},
		{"SIM changed now", settled, but(func(f *trust.Facts) { f.SimChangedAt = now }), now.Add(rules.SimChangeQuiet), []trust.Reason{trust.SimChanged}},
		{"the latest of three counts", fresh, but(func(f *trust.Facts) {
			f.ChangedAt, f.SimChangedAt = now.Add(-time.Hour), now.Add(-2*time.Hour)
		}), now.Add(rules.NoCascade - time.Hour), []trust.Reason{trust.Settling, trust.RecentChange, trust.SimChanged}},
		{"suspended", state(trust.Suspended), good(), time.Time{}, []trust.Reason{trust.LinkSuspended}},
		{"ended", state(trust.Ended), good(), time.Time{}, []trust.Reason{trust.LinkNotGuarding}},
		{"invited", state(trust.Invited), good(), time.Time{}, []trust.Reason{trust.LinkNotGuarding}},
		{"not eligible", settled, but(func(f *trust.Facts) { f.Confirmed = false }), time.Time{}, []trust.Reason{trust.NotConfirmed}},
		{"recovering himself", settled, but(func(f *trust.Facts) { f.Recovering = true }), time.Time{}, []trust.Reason{trust.RecoveringNow}},
		{"waiting does not help who is not eligible", fresh, but(func(f *trust.Facts) { f.Age = 17 }), time.Time{}, []trust.Reason{trust.TooYoung, trust.Settling}},
	} {
		from, reasons := trust.AbleFrom(c.link, c.facts, now, rules)
		if !from.Equal(c.from) || !slices.Equal(reasons, c.reasons) {
			t.Errorf("%s: from %v %v, want %v %v", c.name, from, reasons, c.from, c.reasons)
		}
	}
}

func TestAbleCountsWhoCanBeforeTheDeadline(t *testing.T) {
	settlesIn := func(d time.Duration) trust.Guardian {
		return trust.Guardian{Link: trust.Link{State: trust.Active, SettlesAt: start.Add(d)}, Contact: good()}
	}
	c := trust.Circle{Now: start, Guardians: []trust.Guardian{
		settlesIn(-time.Hour), settlesIn(time.Hour), settlesIn(12 * time.Hour), settlesIn(13 * time.Hour),
		{Link: trust.Link{State: trust.Suspended}, Contact: good()},
	}}
	for deadline, want := range map[time.Duration]int{
		time.Second: 1, time.Hour: 1, time.Hour + 1: 2, 12 * time.Hour: 2, 12*time.Hour + 1: 3, 24 * time.Hour: 4,
	} {
		if got := c.Able(start.Add(deadline), rules); got != want {
			t.Errorf("before %s: %d, want %d", deadline, got, want)
		}
	}
}

func TestNotEligibleNamesEveryReason(t *testing.T) {
	f := trust.NotEligible([]trust.Reason{trust.TooYoung, trust.Self})
	if f.Kind != fault.Refused || len(f.Fields) != 2 || f.Fields[0].Key != "reason.too_young" || f.Fields[1].Key != "reason.self" {
		t.Errorf("%+v", f)
	}
}

func TestNames(t *testing.T) {
	for _, c := range []struct {
		facts         trust.Facts
		short, polite string
	}{
		{trust.Facts{Given: "Вера", Patronymic: "Ивановна", FamilyLetter: "П"}, "Вера П.", "Вера Ивановна"},
		{trust.Facts{Given: "Вера"}, "Вера", "Вера"},
	} {
		if c.facts.ShortName() != c.short || c.facts.PoliteName() != c.polite {
			t.Errorf("%q %q", c.facts.ShortName(), c.facts.PoliteName())
		}
	}
}

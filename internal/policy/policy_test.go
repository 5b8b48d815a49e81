package policy_test

import (
	"reflect"
	"strings"
	"testing"
	"time"

	"doverie/internal/policy"
)

func TestDefaultIsSound(t *testing.T) {
	if errs := policy.Default().Check(); len(errs) > 0 {
		t.Error(errs)
	}
}

// Entries shows every field once, with a sentence, and bounds where there are any.
func TestEntriesAreComplete(t *testing.T) {
	p := policy.Default()
	entries := p.Entries()
	if len(entries) != reflect.TypeFor[policy.Policy]().NumField() {
		t.Fatalf("%d entries", len(entries))
	}
	seen := map[string]bool{}
	for i, e := range entries {
		kind := reflect.TypeFor[policy.Policy]().Field(i).Type.Kind()
		if e.Key == "" || e.Doc == "" || e.Value == "" || seen[e.Key] {
			t.Errorf("%+v", e)
		}
		if bounded := kind != reflect.String; bounded != (e.Min != "") || bounded != (e.Max != "") {
			t.Errorf("bounds of %s: %q to %q", e.Key, e.Min, e.Max)
		}
		seen[e.Key] = true
	}
}

// What Entries prints, Set reads: a policy written out and read back is the same.
func TestSetReadsWhatEntriesPrints(t *testing.T) {
	want := policy.Default()
	var got policy.Policy
	for _, e := range want.Entries() {
		if err := got.Set(e.Key, e.Value); err != nil {
			t.Error(err)
		}
	}
	if got != want {
		t.Errorf("read back:\n%+v\nwant:\n%+v", got, want)
	}
}

func TestSet(t *testing.T) {
	for _, c := range []struct{ key, value, wrong string }{
		{"max_contacts", "2", ""},
		{"settling", "36h", ""},
		{"settling", "90m30s", ""},
		{"time_zone", "Asia/Omsk", ""},
		{"max_contacts", "", "whole number"},
		{"max_contacts", "2.5", "whole number"},
		{"max_contacts", "2x", "whole number"},
		{"max_contacts", " 2", "whole number"},
		{"max_contacts", "0x2", "whole number"},
		{"max_contacts", "99999999999999999999", "whole number"},
		{"settling", "36", "not a duration"},
		{"settling", "36 h", "not a duration"},
		{"settling", "1d", "not a duration"},
		{"settling", "", "not a duration"},
		{"no_such", "1", "no such key"},
		{"", "1", "no such key"},
	} {
		p := policy.Default()
		err := p.Set(c.key, c.value)
		switch {
		case c.wrong == "" && err != nil:
			t.Errorf("%s = %q: %v", c.key, c.value, err)
		case c.wrong != "" && (err == nil || !strings.Contains(err.Error(), c.wrong) || !strings.Contains(err.Error(), "policy."+c.key)):
			t.Errorf("%s = %q: %v, want %q and the key", c.key, c.value, err, c.wrong)
		case c.wrong != "" && p != policy.Default():
			t.Errorf("%s = %q was refused and changed something", c.key, c.value)
		}
	}
}

// Every bounded field, at its bounds and one step beyond them.
func TestCheckKnowsEveryBound(t *testing.T) {
	typ := reflect.TypeFor[policy.Policy]()
	for i, e := range policy.Default().Entries() {
		if e.Min == "" {
			continue
		}
		var low, high policy.Policy
		for value, into := range map[string]*policy.Policy{e.Min: &low, e.Max: &high} {
			*into = policy.Default()
			if err := into.Set(e.Key, value); err != nil {
				t.Fatal(err)
			}
			if names(*into, e.Key, "outside") {
				t.Errorf("%s = %s is a bound and was refused", e.Key, value)
			}
		}
		for _, c := range []struct {
			p    policy.Policy
			step int64
		}{{low, -1}, {high, 1}} {
			f := reflect.ValueOf(&c.p).Elem().Field(i)
			f.SetInt(f.Int() + c.step)
			if !names(c.p, e.Key, "outside") {
				t.Errorf("%s = %v is beyond its bounds and was taken", typ.Field(i).Name, f.Interface())
			}
		}
	}
}

func names(p policy.Policy, key, words string) bool {
	for _, err := range p.Check() {
		if strings.HasPrefix(err.Error(), "policy."+key+":") && strings.Contains(err.Error(), words) {
			return true
		}
	}
	return false
}

func TestCheckRelations(t *testing.T) {
	for _, c := range []struct {
		name   string
		change func(*policy.Policy)
		key    string // "" when it is allowed
	}{
		{"no zone", func(p *policy.Policy) { p.TimeZone = "" }, "time_zone"},
		{"unknown zone", func(p *policy.Policy) { p.TimeZone = "Europe/Atlantis" }, "time_zone"},
		{"no version", func(p *policy.Policy) { p.Version = "" }, "version"},
		{"no citizenship", func(p *policy.Policy) { p.Citizenship = "" }, "citizenship"},
		{"resend as long as the code", func(p *policy.Policy) { p.CodeResend = p.CodeTTL }, "code_resend"},
		{"resend just shorter", func(p *policy.Policy) { p.CodeResend = p.CodeTTL - 1 }, ""},
		{"quiet wait shorter than leaving", func(p *policy.Policy) { p.RecoveryQuietWait = p.Leaving - 1 }, "recovery_quiet_wait"},
		{"quiet wait as long as leaving", func(p *policy.Policy) { p.RecoveryQuietWait = p.Leaving }, ""},
	} {
		p := policy.Default()
		c.change(&p)
		errs := p.Check()
		if c.key == "" && len(errs) > 0 {
			t.Errorf("%s: %v", c.name, errs)
		}
		if c.key != "" && !names(p, c.key, "") {
			t.Errorf("%s: %v does not name %s", c.name, errs, c.key)
		}
	}
}

// Check names every fault at once, so that a configuration is mended in one go.
func TestCheckNamesEverything(t *testing.T) {
	var nothing policy.Policy
	errs := nothing.Check()
	zeroAllowed := 0
	for _, e := range nothing.Entries() {
		if e.Min == "0s" {
			zeroAllowed++
			continue
		}
		if !names(nothing, e.Key, "") {
			t.Errorf("%s is not named", e.Key)
		}
	}
	if zeroAllowed == 0 || len(errs) < len(nothing.Entries())-zeroAllowed {
		t.Errorf("%d faults, %d fields may be zero", len(errs), zeroAllowed)
	}
}

func TestLocation(t *testing.T) {
	p := policy.Default()
	if _, offset := time.Date(2026, 1, 1, 0, 0, 0, 0, p.Location()).Zone(); offset != 3*60*60 {
		t.Errorf("Moscow is %d seconds east", offset)
	}
	p.TimeZone = "nowhere"
	if p.Location() != time.UTC {
		t.Error("an unknown zone is UTC")
	}
}

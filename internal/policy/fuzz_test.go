package policy_test

import (
	"testing"

	"doverie/internal/policy"
)

// A value of the rules is taken as it is written or refused by its name; nothing beside it changes.
func FuzzSet(f *testing.F) {
	for _, e := range policy.Default().Entries() {
		f.Add(e.Key, e.Value)
		f.Add(e.Key, e.Max)
	}
	for _, value := range []string{"72 h", "3 ", "+3", "03", "1e3", "0x10", "-1h", "3", "9223372036854775808", "NaN", "2562048h", "1h30m0.5s", "72ч", "٣", "Europe/Moscow ", "../etc/localtime", "", "Local"} {
		f.Add("hold", value)
		f.Add("max_contacts", value)
		f.Add("time_zone", value)
	}
	f.Fuzz(func(t *testing.T, key, value string) {
		p, before := policy.Default(), policy.Default().Entries()
		err := p.Set(key, value)
		changed := ""
		for i, e := range p.Entries() {
			if e.Value == before[i].Value {
				continue
			}
			if changed = e.Key; e.Key != key || err != nil {
				t.Fatalf("%q = %q (%v) changed %s from %s to %s", key, value, err, e.Key, before[i].Value, e.Value)
			}
			again := policy.Default()
			if err := again.Set(key, e.Value); err != nil || again != p {
				t.Fatalf("%q = %q is shown as %q, and that is read otherwise (%v)", key, value, e.Value, err)
			}
		}
		for _, problem := range p.Check() {
			if changed == "" {
				t.Fatalf("%q = %q changed nothing and is %v", key, value, problem)
			}
		}
		if len(p.Check()) == 0 && p.Location().String() != p.TimeZone {
			t.Fatalf("the time zone %q passes and is %s", p.TimeZone, p.Location())
		}
	})
}

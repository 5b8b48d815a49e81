package audit_test

import (
	"bytes"
	"encoding/hex"
	"testing"
	"time"

	"pgregory.net/rapid"

	"doverie/internal/audit"
	"doverie/internal/effect"
)

func leafEvent() (audit.Event, audit.Salt) {
	e := audit.Event{
		Seq: 7, At: time.UnixMicro(1795262400123456).UTC(), Kind: "link.accepted", Object: "link:1",
		Act: effect.Act{Actor: effect.Person, ID: "а", Area: "91.221.0.0/16"}, Policy: "2026-11",
		Subjects: []string{"а", "б"}, Facts: map[string]string{"имя": "Алексей", "шаг": "1"},
	}
	var salt audit.Salt
	for i := range salt {
		salt[i] = byte(i)
		e.Hash[i] = 0xab
	}
	return e, salt
}

// The layout is a promise: a proof that somebody keeps must verify with a newer program.
func TestLeafLayoutIsFixed(t *testing.T) {
	e, salt := leafEvent()
	// Computed once by a second implementation, written in another language from the comments of leaf.go.
	const want = "b5634555ffbbe9aa5cd1888e3ab80a6b6ba33b13b6f3b689fac192d044d760c0"
	if got := hex.EncodeToString(e.Leaf(salt)); got != want {
		t.Errorf("the leaf is %s, want %s: the layout changed", got, want)
	}
}

func TestLeafCommitsToEveryField(t *testing.T) {
	plain, salt := leafEvent()
	whole := plain.Leaf(salt)
	for name, change := range map[string]func(*audit.Event, *audit.Salt){
		"seq": func(e *audit.Event, _ *audit.Salt) { e.Seq++ }, "time": func(e *audit.Event, _ *audit.Salt) { e.At = e.At.Add(time.Microsecond) },
		"kind": func(e *audit.Event, _ *audit.Salt) { e.Kind = "x" }, "object": func(e *audit.Event, _ *audit.Salt) { e.Object = "x" },
		"actor": func(e *audit.Event, _ *audit.Salt) { e.Act.Actor = effect.System }, "actor id": func(e *audit.Event, _ *audit.Salt) { e.Act.ID = "x" },
		"office": func(e *audit.Event, _ *audit.Salt) { e.Act.Office = "x" }, "area": func(e *audit.Event, _ *audit.Salt) { e.Act.Area = "x" },
		"device": func(e *audit.Event, _ *audit.Salt) { e.Act.Device = "x" }, "request": func(e *audit.Event, _ *audit.Salt) { e.Act.RequestID = "x" },
		"policy": func(e *audit.Event, _ *audit.Salt) { e.Policy = "x" }, "subject": func(e *audit.Event, _ *audit.Salt) { e.Subjects = e.Subjects[:1] },
		"order": func(e *audit.Event, _ *audit.Salt) { e.Subjects = []string{"б", "а"} },
		"fact": func(e *audit.Event, _ *audit.Salt) {
			e.Facts = map[string]string{"имя": "Алексей", "шаг": "2"}
		},
		"chain": func(e *audit.Event, _ *audit.Salt) { e.Hash[31]++ }, "salt": func(_ *audit.Event, s *audit.Salt) { s[0]++ },
	} {
		e, s := leafEvent()
		change(&e, &s)
		if bytes.Equal(e.Leaf(s), whole) {
			t.Errorf("%s: the leaf did not change", name)
		}
	}
}

// Whatever part of an event somebody is shown, he works out the same leaf; and no value he is not shown is in it.
func TestShownPartsGiveTheLeaf(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		e, salt := leafEvent()
		e.Act.Device = rapid.StringN(8, 20, -1).Draw(t, "device")
		secret := "hidden-" + rapid.StringMatching(`[a-z0-9]{12}`).Draw(t, "secret")
		e.Subjects = append(e.Subjects, secret)
		shown := e.Show(salt, func(f audit.Field) bool { return f.Value != secret && rapid.Bool().Draw(t, "may") })
		leaf, err := audit.LeafOfShown(shown)
		if err != nil || !bytes.Equal(leaf, e.Leaf(salt)) {
			t.Fatalf("leaf %x of the parts, %v", leaf, err)
		}
		at := rapid.IntRange(0, len(shown)-1).Draw(t, "field")
		for _, f := range shown {
			if f.Value == secret || bytes.Contains(f.Salt, salt[:]) {
				t.Fatal("what is hidden is shown")
			}
		}
		if shown[at].Hidden != nil {
			shown[at].Hidden = append([]byte{shown[at].Hidden[0] ^ 1}, shown[at].Hidden[1:]...)
		} else {
			shown[at].Value += "x"
		}
		if changed, err := audit.LeafOfShown(shown); err != nil || bytes.Equal(changed, leaf) {
			t.Fatalf("a changed part gives the same leaf (%v)", err)
		}
	})
}

func TestShownPartsAreWhole(t *testing.T) {
	e, salt := leafEvent()
	for name, spoil := range map[string]func(*audit.Shown){
		"no salt": func(s *audit.Shown) { s.Salt = nil }, "short salt": func(s *audit.Shown) { s.Salt = s.Salt[1:] }, "no name": func(s *audit.Shown) { s.Name = "" },
		"both": func(s *audit.Shown) { s.Hidden = s.Salt }, "neither": func(s *audit.Shown) { *s = audit.Shown{} },
		"short commitment": func(s *audit.Shown) { *s = audit.Shown{Hidden: s.Salt[1:]} },
	} {
		shown := e.Show(salt, func(audit.Field) bool { return true })
		spoil(&shown[2])
		if _, err := audit.LeafOfShown(shown); err == nil {
			t.Errorf("%s: no error", name)
		}
	}
}

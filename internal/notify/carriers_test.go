package notify

import (
	"context"
	"errors"
	"testing"
)

// script is a carrier that ends as it is told, and counts what it took or may have taken.
type script struct {
	ends  []Outcome
	err   error
	calls int
}

func (s *script) Deliver(context.Context, Letter) (Outcome, error) {
	end := s.ends[min(s.calls, len(s.ends)-1)]
	s.calls++
	if end == Accepted || end == Delivered {
		return end, nil
	}
	return end, s.err
}

// TestInOrderWalksEveryPair: which outcome of two carriers leads where, and whether the second was asked.
func TestInOrderWalksEveryPair(t *testing.T) {
	outcomes := []Outcome{Unknown, Delivered, Accepted, Refused, Postponed}
	failed := errors.New("x")
	for _, a := range outcomes {
		for _, b := range outcomes {
			want, asked := a, 0
			if a == Refused || a == Postponed {
				asked = 1
				if want = b; b == Refused {
					want = a
				}
			}
			first, second := &script{ends: []Outcome{a}, err: failed}, &script{ends: []Outcome{b}, err: failed}
			c, err := InOrder(first, second)
			if err != nil {
				t.Fatal(err)
			}
			got, err := c.Deliver(t.Context(), Letter{Key: "k"})
			if got != want || second.calls != asked || (err == nil) != (want == Accepted || want == Delivered) {
				t.Errorf("%s then %s: %s, %v, the second asked %d times", a, b, got, err, second.calls)
			}
		}
	}
}

func TestInOrderSendsNothingTwice(t *testing.T) {
	first, second := &script{ends: []Outcome{Postponed, Accepted}, err: errors.New("x")}, &script{ends: []Outcome{Accepted}}
	c, err := InOrder(first, second)
	if err != nil {
		t.Fatal(err)
	}
	for range 3 { // the first is well again, and must not send what the second sent
		if got, err := c.Deliver(t.Context(), Letter{Key: "k"}); got != Accepted || err != nil {
			t.Fatal(got, err)
		}
	}
	if first.calls != 1 || second.calls != 1 {
		t.Errorf("%d and %d calls", first.calls, second.calls)
	}
	late, other := &script{ends: []Outcome{Refused}, err: ErrTooLate}, &script{ends: []Outcome{Accepted}}
	if c, err = InOrder(late, other); err != nil {
		t.Fatal(err)
	}
	if got, err := c.Deliver(t.Context(), Letter{Key: "late"}); got != Refused || !errors.Is(err, ErrTooLate) || other.calls != 0 {
		t.Error(got, err, other.calls)
	}
	for _, bad := range [][]Channel{nil, {nil}, {first, nil}} {
		if _, err := InOrder(bad...); err == nil {
			t.Errorf("%v was taken", bad)
		}
	}
}

func TestT18_OnlyServedNumbers(t *testing.T) {
	carrier := &script{ends: []Outcome{Accepted}}
	c, err := OnlyTo(carrier, "+79", "+375")
	if err != nil {
		t.Fatal(err)
	}
	for address, want := range map[string]Outcome{
		"+79160000001": Accepted, "+375291234567": Accepted, "+77011234567": Refused, "+447700900000": Refused, "79160000001": Refused, "": Refused,
		"+3": Refused,
	} {
		before := carrier.calls
		if got, _ := c.Deliver(t.Context(), Letter{Address: address}); got != want || (carrier.calls > before) != (want == Accepted) {
			t.Errorf("%q: %s", address, got)
		}
	}
	for _, bad := range [][]string{nil, {""}, {"+"}, {"7"}, {"+7", "x"}, {"+12345678"}} {
		if _, err := OnlyTo(carrier, bad...); err == nil {
			t.Errorf("%q were taken", bad)
		}
	}
	if _, err := OnlyTo(nil, "+7"); err == nil {
		t.Error("no carrier was taken")
	}
}

func TestByKindSendsEachKindItsWay(t *testing.T) {
	common, own := &script{ends: []Outcome{Accepted}}, &script{ends: []Outcome{Accepted}}
	c, err := ByKind(common, map[Kind]Channel{RegisterCode: own})
	if err != nil {
		t.Fatal(err)
	}
	for _, kind := range []Kind{RegisterCode, RegisterCode, SignInCode, "no.such.kind"} {
		if _, err := c.Deliver(t.Context(), Letter{Kind: kind}); err != nil {
			t.Error(err)
		}
	}
	if own.calls != 2 || common.calls != 2 {
		t.Errorf("its own carrier was asked %d times, the common one %d times", own.calls, common.calls)
	}
	if same, err := ByKind(common, nil); err != nil || same != Channel(common) {
		t.Errorf("nothing of its own: %v, %v", same, err)
	}
	for _, wrong := range []func() (Channel, error){
		func() (Channel, error) { return ByKind(nil, nil) },
		func() (Channel, error) { return ByKind(common, map[Kind]Channel{RegisterCode: nil}) },
	} {
		if _, err := wrong(); err == nil {
			t.Error("a missing carrier was accepted")
		}
	}
}

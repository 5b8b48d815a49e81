package notify

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"sync"
	"testing"
	"time"

	"doverie/internal/effect"
)

var noon = time.Date(2026, 11, 21, 9, 0, 0, 0, time.UTC)

func still() time.Time { return noon }

func newRouter(t *testing.T, phone *DevPhone) *Router {
	t.Helper()
	r, err := NewRouter(newTexts(t), map[effect.Channel]Channel{
		effect.SMS: phone.On(effect.SMS), effect.Email: phone.On(effect.Email),
	}, still)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

func codeMessage(key string) Message {
	return Message{
		ID: "m1", Kind: SignInCode, Channel: effect.SMS, Address: "+79160000001", Locale: "ru",
		Args: map[string]string{"code": "271828"}, Attempt: 1, Key: key,
	}
}

func TestRouterDelivers(t *testing.T) {
	phone := NewDevPhone(still)
	router := newRouter(t, phone)
	for range 2 { // delivered at least once: the second time changes nothing
		if outcome, err := router.Deliver(t.Context(), codeMessage("k1")); outcome != Delivered || err != nil {
			t.Fatalf("%s, %v", outcome, err)
		}
	}
	got := phone.Messages("+79160000001")
	if len(got) != 1 || !strings.Contains(got[0].Text.Body, "271828") || got[0].Sender != "Доверие" || !got[0].At.Equal(noon) || got[0].Kind != SignInCode {
		t.Errorf("%+v", got)
	}
}

func TestRouterKnowsWhenItWasDecided(t *testing.T) {
	phone := NewDevPhone(still)
	m := Message{Kind: PasswordChanged, Channel: effect.SMS, Address: "+7", Locale: "ru", At: noon.Add(-time.Hour)}
	if outcome, err := newRouter(t, phone).Deliver(t.Context(), m); outcome != Delivered || err != nil {
		t.Fatalf("%s, %v", outcome, err)
	}
	if body := phone.Messages("+7")[0].Text.Body; !strings.Contains(body, "изменён 21 ноября, 11:00.") || m.Args != nil {
		t.Errorf("%s (args %v)", body, m.Args)
	}
}

func TestRouterRefuses(t *testing.T) {
	phone := NewDevPhone(still)
	router := newRouter(t, phone)
	for name, c := range map[string]struct {
		change func(*Message)
		want   error
	}{
		"too late":    {func(m *Message) { m.NotAfter = noon }, ErrTooLate},
		"no channel":  {func(m *Message) { m.Channel = effect.Push }, ErrNoChannel},
		"no address":  {func(m *Message) { m.Address = "" }, ErrNoAddress},
		"bad args":    {func(m *Message) { m.Args = nil }, ErrMissing},
		"wrong route": {func(m *Message) { m.Channel = effect.Email }, ErrBadChannel},
	} {
		m := codeMessage(name)
		c.change(&m)
		outcome, err := router.Deliver(t.Context(), m)
		if outcome != Refused || !errors.Is(err, c.want) {
			t.Errorf("%s: %s, %v", name, outcome, err)
		}
		if err != nil && (strings.Contains(err.Error(), "271828") || strings.Contains(err.Error(), "+7916")) {
			t.Errorf("%s: the error tells a secret: %v", name, err)
		}
	}
	if boxes := phone.Addresses(); len(boxes) != 0 {
		t.Errorf("refused messages arrived at %v", boxes)
	}
	m := codeMessage("in time")
	m.NotAfter = noon.Add(time.Nanosecond)
	if outcome, err := router.Deliver(t.Context(), m); outcome != Delivered || err != nil {
		t.Errorf("in time: %s, %v", outcome, err)
	}
	if _, err := NewRouter(newTexts(t), map[effect.Channel]Channel{effect.SMS: nil}, still); err == nil {
		t.Error("a nil channel was accepted")
	}
}

// TestT36_MessagesPrintNoSecret: whatever a careless log line does with them.
func TestT36_MessagesPrintNoSecret(t *testing.T) {
	m := codeMessage("k")
	l := Letter{ID: "m1", Kind: SignInCode, Address: m.Address, Text: Text{Body: "Код 271828"}}
	var b bytes.Buffer
	for _, h := range []slog.Handler{slog.NewJSONHandler(&b, nil), slog.NewTextHandler(&b, nil)} {
		slog.New(h).Info("x", "message", m, "letter", l, "pointer", &m)
	}
	for _, format := range []string{"%v", "%+v", "%#v", "%s"} {
		fmt.Fprintf(&b, format+format+format, m, l, &m)
	}
	for _, hidden := range []string{"271828", "+79160000001"} {
		if strings.Contains(b.String(), hidden) {
			t.Errorf("%s is told:\n%s", hidden, b.String())
		}
	}
}

func put(d *DevPhone, address, key string) {
	_, _ = d.On(effect.SMS).Deliver(context.Background(), Letter{Address: address, Key: key, Text: Text{Body: key}}) // cannot fail: the address is set
}

func TestDevPhoneIsBounded(t *testing.T) {
	d := NewDevPhone(still)
	for i := range keptPerAddress + 7 {
		put(d, "+1", fmt.Sprint(i))
	}
	got := d.Messages("+1")
	if len(got) != keptPerAddress || got[0].Text.Body != "7" || got[len(got)-1].Text.Body != fmt.Sprint(keptPerAddress+6) {
		t.Errorf("%d messages, from %s", len(got), got[0].Text.Body)
	}
	if since := d.Since(got[len(got)-3].Seq); len(since) != 2 {
		t.Errorf("since: %d", len(since))
	}
}

func TestDevPhoneWaits(t *testing.T) {
	d := NewDevPhone(still)
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
	defer cancel()
	var wg sync.WaitGroup
	for range 8 {
		wg.Go(func() {
			r, err := d.WaitFor(ctx, "+1", func(r Received) bool { return r.Text.Body == "49" })
			if err != nil || r.Text.Body != "49" {
				t.Errorf("%+v, %v", r, err)
			}
		})
	}
	for i := range 50 {
		wg.Go(func() { put(d, "+1", fmt.Sprint(i)); put(d, "+2", fmt.Sprint(i)) })
	}
	wg.Wait()
	if n := len(d.Messages("+1")) + len(d.Messages("+2")); n != 100 {
		t.Errorf("%d of 100 messages arrived", n)
	}
	gone, stop := context.WithCancel(t.Context())
	stop()
	if _, err := d.WaitFor(gone, "+3", nil); !errors.Is(err, context.Canceled) {
		t.Errorf("a cancelled wait: %v", err)
	}
	if len(d.watchers) != 0 {
		t.Errorf("%d watchers were left behind", len(d.watchers))
	}
}

func TestDevPhoneRings(t *testing.T) {
	d := NewDevPhone(still)
	all, stopAll := d.Subscribe("")
	one, stopOne := d.Subscribe("+1")
	defer stopOne()
	put(d, "+2", "a")
	put(d, "+2", "b") // a slow reader gets one ring and finds both
	select {
	case <-one:
		t.Error("the phone +1 rang for +2")
	default:
	}
	<-all
	if n := len(d.Since(0)); n != 2 {
		t.Errorf("%d messages after the ring", n)
	}
	stopAll()
	put(d, "+1", "c")
	<-one
	select {
	case <-all:
		t.Error("a stopped bell rang")
	default:
	}
}

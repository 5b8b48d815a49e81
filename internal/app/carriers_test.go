package app

import (
	"context"
	"errors"
	"io"
	"net"
	"strings"
	"testing"
	"time"

	"doverie/internal/effect"
	"doverie/internal/notify"
	"doverie/internal/notify/smpp"
	"doverie/internal/notify/smtp"
)

func TestCarriersAreChecked(t *testing.T) {
	centre := smpp.Config{Name: "main", Address: "127.0.0.1:1", SystemID: "doverie", Sender: "Doverie"}
	mail := smtp.Config{Name: "mail", Address: "127.0.0.1:1", Security: smtp.NoTLS, From: "no-reply@doverie.example"}
	for _, c := range []struct {
		carriers Carriers
		want     string
	}{
		{Carriers{SMPP: []smpp.Config{centre}, SMS: []string{"main"}}, ""},
		{Carriers{SMPP: []smpp.Config{centre, centre}, SMS: []string{"main"}}, `is called "main"`},
		{Carriers{SMPP: []smpp.Config{{Name: "main"}}, SMS: []string{"main"}}, "smpp: Address"},
		{Carriers{SMPP: []smpp.Config{centre}, SMS: []string{"spare"}}, `"spare" is no carrier of sms`},
		{Carriers{SMTP: []smtp.Config{mail}, SMS: []string{"mail"}}, `"mail" is no carrier of sms`},
		{Carriers{SMPP: []smpp.Config{centre}, SMS: []string{"main"}, Kinds: map[notify.Kind][]string{"no.such": {"main"}}}, `"no.such" is no kind`},
	} {
		conf, _ := config(t, io.Discard)
		conf.Carriers = c.carriers
		a, err := New(t.Context(), conf)
		switch {
		case c.want == "" && err != nil, c.want != "" && (err == nil || !strings.Contains(err.Error(), c.want)):
			t.Errorf("%+v: %v, want %q", c.carriers, err, c.want)
		case err == nil:
			if a.carriers.channels[effect.SMS] == nil {
				t.Error("the channel is not there")
			}
			if err := a.Close(); err != nil {
				t.Error(err)
			}
		}
	}
}

// A line that is down keeps no worker for long, and lets the next carrier be asked.
func TestALineThatIsDownIsNotWaitedFor(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	address := l.Addr().String()
	_ = l.Close() // nobody answers there
	channel, err := smpp.New(smpp.Config{Address: address, SystemID: "doverie", Sender: "Doverie", Now: time.Now})
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	joined, err := notify.InOrder(onLine{channel}, says{notify.Accepted, nil})
	if err != nil {
		t.Fatal(err)
	}
	if outcome, err := joined.Deliver(ctx, notify.Letter{Address: "+79161234567"}); outcome != notify.Accepted || err != nil {
		t.Errorf("the next carrier was not asked: %s, %v", outcome, err)
	}
	outcome, err := onLine{channel}.Deliver(ctx, notify.Letter{Address: "+79161234567"})
	if outcome != notify.Postponed || !errors.Is(err, errLineDown) {
		t.Errorf("alone: %s, %v", outcome, err)
	}
	cancel()
	if outcome, _ = (onLine{channel}).Deliver(ctx, notify.Letter{}); outcome != notify.Postponed {
		t.Errorf("given up: %s", outcome)
	}
}

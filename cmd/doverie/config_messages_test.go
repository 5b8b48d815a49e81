package main

import (
	"fmt"
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"doverie/internal/effect"
	"doverie/internal/notify"
	"doverie/internal/notify/smpp"
)

// carriersOf is a configuration with one carrier of each sort; what is added stands after it.
func carriersOf(t *testing.T) string {
	t.Helper()
	password := write(t, "smpp.password", "secret77\n", 0o600)
	reports := write(t, "reports.secret", "0123456789abcdef", 0o600)
	return complete(t) + fmt.Sprintf(`[messages]
sms = ["main", "spare"]
email = ["mail"]
[messages.order]
"recovery.code" = ["spare", "main"]
[messages.smpp.main]
address = "127.0.0.1:2775"
system_id = "doverie"
password_file = %q
sender = "Doverie"
busy_statuses = [1024, 1025]
rate = 50
reply_timeout = "7s"
[messages.http.spare]
url = "https://gateway.example/v1/send"
body = '{"to": "{to}", "text": "{text}"}'
sender = "Doverie"
report_secret_files = [%q]
report_id_path = "id"
report_state_path = "status"
report_states = { delivered = "arrived", failed = "lost" }
[messages.smtp.mail]
address = "127.0.0.1:2525"
security = "none"
from = "no-reply@doverie.example"
`, password, reports)
}

func TestCarriersAreRead(t *testing.T) {
	token := write(t, "gateway.token", "Bearer abc\n", 0o600)
	path := write(t, "doverie.toml", carriersOf(t), 0o600)
	c, err := readConfig(path, []string{
		"DOVERIE_MESSAGES_SMPP_MAIN_WINDOW=3", "DOVERIE_MESSAGES_HTTP_SPARE_AUTHORIZATION_FILE=" + token,
		"DOVERIE_MESSAGES_SMTP_MAIL_SERVER_NAME=mail.example", "DOVERIE_MESSAGES_LEASE=30s",
		"DOVERIE_MESSAGES_SMPP_THIRD_ADDRESS=10.0.0.1:2775", "DOVERIE_MESSAGES_SMPP_THIRD_SYSTEM_ID=x", "DOVERIE_MESSAGES_SMPP_THIRD_SENDER=1234",
		"DOVERIE_MESSAGES_SMPP_THIRD_PASSWORD=given", "DOVERIE_MESSAGES_SMS=main,spare,third",
	})
	if err != nil {
		t.Fatal(err)
	}
	if len(c.carriers.SMPP) != 2 || len(c.carriers.HTTP) != 1 || len(c.carriers.SMTP) != 1 || c.lease != 30*time.Second {
		t.Fatalf("read %+v", c.carriers)
	}
	main, third := c.carriers.SMPP[0], c.carriers.SMPP[1]
	if main.Name != "main" || main.Password != "secret77" || main.Window != 3 || main.Rate != 50 || main.ReplyTimeout != 7*time.Second ||
		!slices.Equal(main.BusyStatuses, []uint32{1024, 1025}) || main.ReceiptIDs != smpp.AnyID {
		t.Errorf("read %+v", main)
	}
	if third.Password != "given" || third.Address != "10.0.0.1:2775" {
		t.Errorf("of the environment alone: %+v", third)
	}
	spare := c.carriers.HTTP[0]
	if spare.Headers["Authorization"] != "Bearer abc" || spare.Reports == nil || spare.Reports.States["delivered"] != notify.Arrived ||
		spare.Reports.IDPath != "id" || string(spare.Reports.Secrets[0]) != "0123456789abcdef" {
		t.Errorf("read %+v", spare)
	}
	if c.carriers.SMTP[0].ServerName != "mail.example" || !slices.Equal(c.carriers.Kinds[notify.RecoveryCode], []string{"spare", "main"}) {
		t.Errorf("read %+v", c.carriers)
	}
	ac := c.app(console{now: time.Now})
	if ac.Carriers.SMS[2] != "third" || ac.Lease != 30*time.Second || ac.Channels[effect.SMS] != nil {
		t.Errorf("the server is built from %+v", ac.Carriers)
	}
}

// TestCarrierErrorsNameTheirKey changes one line, or adds one variable, at a time.
func TestCarrierErrorsNameTheirKey(t *testing.T) {
	open, empty := write(t, "open", "secret77", 0o644), write(t, "empty", "\n", 0o600)
	long := write(t, "long", "longer-than-eight", 0o600)
	for _, c := range []struct {
		from, into string
		env        []string
		want       string
	}{
		{from: `address = "127.0.0.1:2775"`, into: "", want: "messages.smpp.main.address: is missing"},
		{from: `address = "127.0.0.1:2775"`, into: `address = "centre"`, want: `messages.smpp.main.address: "centre" is not host:port`},
		{from: `system_id = "doverie"`, into: `system_id = "a-name-that-is-too-long"`, want: "messages.smpp.main.system_id: "},
		{from: `sender = "Doverie"` + "\nbusy", into: `sender = "Доверие"` + "\nbusy", want: "messages.smpp.main.sender: "},
		{from: "rate = 50", into: "rate = -1", want: "messages.smpp.main.rate: "},
		{from: `"7s"`, into: `"50s"`, want: "messages.smpp.main.reply_timeout: 50s is not shorter"},
		{from: `"7s"`, into: `"soon"`, want: "soon"},
		{from: "rate = 50", into: "rat = 50", want: "messages.smpp.main.rat: no such key"},
		{from: "rate = 50", into: `password = "x"`, want: "messages.smpp.main.password: no such key"},
		{from: "rate = 50", into: `receipt_ids = "roman"`, want: "messages.smpp.main.receipt_ids: "},
		{from: "rate = 50", into: `ca_file = "/nowhere"`, want: "messages.smpp.main.ca_file: "},
		{env: []string{"DOVERIE_MESSAGES_SMPP_MAIN_PASSWORD_FILE=" + open}, want: "messages.smpp.main.password_file: "},
		{env: []string{"DOVERIE_MESSAGES_SMPP_MAIN_PASSWORD_FILE=" + empty}, want: "messages.smpp.main.password_file: "},
		{env: []string{"DOVERIE_MESSAGES_SMPP_MAIN_PASSWORD_FILE=" + long}, want: "messages.smpp.main.password_file: at most 8"},
		{env: []string{"DOVERIE_MESSAGES_SMPP_MAIN_PASSWORD=both"}, want: "messages.smpp.main.password_file: the environment"},
		{env: []string{"DOVERIE_MESSAGES_SMPP_MAIN_WINDOW=wide"}, want: "environment: "},
		{env: []string{"DOVERIE_MESSAGES_SMPP_MAIN_COLOUR=red"}, want: "DOVERIE_MESSAGES_SMPP_MAIN_COLOUR: no such variable"},
		{from: "https://gateway", into: "http://gateway", want: "messages.http.spare.url: "},
		{from: "{text}", into: "{txt}", want: "messages.http.spare.body: "},
		{from: `"arrived"`, into: `"there"`, want: "messages.http.spare.report_states: "},
		{from: `report_id_path = "id"`, into: "", want: "messages.http.spare.report_id_path: is empty"},
		{from: `report_state_path = "status"`, into: "", want: "messages.http.spare.report_state_path: is empty"},
		{env: []string{"DOVERIE_MESSAGES_HTTP_SPARE_REPORT_SECRET_FILES=" + long + "," + empty}, want: "messages.http.spare.report_secret_files: "},
		{env: []string{"DOVERIE_MESSAGES_HTTP_SPARE_REPORT_WINDOW=2h"}, want: "messages.http.spare.report_window: "},
		{env: []string{"DOVERIE_MESSAGES_HTTP_SPARE_SUCCESS_PATTERN=("}, want: "messages.http.spare.success_pattern: "},
		{from: `"127.0.0.1:2525"`, into: `"mail.example:25"`, want: "messages.smtp.mail.security: without encryption only to the loopback"},
		{from: "no-reply@doverie.example", into: "Doverie <no-reply@doverie.example>", want: "messages.smtp.mail.from: "},
		{env: []string{"DOVERIE_MESSAGES_SMTP_MAIL_PASSWORD=x"}, want: "messages.smtp.mail.username: "},
		{from: `sms = ["main", "spare"]`, into: `sms = ["main", "spere"]`, want: `messages.sms: "spere" is no carrier of sms`},
		{from: `sms = ["main", "spare"]`, into: `sms = ["main", "main", "spare"]`, want: `messages.sms: "main" stands there twice`},
		{from: `sms = ["main", "spare"]`, into: `sms = ["main", "mail", "spare"]`, want: `messages.sms: "mail" is no carrier of sms`},
		{from: `email = ["mail"]`, into: "", want: `messages: the carrier "mail" stands in no order`},
		{from: `"recovery.code" =`, into: `"recovery.coed" =`, want: "messages.order.recovery.coed: there is no such kind"},
		{from: "messages.smtp.mail", into: "messages.smtp.main", want: "messages.smtp.main: another carrier has that name"},
		{from: "messages.smtp.mail", into: "messages.smtp.Mail_1", want: "messages.smtp.Mail_1: a name is made of"},
		{from: `email = ["mail"]`, into: "email = [\"mail\"]\nlease = \"1s\"", want: "messages.lease: 1s is outside"},
		{from: `email = ["mail"]`, into: "email = [\"mail\"]\ndevelopment = true", want: "messages.development: is for a trial without carriers"},
	} {
		text := carriersOf(t)
		if c.from != "" && !strings.Contains(text, c.from) {
			t.Errorf("%q is not in the configuration", c.from)
		}
		_, err := readConfig(write(t, "doverie.toml", strings.Replace(text, c.from, c.into, 1), 0o600), c.env)
		switch {
		case err == nil:
			t.Errorf("%q for %q, %v: accepted", c.into, c.from, c.env)
		case !strings.Contains(err.Error(), c.want):
			t.Errorf("%q for %q, %v: the error %q does not say %q", c.into, c.from, c.env, err, c.want)
		case strings.Contains(err.Error(), "secret77"), strings.Contains(err.Error(), "longer-than"), strings.Contains(err.Error(), "0123456789abcdef"):
			t.Errorf("the error repeats a secret: %v", err)
		}
	}
}

// TestTheExampleOfTheCarriersIsGood reads the configuration that docs/operations.md shows.
func TestTheExampleOfTheCarriersIsGood(t *testing.T) {
	content, err := os.ReadFile(operations)
	if err != nil {
		t.Fatal(err)
	}
	_, rest, found := strings.Cut(string(content), "## Message channels")
	_, rest, begun := strings.Cut(rest, "```toml\n")
	example, _, ended := strings.Cut(rest, "```")
	if !found || !begun || !ended {
		t.Fatal("the document has no example")
	}
	secret := write(t, "secret", "eight-88", 0o600)
	signing := write(t, "signing", "0123456789abcdef", 0o600)
	example = strings.ReplaceAll(example, "/etc/doverie/gateway.reports", signing)
	example = regexp.MustCompile(`/etc/doverie/[a-z.]+`).ReplaceAllString(example, secret)
	c, err := readConfig(write(t, "doverie.toml", complete(t)+example, 0o600), nil)
	if err != nil {
		t.Fatal(err)
	}
	if len(c.carriers.SMPP)+len(c.carriers.HTTP)+len(c.carriers.SMTP) != 3 || c.numbers == nil || len(c.carriers.Kinds) != 1 {
		t.Errorf("read %+v", c.carriers)
	}
}

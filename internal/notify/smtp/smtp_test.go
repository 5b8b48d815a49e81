package smtp

import (
	"context"
	"errors"
	"fmt"
	"mime"
	"strings"
	"testing"
	"time"

	"doverie/internal/apptest/mailserver"
	"doverie/internal/effect"
	"doverie/internal/i18n"
	"doverie/internal/notify"
)

func channelTo(t *testing.T, s *mailserver.Server, change func(*Config)) *Channel {
	t.Helper()
	c := Config{Address: s.Address, CAFile: s.CA, From: "no-reply@doverie.example", Timeout: 10 * time.Second, Now: time.Now}
	if change != nil {
		change(&c)
	}
	channel, err := New(c)
	if err != nil {
		t.Fatal(err)
	}
	return channel
}

func letter(to, key string) notify.Letter {
	return notify.Letter{
		ID: "id1", Key: key, Kind: notify.PasswordChanged, Address: to, Sender: "Доверие", Locale: "ru",
		Text: notify.Text{Subject: "Пароль изменён", Body: "Здравствуйте!\n\n.\n..точки\nёЁ — «конец»\n", HTML: "<p>Здравствуйте!</p>\n"},
	}
}

// TestRealLettersArrive: the real texts, in both languages, come out of a real server as they were written.
func TestRealLettersArrive(t *testing.T) {
	server := mailserver.Start(t, mailserver.Options{Auth: true})
	channel := channelTo(t, server, func(c *Config) {
		c.Username, c.Password = mailserver.Username, mailserver.Password
		c.Bounces, c.ReplyTo, c.Unsubscribe = "bounces@doverie.example", "help@doverie.example", "https://doverie.example/settings/messages"
	})
	catalogue, err := i18n.Load()
	if err != nil {
		t.Fatal(err)
	}
	texts, err := notify.NewTexts(catalogue, "https://doverie.example", time.UTC)
	if err != nil {
		t.Fatal(err)
	}
	router, err := notify.NewRouter(texts, map[effect.Channel]notify.Channel{effect.Email: channel}, time.Now)
	if err != nil {
		t.Fatal(err)
	}
	for _, lang := range i18n.Languages() {
		for _, kind := range []notify.Kind{notify.PasswordChanged, notify.RecoveryCode, notify.TrustResumed} {
			args := map[string]string{}
			if kind == notify.RecoveryCode {
				args["code"] = "271828"
			}
			if kind == notify.TrustResumed {
				args["first_name"] = "Алексей"
			}
			to := strings.ReplaceAll(string(kind), "_", "-") + "." + lang + "@example.org"
			outcome, err := router.Deliver(t.Context(), notify.Message{
				ID: "m", Kind: kind, Channel: effect.Email, Address: to, Locale: lang, Args: args, At: time.Now(), Key: to,
			})
			if outcome != notify.Accepted || err != nil {
				t.Fatalf("%s: %s, %v\n%s", to, outcome, err, server.Log())
			}
			got := server.WaitFor(t, to, 1)[0]
			args["at"] = time.Now().UTC().Format(time.RFC3339)
			checkLetter(t, got, kind, lang, to)
			if kind == notify.RecoveryCode && (!strings.Contains(got.Text, "271 828") || !strings.Contains(got.HTML, "271 828")) {
				t.Errorf("no code in\n%s", got.Text)
			}
		}
	}
}

func checkLetter(t *testing.T, got mailserver.Message, kind notify.Kind, lang, to string) {
	t.Helper()
	sender := map[string]string{"ru": "Доверие", "en": "Doverie"}[lang]
	from, err := got.Header.AddressList("From")
	if err != nil || len(from) != 1 || from[0].Name != sender || from[0].Address != "no-reply@doverie.example" {
		t.Errorf("%s: From: %v, %v", to, from, err)
	}
	unsubscribe := ""
	if kind == notify.TrustResumed {
		unsubscribe = "<https://doverie.example/settings/messages>"
	}
	for header, want := range map[string]string{
		"To": "<" + to + ">", "Reply-To": "<help@doverie.example>", "Auto-Submitted": "auto-generated", "Content-Language": lang,
		"List-Unsubscribe": unsubscribe, "User-Agent": "", "X-Mailer": "", "X-Auto-Response-Suppress": "All",
	} {
		if value := got.Header.Get(header); value != want {
			t.Errorf("%s: %s is %q, want %q", to, header, value, want)
		}
	}
	if id := got.Header.Get("Message-Id"); !strings.HasSuffix(id, "@doverie.example>") || len(id) != 32+2+len("@doverie.example") {
		t.Errorf("%s: Message-ID %q", to, id)
	}
	subject, err := new(mime.WordDecoder).DecodeHeader(got.Header.Get("Subject"))
	if err != nil || subject == "" || (lang == "ru") != strings.ContainsAny(subject, "аеиостр") {
		t.Errorf("%s: the subject is %q, %v", to, subject, err)
	}
	if got.ReturnPath != "bounces@doverie.example" || got.EnvelopeTo != to || !strings.Contains(got.HTML, `lang="`+lang+`"`) || strings.Contains(strings.ReplaceAll(got.Text, "\r\n", ""), "\n") {
		t.Errorf("%s: %+v", to, got)
	}
}

func TestTextsArriveAsWritten(t *testing.T) {
	server := mailserver.Start(t, mailserver.Options{})
	channel := channelTo(t, server, nil)
	l := letter("reader@example.org", "k1")
	l.Text.Body += strings.Repeat("Съешь же ещё этих мягких французских булок. ", 200) + "😀\n"
	for range 2 { // the second one is known to be sent
		if outcome, err := channel.Deliver(t.Context(), l); outcome != notify.Accepted || err != nil {
			t.Fatal(outcome, err, server.Log())
		}
	}
	got := server.WaitFor(t, "", 1)
	subject, _ := new(mime.WordDecoder).DecodeHeader(got[0].Header.Get("Subject"))
	if len(got) != 1 || got[0].Text != crlf(l.Text.Body) || got[0].HTML != crlf(l.Text.HTML) || subject != l.Text.Subject {
		t.Errorf("%d letters: %s\n%s", len(got), subject, got[0].Text)
	}
	for line := range strings.SplitSeq(got[0].Raw, "\n") {
		if len(line) > 998 || strings.ContainsFunc(line, func(r rune) bool { return r > '~' }) {
			t.Errorf("a line no relay need take: %.100q", line)
		}
	}
	// Another process knows nothing of the first, and sends the same letter again under the same Message-ID.
	if outcome, err := channelTo(t, server, nil).Deliver(t.Context(), l); outcome != notify.Accepted {
		t.Fatal(outcome, err)
	}
	if got = server.WaitFor(t, "", 2); got[0].Header.Get("Message-Id") != got[1].Header.Get("Message-Id") {
		t.Error("one letter, two ids")
	}
}

func TestTheServersWord(t *testing.T) {
	server := mailserver.Start(t, mailserver.Options{})
	channel := channelTo(t, server, nil)
	for local, want := range map[string]notify.Outcome{
		mailserver.Refused: notify.Refused, mailserver.Later: notify.Postponed,
		mailserver.RefusedAfter: notify.Refused, mailserver.LaterAfter: notify.Postponed,
	} {
		outcome, err := channel.Deliver(t.Context(), letter(local+"@example.org", local))
		if outcome != want || err == nil || strings.Contains(err.Error(), local+"@") {
			t.Errorf("%s: %s, %v", local, outcome, err)
		}
	}
	if got := server.Messages(t); len(got) != 0 {
		t.Errorf("%v", got)
	}
}

func TestSigningInAndEncryption(t *testing.T) {
	for name, c := range map[string]struct {
		options mailserver.Options
		change  func(*Config)
		want    notify.Outcome
	}{
		"STARTTLS, PLAIN":            {mailserver.Options{Auth: true}, func(c *Config) { c.Username, c.Password = mailserver.Username, mailserver.Password }, notify.Accepted},
		"STARTTLS, LOGIN":            {mailserver.Options{Auth: true, LoginOnly: true}, func(c *Config) { c.Username, c.Password = mailserver.Username, mailserver.Password }, notify.Accepted},
		"TLS, PLAIN":                 {mailserver.Options{ImplicitTLS: true, Auth: true}, func(c *Config) { c.Security, c.Username, c.Password = TLS, mailserver.Username, mailserver.Password }, notify.Accepted},
		"TLS":                        {mailserver.Options{ImplicitTLS: true}, func(c *Config) { c.Security = TLS }, notify.Accepted},
		"none, on the loopback":      {mailserver.Options{}, func(c *Config) { c.Security = NoTLS }, notify.Accepted},
		"a wrong password":           {mailserver.Options{Auth: true}, func(c *Config) { c.Username, c.Password = mailserver.Username, "wrong" }, notify.Postponed},
		"no password":                {mailserver.Options{Auth: true}, nil, notify.Refused},
		"an unknown authority":       {mailserver.Options{}, func(c *Config) { c.CAFile = nil }, notify.Postponed},
		"another name":               {mailserver.Options{}, func(c *Config) { c.ServerName = "other.example" }, notify.Postponed},
		"TLS to a STARTTLS port":     {mailserver.Options{}, func(c *Config) { c.Security, c.Timeout = TLS, 300*time.Millisecond }, notify.Postponed},
		"authority unknown with TLS": {mailserver.Options{ImplicitTLS: true}, func(c *Config) { c.Security, c.CAFile = TLS, nil }, notify.Postponed},
	} {
		t.Run(name, func(t *testing.T) {
			server := mailserver.Start(t, c.options)
			outcome, err := channelTo(t, server, c.change).Deliver(t.Context(), letter("reader@example.org", "k"))
			if outcome != c.want || (err == nil) != (c.want == notify.Accepted) {
				t.Fatalf("%s, %v\n%s", outcome, err, server.Log())
			}
			if c.want == notify.Accepted {
				server.WaitFor(t, "reader@example.org", 1)
			} else if got := server.Messages(t); len(got) != 0 {
				t.Error("it came all the same")
			}
		})
	}
}

func TestCruelAddresses(t *testing.T) {
	server := mailserver.Start(t, mailserver.Options{})
	channel := channelTo(t, server, nil)
	for _, address := range []string{
		"", "a", "@b.example", "a@", "a b@c.example", "a@b.example,c@d.example", "a@b.example\r\nBcc: c@d.example", "<a@b.example>", `"a b"@c.example`,
		"A <a@b.example>", "a@b.example>", "a@b@c.example", "a@[127.0.0.1]", "a@b.example\x00", "a;b@c.example", strings.Repeat("a", 65) + "@b.example",
		"a@" + strings.Repeat("b", 260) + ".example", "a(b)@c.example",
	} {
		if outcome, err := channel.Deliver(t.Context(), letter(address, "k"+address)); outcome != notify.Refused || !errors.Is(err, errBadAddress) {
			t.Errorf("%q: %s, %v", address, outcome, err)
		}
	}
	l := letter("reader@example.org", "k")
	l.NotAfter = time.Now().Add(-time.Second)
	if outcome, err := channel.Deliver(t.Context(), l); outcome != notify.Refused || !errors.Is(err, notify.ErrTooLate) {
		t.Error(outcome, err)
	}
	l.NotAfter = time.Time{}
	l.Text.Subject, l.Key = "a\r\nBcc: c@d.example\r\n\r\nx", "inject"
	l.Sender = "x\r\nBcc: c@d.example"
	if outcome, err := channel.Deliver(t.Context(), l); outcome != notify.Accepted {
		t.Fatal(outcome, err)
	}
	got := server.WaitFor(t, "", 1)
	if len(got) != 1 || got[0].Header.Get("Bcc") != "" || got[0].EnvelopeTo != "reader@example.org" || got[0].Text != crlf(l.Text.Body) {
		t.Errorf("%s", got[0].Raw)
	}
	gone, cancel := context.WithCancel(t.Context())
	cancel()
	if outcome, err := channel.Deliver(gone, letter("reader@example.org", "gone")); outcome != notify.Postponed {
		t.Error(outcome, err)
	}
}

func TestNewNamesTheField(t *testing.T) {
	good := Config{Address: "mail.example:587", From: "no-reply@doverie.example", Now: time.Now}
	if _, err := New(good); err != nil {
		t.Fatal(err)
	}
	for name, spoil := range map[string]func(*Config){
		"Address":                  func(c *Config) { c.Address = "mail.example" },
		"Address port":             func(c *Config) { c.Address = "mail.example:99999" },
		"Security":                 func(c *Config) { c.Security = "ssl" },
		"Security none far away":   func(c *Config) { c.Security = NoTLS },
		"Security and a password":  func(c *Config) { c.Address, c.Security, c.Username = "127.0.0.1:25", NoTLS, "a" },
		"Username":                 func(c *Config) { c.Password = "x" },
		"CAFile":                   func(c *Config) { c.CAFile = []byte("x") },
		"Hello":                    func(c *Config) { c.Hello = "a b" },
		"From":                     func(c *Config) { c.From = "Доверие <a@b.example>" },
		"Bounces":                  func(c *Config) { c.Bounces = "a" },
		"ReplyTo":                  func(c *Config) { c.ReplyTo = "a\r\n@b.example" },
		"Unsubscribe":              func(c *Config) { c.Unsubscribe = "http://a.example" },
		"Unsubscribe with a break": func(c *Config) { c.Unsubscribe = "https://a.example/\r\nBcc: x" },
		"Timeout":                  func(c *Config) { c.Timeout = time.Hour },
		"Window":                   func(c *Config) { c.Window = -1 },
		"Now":                      func(c *Config) { c.Now = nil },
	} {
		c := good
		spoil(&c)
		field, _, _ := strings.Cut(name, " ")
		if _, err := New(c); err == nil || !strings.HasPrefix(err.Error(), fmt.Sprintf("smtp: %s: ", field)) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

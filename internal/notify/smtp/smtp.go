// Package smtp sends e-mail through a mail server (RFC 5321), which takes it further.
//
// What an answer means for a letter:
//
//	250 after the text                         Accepted
//	4xx anywhere, no connection, bad TLS       Postponed: surely not sent
//	authentication refused                     Postponed: an operator can mend it
//	broken before the end of the text          Postponed: a server throws half a message away (RFC 5321 §4.1.1.4)
//	5xx                                        Refused
//	text ended, and no answer                  Unknown: it may have been sent
//
// The Message-ID comes from the Key, so that a repeated letter is the same letter to mailboxes that look.
//
// What an attacker would try, and what stands against it: an address that smuggles in headers, commands or a second
// recipient (only a plain mailbox passes); a name of somebody's choice as the display name (it is the service's own); a line
// without encryption (only to the loopback); an out-of-office loop (Auto-Submitted); learning addresses from our
// logs (errors hold codes only, never the server's words).
package smtp

import (
	"context"
	"crypto/sha256"
	"crypto/tls"
	"encoding/hex"
	"errors"
	"fmt"
	"net"
	"net/mail"
	"slices"
	"strings"
	"time"

	gomail "github.com/wneessen/go-mail"

	"doverie/internal/notify"
)

var (
	errBadAddress = errors.New("smtp: the address is no plain mailbox")
	errNoRoom     = errors.New("smtp: too many letters at the same time")
	errNoServer   = errors.New("smtp: no session with the mail server")
	errNoAnswer   = errors.New("smtp: no answer to the whole letter")
)

// Channel sends e-mail through one server, one connection a letter. It is safe for concurrent use.
type Channel struct {
	c       Config
	host    string
	port    int
	tls     *tls.Config
	options []gomail.Option
	domain  string // of the Message-ID
	taken   *notify.Taken
	room    chan struct{}
}

var _ notify.Channel = (*Channel)(nil)

// Deliver implements notify.Channel. Accepted: the server took it.
func (c *Channel) Deliver(ctx context.Context, l notify.Letter) (notify.Outcome, error) {
	m, id, err := c.compose(l)
	if err != nil {
		return notify.Refused, err
	}
	if !l.NotAfter.IsZero() && !c.c.Now().Before(l.NotAfter) {
		return notify.Refused, notify.ErrTooLate
	}
	if c.taken.Parts(l.Key) > 0 {
		return notify.Accepted, nil
	}
	select {
	case c.room <- struct{}{}:
		defer func() { <-c.room }()
	case <-ctx.Done():
		return notify.Postponed, fmt.Errorf("%w: %w", errNoRoom, ctx.Err())
	}
	outcome, err := c.send(ctx, m)
	switch outcome {
	case notify.Accepted:
		c.taken.Add(l.Key, 1)
		if c.c.Ledger == nil {
			break
		}
		if err := c.c.Ledger.Submitted(ctx, notify.Submission{
			Carrier: c.c.Name, CarrierID: id, Letter: l.ID, Key: l.Key, Part: 1, Parts: 1, At: c.c.Now(),
		}); err != nil {
			c.c.Report(Event{Carrier: c.c.Name, What: "ledger", Err: err})
		}
	case notify.Unknown:
		c.c.Report(Event{Carrier: c.c.Name, What: "no answer", Err: err})
	case notify.Postponed:
		c.c.Report(Event{Carrier: c.c.Name, What: "postponed", Err: err})
	default:
	}
	return outcome, err
}

// compose writes the message. Its errors do not repeat the address.
func (c *Channel) compose(l notify.Letter) (m *gomail.Msg, id string, err error) {
	if !plainMailbox(l.Address) {
		return nil, "", errBadAddress
	}
	m = gomail.NewMsg(gomail.WithNoDefaultUserAgent(), gomail.WithEncoding(gomail.EncodingB64))
	m.FromMailAddress(&mail.Address{Name: l.Sender, Address: c.c.From})
	m.EnvelopeFromMailAddress(&mail.Address{Address: c.c.Bounces})
	m.ToMailAddress(&mail.Address{Address: l.Address})
	if c.c.ReplyTo != "" {
		m.SetAddrHeaderFromMailAddress(gomail.HeaderReplyTo, &mail.Address{Address: c.c.ReplyTo})
	}
	key := l.Key
	if key == "" {
		key = "id:" + l.ID
	}
	sum := sha256.Sum256([]byte(key))
	id = hex.EncodeToString(sum[:16]) + "@" + c.domain
	m.SetMessageIDWithValue(id)
	m.SetDateWithValue(c.c.Now())
	m.Subject(l.Text.Subject)
	m.SetGenHeader(gomail.Header("Auto-Submitted"), "auto-generated") // RFC 3834
	m.SetGenHeader(gomail.HeaderXAutoResponseSuppress, "All")
	if l.Locale != "" {
		m.SetGenHeader(gomail.HeaderContentLang, l.Locale)
	}
	if spec, known := notify.Lookup(l.Kind); known && spec.OptOut && c.c.Unsubscribe != "" {
		m.SetListUnsubscribe("<" + c.c.Unsubscribe + ">")
	}
	m.SetBodyString(gomail.TypeTextPlain, crlf(l.Text.Body))
	if l.Text.HTML != "" {
		m.AddAlternativeString(gomail.TypeTextHTML, crlf(l.Text.HTML))
	}
	return m, id, nil
}

// crlf gives text the line ends that mail demands (RFC 2045 §6.8).
func crlf(s string) string {
	return strings.ReplaceAll(strings.ReplaceAll(s, "\r\n", "\n"), "\n", "\r\n")
}

// plainMailbox takes what people have, and nothing that could mean more than one mailbox to some server on the way.
func plainMailbox(address string) bool {
	local, domain, ok := strings.Cut(address, "@")
	bad := func(r rune) bool { return r <= ' ' || r == 0x7F || strings.ContainsRune(`"(),:;<>@[\]`, r) }
	if !ok || local == "" || domain == "" || len(local) > 64 || len(address) > 254 || strings.ContainsFunc(local, bad) || strings.ContainsFunc(domain, bad) {
		return false
	}
	parsed, err := mail.ParseAddress(address)
	return err == nil && parsed.Address == address && parsed.Name == ""
}

// send is one whole session. The connection is cut when ctx ends.
func (c *Channel) send(ctx context.Context, m *gomail.Msg) (notify.Outcome, error) {
	// The library forgets its connection when TLS or signing in fails: every way out of here closes it.
	sending, done := context.WithCancel(ctx)
	defer done()
	dial := func(dialing context.Context, network, address string) (net.Conn, error) {
		conn, err := c.dial(dialing, network, address)
		if err == nil {
			context.AfterFunc(sending, func() { _ = conn.Close() }) // what matters has been answered
		}
		return conn, err
	}
	options := append(slices.Clone(c.options), gomail.WithDialContextFunc(dial))
	if c.c.Username != "" {
		options = append(options, gomail.WithSMTPAuthCustom(&login{user: c.c.Username, password: c.c.Password, host: c.host}))
	}
	client, err := gomail.NewClient(c.host, options...)
	if err != nil {
		return notify.Postponed, fmt.Errorf("%w: %w", errNoServer, err)
	}
	session, err := client.DialToSMTPClientWithContext(ctx)
	if err != nil {
		return notify.Postponed, fmt.Errorf("%w: %w", errNoServer, err)
	}
	err = client.SendWithSMTPClient(session, m)
	outcome, err := judge(m.IsDelivered(), err)
	if outcome == notify.Accepted {
		_ = session.Quit() // politeness: the letter is taken
	}
	return outcome, err
}

// judge reads the library's error. Its text holds the address, so only its codes go on.
func judge(delivered bool, err error) (notify.Outcome, error) {
	if delivered {
		return notify.Accepted, nil // what failed came after the server's yes
	}
	var e *gomail.SendError
	if !errors.As(err, &e) {
		if err == nil {
			err = errNoAnswer
		}
		return notify.Unknown, err
	}
	said := fmt.Errorf("smtp: %s: %d %s", e.Reason, e.ErrorCode(), notify.CleanCode(e.EnhancedStatusCode()))
	switch {
	case e.ErrorCode() >= 500:
		return notify.Refused, said
	case e.ErrorCode() >= 400:
		return notify.Postponed, said
	case e.Reason == gomail.ErrSMTPDataClose || e.Reason == gomail.ErrAmbiguous:
		return notify.Unknown, fmt.Errorf("%w: %w", errNoAnswer, said)
	case e.Reason == gomail.ErrGetSender || e.Reason == gomail.ErrGetRcpts || e.Reason == gomail.ErrNoUnencoded:
		return notify.Refused, said
	default:
		return notify.Postponed, said
	}
}

// Event is something an operator should see. It holds no address and no text.
type Event struct {
	Carrier string
	What    string // "postponed", "no answer", "ledger"
	Err     error
}

// longest bounds the configured time.
const longest = 10 * time.Minute

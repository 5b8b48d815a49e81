package notify

import (
	"errors"
	"fmt"
	"net/url"
	"strconv"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"doverie/internal/effect"
	"doverie/internal/i18n"
)

// Why a message cannot be rendered. None of them mentions the value of an argument.
var (
	ErrUnknownKind = errors.New("notify: no such kind of message")
	ErrBadChannel  = errors.New("notify: the kind does not travel by that channel")
	ErrBadLocale   = errors.New("notify: no such language")
	ErrMissing     = errors.New("notify: a needed argument is missing")
	ErrBadArgument = errors.New("notify: an argument cannot be used")
	ErrTooLong     = errors.New("notify: an SMS of more than two parts")
	errNoText      = errors.New("notify: a text is not written")
)

// Text is what a person reads. An SMS has a Body; a push has a Subject (its title) and a Body; an e-mail has all three.
type Text struct {
	Subject, Body, HTML string

	Opens string // of a push: the page of the cabinet that it leads to
}

// Texts renders messages. It is safe for concurrent use.
type Texts struct {
	base     string
	printers map[string]*i18n.Printer
}

// NewTexts takes the messages, the site's own address without a final slash ("https://doverie.example"; http only
// for a loopback development server), to which alone e-mails link, and the zone in which times are shown.
func NewTexts(catalogue *i18n.Catalogue, base string, zone *time.Location) (*Texts, error) {
	u, err := url.Parse(base)
	if err != nil || (u.Scheme != "https" && u.Scheme != "http") || u.Host == "" || u.User != nil || u.RawQuery != "" || u.Fragment != "" {
		return nil, fmt.Errorf("notify: %q is not the address of a site", base)
	}
	t := &Texts{base: strings.TrimRight(base, "/"), printers: map[string]*i18n.Printer{}}
	for _, lang := range i18n.Languages() {
		t.printers[lang] = catalogue.Printer(lang, zone)
	}
	return t, nil
}

// Render writes the message for one channel in one language ("ru", "en").
//
// Times among the arguments ("at", "until") are RFC 3339; codes are plain digits (six; a stop code has eight);
// "link" is a path of the site or an address under it, used in e-mails only; "token" stands for the link
// EmailLinkPath+"?t="+token. The case of argument names does not matter. Errors: ErrUnknownKind,
// ErrBadChannel, ErrBadLocale, ErrMissing, ErrBadArgument, ErrTooLong.
func (t *Texts) Render(kind Kind, channel effect.Channel, locale string, args map[string]string) (Text, error) {
	spec, ok := Lookup(kind)
	if !ok {
		return Text{}, fmt.Errorf("%w: %q", ErrUnknownKind, kind)
	}
	if !spec.Allows(channel) {
		return Text{}, fmt.Errorf("%w: %s by %q", ErrBadChannel, kind, channel)
	}
	p, ok := t.printers[locale]
	if !ok {
		return Text{}, fmt.Errorf("%w: %q", ErrBadLocale, locale)
	}
	args = lowered(args)
	key := "message." + string(kind)
	if spec.TwoSided && args["role"] == RoleContact {
		key, spec = key+".contact", spec.forContact()
	}
	data, err := t.prepared(spec, channel, locale, args)
	if err != nil {
		return Text{}, fmt.Errorf("%s: %w", kind, err)
	}
	if n, err := strconv.Atoi(args["attempts"]); err == nil && n > 0 {
		data["attempts"] = p.N("message.count.attempts", n)
	}
	var text Text
	switch channel {
	case effect.SMS:
		text, err = sms(spec, key, p, data)
	case effect.Push:
		text = push(spec, key, p, data)
		text.Opens = spec.Opens()
	case effect.Email:
		text, err = t.email(spec, key, p, data)
	default:
		err = ErrBadChannel
	}
	if err == nil && strings.Contains(text.Subject+text.Body, "⟦") {
		err = errNoText // the catalogue marks a key nobody wrote
	}
	if err != nil {
		return Text{}, fmt.Errorf("%s by %s in %s: %w", kind, channel, locale, err)
	}
	return text, nil
}

// sms puts the service's name first and takes the longest wording that fits two parts.
func sms(spec Spec, key string, p *i18n.Printer, data map[string]any) (Text, error) {
	var wordings []string
	if p.Has(key + ".full") {
		wordings = append(wordings, p.Named(key+".full", data))
	}
	short := p.Named(key+".short", data)
	switch {
	case spec.Stops() && data["stop_code"] != "":
		wordings = append(wordings,
			short+" "+p.Named("message.stop.long", data),
			short+" "+p.Named("message.stop.short", data))
	case spec.Stops():
		wordings = append(wordings, short+" "+p.Named("message.stop.none", data))
	default:
		wordings = append(wordings, short)
	}
	for _, w := range wordings {
		body := strings.ReplaceAll(tidy(p.T("message.sender")+": "+w), "\u00a0", " ")
		if fits(body) {
			return Text{Body: body}, nil
		}
	}
	return Text{}, ErrTooLong
}

// fits holds every SMS, Latin ones too, to what two UCS-2 parts carry: a Cyrillic name can stand in any of them.
func fits(body string) bool {
	n, _ := Segments(body)
	return n <= maxSegments && utf8.RuneCountInString(body) <= maxSegments*ucs2Part
}

// push never holds a code, the stop code neither: a locked screen shows it to whoever looks, and a press leads to the site.
func push(spec Spec, key string, p *i18n.Printer, data map[string]any) Text {
	body := p.Named(key+".short", data)
	if spec.Stops() {
		body += " " + p.Named("message.stop.none", data)
	}
	return Text{Subject: p.Named(key+".title", data), Body: capital(tidy(body))}
}

// tidy closes a sentence that ends with an initial («Вера П.») with one full stop.
func tidy(s string) string { return strings.ReplaceAll(s, "..", ".") }

func capital(s string) string {
	r, n := utf8.DecodeRuneInString(s)
	return string(unicode.ToUpper(r)) + s[n:]
}

// Sender is the one name under which the service writes, in that language («Доверие»); Russian when the
// language is unknown.
func (t *Texts) Sender(locale string) string {
	p, ok := t.printers[locale]
	if !ok {
		p = t.printers[i18n.Default]
	}
	return p.T("message.sender")
}

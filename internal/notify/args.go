package notify

import (
	"fmt"
	"net/url"
	"slices"
	"strings"
	"time"
	"unicode"

	"doverie/internal/effect"
)

// known lists every argument a message may be given. "match" is deliberately absent.
var known = []string{
	"code", "first_name", "who", "device", "area", "at", "until", "stop_code", "link", "reason", "action", "attempts", "role", "by",
	"email", "token",
	"organisation", "sender", "salutation", "number", "date", "subject", // of a covering letter
}

// EmailLinkPath is the page of the site that confirms an e-mail address; the token is its parameter "t".
const EmailLinkPath = "/email/verify"

// lowered returns the arguments under lower-case names, with a token turned into its link.
func lowered(args map[string]string) map[string]string {
	out := make(map[string]string, len(args))
	for name, value := range args {
		out[strings.ToLower(name)] = value
	}
	if token := out["token"]; token != "" && out["link"] == "" {
		out["link"] = EmailLinkPath + "?t=" + url.QueryEscape(token)
	}
	return out
}

// How much of a free-form argument is shown, in characters.
const (
	nameInSMS  = 16
	nameInMail = 40
	factLength = 60
)

// cleanName keeps what names are made of: letters, hyphens, apostrophes, spaces, and the full stop of an
// initial («Вера П.»). What follows a comma (a masked phone) is left out. A name can therefore hold neither
// an address of a site nor a code.
func cleanName(name string, limit int) string {
	name, _, _ = strings.Cut(name, ",")
	var b strings.Builder
	word := 0
	for _, r := range name {
		switch {
		case unicode.IsLetter(r) || unicode.IsMark(r):
			b.WriteRune(r)
			word++
			continue
		case r == '.' && word == 1:
			b.WriteString(". ")
		case r == '-' || r == '\'' || r == '’':
			b.WriteRune(r)
		default:
			b.WriteRune(' ')
		}
		word = 0
	}
	return clip(strings.Join(strings.Fields(b.String()), " "), limit)
}

// cleanFact keeps letters, digits and a little punctuation of a device, an office or an address area.
// A full stop stays between digits only ("91.221.0.0/16"), a slash only before a digit.
func cleanFact(fact string) string {
	rs := []rune(fact)
	digitAt := func(i int) bool { return i >= 0 && i < len(rs) && rs[i] >= '0' && rs[i] <= '9' }
	var b strings.Builder
	for i, r := range rs {
		switch {
		case unicode.IsLetter(r), unicode.IsMark(r), unicode.IsDigit(r), strings.ContainsRune(" ,-()«»", r):
			b.WriteRune(r)
		case (r == '.' || r == '/' || r == ':') && digitAt(i-1) && digitAt(i+1):
			b.WriteRune(r)
		default:
			b.WriteRune(' ')
		}
	}
	return clip(strings.Join(strings.Fields(b.String()), " "), factLength)
}

// officeLength is how much of one line of a covering letter is shown, in characters.
const officeLength = 160

// cleanOffice keeps what names of offices, numbers and subjects of letters are made of. It can hold no address: there is no
// full stop between letters and no colon.
func cleanOffice(line string) string {
	rs := []rune(line)
	letterAt := func(i int) bool { return i >= 0 && i < len(rs) && (unicode.IsLetter(rs[i]) && rs[i] < 0x80) }
	var b strings.Builder
	for i, r := range rs {
		switch {
		case unicode.IsLetter(r), unicode.IsMark(r), unicode.IsDigit(r), strings.ContainsRune(" ,-–—()«»№!/", r):
			b.WriteRune(r)
		case r == '.' && !letterAt(i+1):
			b.WriteRune(r)
		default:
			b.WriteRune(' ')
		}
	}
	return clip(strings.Join(strings.Fields(b.String()), " "), officeLength)
}

// clip cuts at the end of a word where it can, so that «Александра Константиновна» becomes «Александра».
func clip(s string, limit int) string {
	rs := []rune(s)
	if len(rs) <= limit {
		return s
	}
	if at := strings.LastIndex(string(rs[:limit+1]), " "); at > 0 {
		return strings.TrimRight(s[:at], " -,(")
	}
	return strings.TrimRight(string(rs[:limit-1]), " -.") + "…"
}

// codeShapes is how a six-digit code is written, by purpose: '#' stands for a digit. The groups differ so
// that a code of the contact's approval cannot be taken for a code of his own account (T04).
// Whoever reads a typed code ignores spaces and hyphens.
var codeShapes = map[string]string{
	"register_phone":  "######",
	"sign_in":         "######",
	"step_up":         "######",
	"change_phone":    "######",
	"recovery_prove":  "### ###",
	"recovery_finish": "###-###",
	"approval":        "##-##-##",
}

// maskedEmail shows an address that is masked already («v•••@example.org»), and nothing of one that is not:
// a letter must not tell a whole address to whoever reads an old mailbox.
func maskedEmail(address string) string {
	if !strings.ContainsAny(address, "•*…") || strings.ContainsFunc(address, unicode.IsSpace) {
		return ""
	}
	return clip(address, factLength)
}

const stopShape = "####-####"

func shape(digits, pattern string) (string, error) {
	if len(digits) != strings.Count(pattern, "#") {
		return "", fmt.Errorf("%w: a code of a wrong length", ErrBadArgument)
	}
	var b strings.Builder
	next := 0
	for _, r := range pattern {
		if r != '#' {
			b.WriteRune(r)
			continue
		}
		d := digits[next]
		if d < '0' || d > '9' {
			return "", fmt.Errorf("%w: a code with something else than digits", ErrBadArgument)
		}
		b.WriteByte(d)
		next++
	}
	return b.String(), nil
}

// safeLink turns a path of the site ("/safety/stop?t=…") into a whole address, and refuses any address
// that leads elsewhere (T41).
func (t *Texts) safeLink(link string) (string, error) {
	if strings.HasPrefix(link, "/") {
		link = t.base + link
	}
	u, err := url.Parse(link)
	if err != nil || strings.ContainsFunc(link, unsafeInLink) {
		return "", fmt.Errorf("%w: the link is no address", ErrBadArgument)
	}
	site, err := url.Parse(t.base)
	if err != nil {
		return "", fmt.Errorf("notify: the base address: %w", err)
	}
	if u.Scheme != site.Scheme || u.Host != site.Host || u.User != nil || !strings.HasPrefix(link, t.base+"/") {
		return "", fmt.Errorf("%w: the link leads away from the site", ErrBadArgument)
	}
	return link, nil
}

func unsafeInLink(r rune) bool {
	return r <= ' ' || r > '~' || strings.ContainsRune("\"'<>\\", r)
}

// prepared turns raw arguments into what the texts of one channel print. Every known name is present.
func (t *Texts) prepared(spec Spec, channel effect.Channel, lang string, args map[string]string) (map[string]any, error) {
	for name := range args {
		if !slices.Contains(known, name) {
			return nil, fmt.Errorf("%w: %q is no argument of a message", ErrBadArgument, name)
		}
	}
	for _, name := range spec.Needs {
		if strings.TrimSpace(args[name]) == "" {
			return nil, fmt.Errorf("%w: %q", ErrMissing, name)
		}
	}
	data := map[string]any{}
	for _, name := range known {
		data[name] = ""
	}
	name := nameInMail
	if channel == effect.SMS {
		name = nameInSMS
	}
	data["first_name"] = cleanName(args["first_name"], name)
	if args["first_name"] != "" && data["first_name"] == "" {
		return nil, fmt.Errorf("%w: first_name holds no letter", ErrBadArgument)
	}
	data["email"] = maskedEmail(args["email"])
	for _, fact := range []string{"who", "device", "area"} {
		data[fact] = cleanFact(args[fact])
	}
	for _, line := range []string{"organisation", "sender", "salutation", "number", "date", "subject"} {
		data[line] = cleanOffice(args[line])
	}
	printer := t.printers[lang]
	for _, moment := range []string{"at", "until"} {
		if args[moment] == "" {
			continue
		}
		at, err := time.Parse(time.RFC3339, args[moment])
		if err != nil {
			return nil, fmt.Errorf("%w: %q is no RFC 3339 time", ErrBadArgument, moment)
		}
		data[moment] = printer.DateTime(at)
		if channel == effect.Email {
			data[moment] = printer.DateTimeZone(at)
		}
	}
	data["when"] = "" // the time with its preposition and the space before it, so that a text reads well without it
	if data["at"] != "" {
		data["when"] = " " + printer.Named("message.when", data)
	}
	for prefix, arg := range map[string]string{"reason": args["reason"], "action": args["action"]} {
		if key := "message." + prefix + "." + arg; arg != "" && printer.Has(key) {
			data[prefix] = printer.T(key)
		}
	}
	if data["action"] == "" {
		data["action"] = printer.T("message.action.other")
	}
	question := spec.question
	if question == "" {
		question = "you"
	}
	data["question"], data["if_not"] = printer.T("message.stop.question."+question), printer.T("message.stop.if."+question)
	return data, t.secrets(spec, channel, args, data)
}

// secrets writes codes and links as they are shown. A link is for e-mail only; in other channels it is dropped.
func (t *Texts) secrets(spec Spec, channel effect.Channel, args map[string]string, data map[string]any) error {
	var err error
	if args["code"] != "" {
		if data["code"], err = shape(args["code"], codeShapes[spec.Purpose]); err != nil {
			return err
		}
	}
	if stop := strings.ReplaceAll(args["stop_code"], "-", ""); stop != "" && spec.Stops() {
		if data["stop_code"], err = shape(stop, stopShape); err != nil {
			return err
		}
	}
	if args["link"] != "" && channel == effect.Email {
		if data["link"], err = t.safeLink(args["link"]); err != nil {
			return err
		}
	}
	if spec.stop == mustStop && data["stop_code"] == "" && data["link"] == "" {
		return fmt.Errorf("%w: \"stop_code\" (or \"link\" in an e-mail)", ErrMissing)
	}
	return nil
}

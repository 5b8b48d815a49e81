package httpx

import (
	"errors"
	"io"
	"mime"
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"strings"
	"time"
	"unicode/utf8"

	"golang.org/x/text/language"

	"doverie/internal/fault"
	"doverie/internal/i18n"
)

// The bounds of a form. The largest honest one (five questions and a comment) is far below.
const (
	maxFields = 100
	maxValue  = 8 << 10 // bytes of one value
)

// Form reads a posted form. Anything but a plain form, broken UTF-8, control characters, too many fields or
// too long ones is an Invalid fault.
func Form(r *http.Request) (url.Values, error) {
	kind, _, err := mime.ParseMediaType(r.Header.Get("Content-Type"))
	if err != nil || kind != "application/x-www-form-urlencoded" {
		return nil, fault.New(fault.Invalid, "fault.bad_form", nil).Because(err)
	}
	if err := r.ParseForm(); err != nil {
		if _, ok := errors.AsType[*http.MaxBytesError](err); ok {
			return nil, fault.New(fault.Invalid, "fault.too_large", nil).Because(err)
		}
		return nil, fault.New(fault.Invalid, "fault.bad_form", nil).Because(err)
	}
	if err := checkValues(r.PostForm); err != nil {
		return nil, err
	}
	return r.PostForm, nil
}

func checkValues(form url.Values) error {
	count := 0
	for name, values := range form {
		for _, v := range values {
			count++
			if count > maxFields || len(v) > maxValue {
				return fault.New(fault.Invalid, "fault.too_large", nil)
			}
			if !clean(name) || !clean(v) {
				return fault.New(fault.Invalid, "fault.bad_form", nil)
			}
		}
	}
	return nil
}

// uploadTime is how long a form with a file may take to arrive.
const uploadTime = 3 * time.Minute

// FileForm reads a posted form that carries one file (RFC 7578) into memory: the values, and the content of the file of that
// name, nil when none was chosen. The file's own name and type are not looked at. The mux pattern must be Large. Errors are
// those of Form.
func FileForm(w http.ResponseWriter, r *http.Request, file string) (url.Values, []byte, error) {
	// A file over a slow line takes longer than the server lets a form take. A connection that knows no deadlines has none.
	control := http.NewResponseController(w)
	_ = control.SetReadDeadline(time.Time{})
	defer time.AfterFunc(uploadTime, func() { _ = control.SetReadDeadline(time.Unix(1, 0)) }).Stop()
	reader, err := r.MultipartReader()
	if err != nil {
		return nil, nil, fault.New(fault.Invalid, "fault.bad_form", nil).Because(err)
	}
	form := url.Values{}
	var content []byte
	for parts := 0; ; parts++ {
		part, err := reader.NextPart()
		if errors.Is(err, io.EOF) {
			if err := checkValues(form); err != nil {
				return nil, nil, err
			}
			return form, content, nil
		}
		if err == nil && parts > maxFields {
			return nil, nil, fault.New(fault.Invalid, "fault.too_large", nil)
		}
		var data []byte
		name, isFile := "", false
		if err == nil {
			name, isFile = part.FormName(), part.FileName() != "" || part.FormName() == file
			in := io.Reader(part)
			if !isFile {
				in = io.LimitReader(part, maxValue+1)
			}
			data, err = io.ReadAll(in)
		}
		switch _, tooLarge := errors.AsType[*http.MaxBytesError](err); {
		case tooLarge:
			return nil, nil, fault.New(fault.Invalid, "fault.too_large", nil).Because(err)
		case err != nil:
			return nil, nil, fault.New(fault.Invalid, "fault.bad_form", nil).Because(err)
		case isFile && name == file && len(data) > 0:
			content = data
		case !isFile:
			form.Add(name, string(data))
		}
	}
}

func clean(s string) bool {
	return utf8.ValidString(s) && strings.IndexFunc(s, func(c rune) bool {
		return c < ' ' && c != '\n' && c != '\r' && c != '\t' || c == 0x7f
	}) < 0
}

// SafeNext returns where to go after sign-in: a path on this very site, or fallback.
func SafeNext(next, fallback string) string {
	if len(next) == 0 || len(next) > 2000 || next[0] != '/' || !clean(next) || strings.ContainsAny(next, "\\\r\n\t") {
		return fallback
	}
	u, err := url.Parse(next)
	if err != nil || u.Scheme != "" || u.Host != "" || u.User != nil || !strings.HasPrefix(u.Path, "/") ||
		strings.HasPrefix(u.Path, "//") || strings.HasPrefix(next, "//") {
		return fallback
	}
	return next
}

// nextOf is where a request may be resumed: its own address. What was posted cannot be kept across a sign-in.
func nextOf(r *http.Request) string {
	if r.Method == http.MethodGet || r.Method == http.MethodHead {
		return r.URL.RequestURI()
	}
	return r.URL.EscapedPath()
}

var matcher = language.NewMatcher([]language.Tag{language.Russian, language.English})

// languageCookie keeps the reader's own choice of a language; it is no secret.
const languageCookie = "lang"

// languageOf settles the language: the address (?lang=), the reader's choice, the browser's wish, Russian.
func languageOf(query url.Values, cookie, accept string) string {
	if lang := query.Get("lang"); i18n.Known(lang) {
		return lang
	}
	if i18n.Known(cookie) {
		return cookie
	}
	if len(accept) > 200 {
		accept = ""
	}
	wishes, _, err := language.ParseAcceptLanguage(accept)
	if err != nil || len(wishes) == 0 {
		return i18n.Default
	}
	tag, _, confidence := matcher.Match(wishes...)
	if base, _ := tag.Base(); confidence != language.No && i18n.Known(base.String()) {
		return base.String()
	}
	return i18n.Default
}

// Address is the reader's network address: the connection's own, or, through trusted proxies, the last
// one that a trusted proxy did not add itself.
func (k *Kit) Address(r *http.Request) netip.Addr {
	host, _, err := net.SplitHostPort(r.RemoteAddr)
	if err != nil {
		host = r.RemoteAddr
	}
	addr, err := netip.ParseAddr(host)
	if err != nil {
		return netip.Addr{}
	}
	addr = addr.Unmap()
	hops := strings.Split(strings.Join(r.Header.Values("X-Forwarded-For"), ","), ",")
	for i := len(hops) - 1; i >= 0 && k.trusted(addr); i-- {
		next, err := netip.ParseAddr(strings.TrimSpace(hops[i]))
		if err != nil {
			break
		}
		addr = next.Unmap().WithZone("")
	}
	return addr
}

func (k *Kit) trusted(a netip.Addr) bool {
	for _, p := range k.cfg.TrustedProxies {
		if p.Contains(a) {
			return true
		}
	}
	return false
}

// Area is the network area of the reader: /16 of an IPv4 address, /32 of an IPv6 one. A full address is kept nowhere.
func (k *Kit) Area(r *http.Request) string {
	const v4, v6 = 16, 32
	addr := k.Address(r)
	if !addr.IsValid() {
		return ""
	}
	bits := v6
	if addr.Is4() {
		bits = v4
	}
	p, err := addr.Prefix(bits)
	if err != nil {
		return ""
	}
	return p.String()
}

// withoutLang takes ?lang= out of an address, or a link with a language would win over the reader's choice.
func withoutLang(path string) string {
	u, err := url.Parse(path)
	if err != nil || !u.Query().Has("lang") {
		return path
	}
	q := u.Query()
	q.Del("lang")
	u.RawQuery = q.Encode()
	return u.String()
}

package httpx

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	"log/slog"
	"net/http"
	"net/netip"
	"net/url"
	"strings"
	"time"

	"doverie/internal/effect"
	"doverie/internal/i18n"
	"doverie/internal/ui"
)

// Handler answers a request or returns an error. It must not have written anything when it returns one.
type Handler func(w http.ResponseWriter, r *http.Request) error

// Config is what the edge must know about its surroundings.
type Config struct {
	BaseURL        *url.URL       // address people type; https switches on Secure cookies and HSTS
	TrustedProxies []netip.Prefix // whose X-Forwarded-For is believed
	MaxBody        int64          // bytes of a request body; 0: 64 KiB
	CrossOrigin    []string       // mux patterns that other sites may post to: endpoints without cookies
	Log            *slog.Logger
	Now            func() time.Time
	Pace           time.Duration                                        // step to which Paced rounds the time of an answer up; 0: none
	Demo           bool                                                 // show the clock on every page
	Operators      bool                                                 // nobody but operators comes here: a listener of their own
	Observe        func(pattern string, status int, took time.Duration) // metrics; may be nil
	Banners        func(ctx context.Context, lang string) []ui.Notice   // pinned news; may be nil
}

// Kit is the edge, made once at start.
type Kit struct {
	cfg   Config
	pages *ui.Renderer
	cross *http.CrossOriginProtection
	alarm func(*http.Request) []ui.Notice
	large map[string]int64 // mux pattern → bytes
}

const defaultMaxBody = 64 << 10

// New checks the configuration and builds the edge.
func New(cfg Config, pages *ui.Renderer) (*Kit, error) {
	switch {
	case cfg.BaseURL == nil || cfg.BaseURL.Host == "":
		return nil, errors.New("httpx: no base URL")
	case cfg.Log == nil || cfg.Now == nil:
		return nil, errors.New("httpx: no logger or no clock")
	}
	cfg.MaxBody = cmp.Or(cfg.MaxBody, defaultMaxBody)
	k := &Kit{cfg: cfg, pages: pages, cross: http.NewCrossOriginProtection()}
	if err := k.cross.AddTrustedOrigin(k.Site()); err != nil {
		return nil, err
	}
	for _, pattern := range cfg.CrossOrigin {
		k.cross.AddInsecureBypassPattern(pattern)
	}
	return k, nil
}

// Alarm puts what f says above every page of a signed-in citizen. It is set once, before anything is served.
func (k *Kit) Alarm(f func(*http.Request) []ui.Notice) { k.alarm = f }

// Large lets the body of one mux pattern be larger than all others': a form with a file. It is set before anything is served.
func (k *Kit) Large(pattern string, bytes int64) {
	if k.large == nil {
		k.large = map[string]int64{}
	}
	k.large[pattern] = bytes
}

// Secure reports whether people reach the service by https.
func (k *Kit) Secure() bool { return k.cfg.BaseURL.Scheme == "https" }

// Site is the address of the service as people type it, without a path.
func (k *Kit) Site() string { return k.cfg.BaseURL.Scheme + "://" + k.cfg.BaseURL.Host }

// Page sends the page with status 200. A change adds to the layout: a section, a live stream, a refresh.
func (k *Kit) Page(w http.ResponseWriter, r *http.Request, page ui.Page, change ...func(*ui.Layout)) error {
	return k.PageStatus(w, r, http.StatusOK, page, change...)
}

// Now is the time by the server's one clock.
func (k *Kit) Now() time.Time { return k.cfg.Now() }

// FormAgain sends a form back with its errors: status 422, and the tab's title says that there is an error.
func (k *Kit) FormAgain(w http.ResponseWriter, r *http.Request, page ui.Page, change ...func(*ui.Layout)) error {
	return k.PageStatus(w, r, http.StatusUnprocessableEntity, page, append(change, func(l *ui.Layout) { l.Failed, l.Kept = true, ui.KeptOf(page) })...)
}

// PageStatus sends the page with the status.
func (k *Kit) PageStatus(w http.ResponseWriter, r *http.Request, status int, page ui.Page, change ...func(*ui.Layout)) error {
	lang := Lang(r)
	visitor := VisitorOf(r)
	l := ui.Layout{Path: r.URL.RequestURI(), Person: visitor.Name}
	if r.Method != http.MethodGet && r.Method != http.MethodHead {
		l.Path = postedFrom(r)
	}
	if kept := askedOf(r).kept; !kept.Empty() {
		page = kept.Into(page)
		l.Kept = ui.KeptOf(page)
		if l.Failed = len(kept.Errors) > 0; l.Failed && status == http.StatusOK {
			status = http.StatusUnprocessableEntity
		}
	}
	if k.cfg.Demo {
		l.Clock = k.cfg.Now()
	}
	if k.cfg.Banners != nil {
		l.Banners = k.cfg.Banners(r.Context(), lang)
	}
	if k.alarm != nil && visitor.Account != "" && visitor.Office == "" {
		l.Banners = append(k.alarm(r), l.Banners...)
	}
	if visitor.OnlyPath != "" {
		l.Nav = []ui.NavLink{} // no other page is open to this session
	}
	if k.operators(r) {
		l.Home, l.BodyClass, l.Place = operatorsHome, "wide desk", ui.K("operator.place")
	}
	if visitor.Office != "" {
		l.Nav, l.SignOut = []ui.NavLink{{Text: ui.K("operator.nav.home"), Href: operatorsHome}}, "/operator/sign-out"
	}
	for _, f := range change {
		f(&l)
	}
	var buf bytes.Buffer
	if err := k.pages.Render(&buf, lang, l, page); err != nil {
		return err
	}
	return send(w, r, status, "text/html; charset=utf-8", buf.Bytes())
}

// operatorsHome is the first page of the operators' place; all others are below it.
const operatorsHome = "/operator"

// operators tells whether the page is one of the operators' place, also before anybody has signed in there, and where
// there is no page at all.
func (k *Kit) operators(r *http.Request) bool {
	return k.cfg.Operators || VisitorOf(r).Office != "" || r.URL.Path == operatorsHome || strings.HasPrefix(r.URL.Path, operatorsHome+"/")
}

// home is where the reader of a page begins.
func (k *Kit) home(r *http.Request) string {
	if k.operators(r) {
		return operatorsHome
	}
	return "/"
}

// postedFrom is the page whose form was posted: it has the form's address, and where it leads on to is in the form.
func postedFrom(r *http.Request) string {
	if next := r.PostForm.Get("next"); SafeNext(next, "") != "" {
		return r.URL.Path + "?next=" + url.QueryEscape(next)
	}
	return r.URL.Path
}

// Section marks the section of the cabinet that a page belongs to.
func Section(href string) func(*ui.Layout) {
	return func(l *ui.Layout) { l.Section = href }
}

// From names the page whose form was posted to another address: a switch of the language leads there.
func From(path string) func(*ui.Layout) {
	return func(l *ui.Layout) { l.Path = path }
}

// Live makes a page renew itself: by the event stream at the address, or without JavaScript every so many seconds.
func Live(stream string, seconds int) func(*ui.Layout) {
	return func(l *ui.Layout) { l.Live, l.Refresh = stream, seconds }
}

// Printer is the voice in the reader's language.
func (k *Kit) Printer(r *http.Request) *i18n.Printer { return k.pages.Printer(Lang(r)) }

// Redirect sends the reader on with 303, so that the browser asks with GET and a reload repeats nothing.
func Redirect(w http.ResponseWriter, r *http.Request, path string) error {
	http.Redirect(w, r, path, http.StatusSeeOther) //nolint:gosec // paths of our own; what a reader sent went through SafeNext
	return nil
}

// Act says who acts, from where and on whose request, for the events of the services.
func (k *Kit) Act(r *http.Request) effect.Act {
	act := effect.Act{
		Actor: effect.Applicant, Area: k.Area(r), Device: Device(r.UserAgent()), RequestID: RequestID(r),
	}
	switch v := VisitorOf(r); {
	case v.Office != "":
		act.Actor, act.ID, act.Office = effect.Operator, v.Account, v.Office
	case v.Account != "":
		act.Actor, act.ID = effect.Person, v.Account
	}
	return act
}

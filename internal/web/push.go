package web

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"net/http"

	"doverie/internal/effect"
	"doverie/internal/fault"
	"doverie/internal/httpx"
	"doverie/internal/session"
	"doverie/internal/ui"
)

const pathNotices = "/settings/safety/push"

// PushService is what a person does with notices in his browsers; session.Pushes has it.
type PushService interface {
	Offered() bool
	List(ctx context.Context, accountID string) ([]session.PushBrowser, error)
	SwitchOn(ctx context.Context, act effect.Act, auth session.Auth, text []byte) (session.PushBrowser, error)
	Here(ctx context.Context, act effect.Act, auth session.Auth, endpoint string) error
	SwitchOff(ctx context.Context, act effect.Act, auth session.Auth, id string) error
}

// Push is the section «Уведомления в браузере», and what push.js and app.js tell of a browser.
type Push struct {
	kit    *httpx.Kit
	of     PushService
	who    Authenticator
	key    string // base64url
	worker []byte // sw.js
}

// NewPush prepares the pages, and tells the page «Безопасность» that they are there. key is the server's public key, worker
// the service worker. Where notices are not offered, Mount adds nothing.
func NewPush(kit *httpx.Kit, of PushService, security *Security, key, worker []byte) *Push {
	security.push = of.Offered()
	return &Push{kit: kit, of: of, who: security.sessions, key: base64.RawURLEncoding.EncodeToString(key), worker: worker}
}

// Mount adds the pages. None needs the repeated check: a notice says what the cabinet says, and opens nothing.
func (p *Push) Mount(mux *http.ServeMux, citizens *httpx.Gate) {
	if !p.of.Offered() {
		return
	}
	page := func(h authed) http.Handler { return p.kit.Handle(citizens.RequireSession(p.authed(h))) }
	script := func(h scripted) http.Handler { return p.kit.Handle(citizens.Maybe(fromScript(p.kit, p.known(h)))) }
	mux.Handle("GET "+pathNotices, page(p.list))
	mux.Handle("POST "+pathNotices, script(p.switchOn))
	mux.Handle("POST "+pathNotices+"/here", script(p.here))
	mux.Handle("POST "+pathNotices+"/{id}/remove", page(p.switchOff))
	mux.HandleFunc("GET /sw.js", p.serveWorker)
}

// serveWorker is at the root, because a service worker may speak for the folder it lies in only. It is asked for anew
// each time, so that an old one never stays.
func (p *Push) serveWorker(w http.ResponseWriter, _ *http.Request) {
	w.Header().Set("Content-Type", "text/javascript; charset=utf-8")
	w.Header().Set("Cache-Control", "no-cache")
	_, _ = w.Write(p.worker)
}

func (p *Push) authed(h authed) httpx.Handler {
	return func(w http.ResponseWriter, r *http.Request) error {
		auth, err := p.who.Authenticate(r.Context(), httpx.VisitorOf(r).Secret)
		if err != nil {
			return err
		}
		return h(w, r, auth)
	}
}

// known lets signed-in people through; who may open one page only is sent there.
func (p *Push) known(h scripted) func(http.ResponseWriter, *http.Request, asked) (any, error) {
	return func(w http.ResponseWriter, r *http.Request, in asked) (any, error) {
		v := httpx.VisitorOf(r)
		if v.OnlyPath != "" {
			return told{Next: v.OnlyPath}, nil
		}
		auth, err := p.who.Authenticate(r.Context(), v.Secret)
		if err != nil {
			return nil, err
		}
		return h(w, r, auth, in)
	}
}

func (p *Push) list(w http.ResponseWriter, r *http.Request, auth session.Auth) error {
	browsers, err := p.of.List(r.Context(), auth.Account.ID)
	if err != nil {
		return err
	}
	page := ui.PushList{Key: p.key, Longest: session.MaxPushBrowsers, Full: len(browsers) >= session.MaxPushBrowsers}
	for _, b := range browsers {
		here := b.Session == auth.Session.ID
		page.Here = page.Here || here
		page.Browsers = append(page.Browsers, ui.SignedIn{
			ID: b.ID, Icon: deviceIcon(b.Device), Device: ui.DeviceText(b.Device), Current: here, Facts: ui.Facts{
				{Icon: "bell", Label: ui.K("push.since"), Value: ui.K("sessions.at", "At", b.CreatedAt)},
				{Icon: "history", Label: ui.K("sessions.seen"), Value: ui.K("sessions.at", "At", b.SeenAt)},
			},
		})
	}
	switch done := r.URL.Query().Get("done"); done {
	case "on", "off":
		page.News = ui.Notice{Tone: ui.Success, Text: ui.K("push.done." + done)}
	}
	return p.kit.Page(w, r, page, httpx.Section(pathSecurity))
}

func (p *Push) switchOn(_ http.ResponseWriter, r *http.Request, auth session.Auth, in asked) (any, error) {
	if _, err := p.of.SwitchOn(r.Context(), p.kit.Act(r), auth, in.Answer); err != nil {
		return nil, err
	}
	return told{Next: pathNotices + "?done=on"}, nil
}

func (p *Push) here(_ http.ResponseWriter, r *http.Request, auth session.Auth, in asked) (any, error) {
	var endpoint string
	if err := json.Unmarshal(in.Answer, &endpoint); err != nil {
		return nil, fault.New(fault.Invalid, "fault.bad_form", nil).Because(err)
	}
	return told{}, p.of.Here(r.Context(), p.kit.Act(r), auth, endpoint)
}

func (p *Push) switchOff(w http.ResponseWriter, r *http.Request, auth session.Auth) error {
	if err := p.of.SwitchOff(r.Context(), p.kit.Act(r), auth, r.PathValue("id")); err != nil {
		return err
	}
	return httpx.Redirect(w, r, pathNotices+"?done=off")
}

// pushCard is the section on the page «Безопасность».
func pushCard() ui.SectionCard {
	return ui.SectionCard{Icon: "bell", Title: ui.K("push.title"), Text: ui.K("push.card"), Href: pathNotices}
}

package web_test

import (
	"bytes"
	"context"
	"flag"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"doverie/internal/effect"
	"doverie/internal/fault"
	"doverie/internal/httpx"
	"doverie/internal/i18n"
	"doverie/internal/policy"
	"doverie/internal/trust"
	"doverie/internal/ui"
	"doverie/internal/web"
)

var pagesDir = flag.String("pages", "", "write every page of trusted contacts as HTML files into this folder, for looking at")

var (
	now    = time.Date(2026, time.November, 21, 16, 5, 0, 0, time.UTC)
	vera   = trust.Names{Given: "Вера", Patronymic: "Петровна"}
	alexey = trust.Names{Given: "Алексей", Patronymic: "Иванович"}
)

const home = "/settings/safety/trusted-contacts"

// cabinet is the pages of this family behind the real edge and the real gate, signed in as who.
type cabinet struct {
	t       *testing.T
	who     httpx.Visitor
	handler http.Handler
	assets  *ui.Assets
	links   *links
	lists   *lists
	says    *decisions
	freezer *freezer
	stage   *stage
}

// Visitor makes the cabinet its own book of sessions.
func (c *cabinet) Visitor(context.Context, string) (httpx.Visitor, error) { return c.who, nil }

func open(t *testing.T) *cabinet {
	t.Helper()
	cat, err := i18n.Load()
	if err != nil {
		t.Fatal(err)
	}
	cat.Missing = func(lang, key string, why error) { t.Errorf("%s: %s: %v", lang, key, why) }
	moscow, err := time.LoadLocation("Europe/Moscow")
	if err != nil {
		t.Fatal(err)
	}
	assets, err := ui.LoadAssets()
	if err != nil {
		t.Fatal(err)
	}
	pages, err := ui.New(assets, cat.Printer(i18n.Russian, moscow), cat.Printer(i18n.English, moscow))
	if err != nil {
		t.Fatal(err)
	}
	kit, err := httpx.New(httpx.Config{
		BaseURL: &url.URL{Scheme: "https", Host: "doverie.test"}, Log: slog.New(slog.DiscardHandler), Now: func() time.Time { return now },
	}, pages)
	if err != nil {
		t.Fatal(err)
	}
	c := &cabinet{
		t: t, who: httpx.Visitor{Account: "me", Session: "s1", Name: "Алексей И.", SteppedUp: true, Fresh: true}, assets: assets,
		links: &links{standing: trust.Standing{Now: now}}, lists: &lists{}, says: &decisions{}, freezer: &freezer{}, stage: &stage{},
	}
	gate := kit.Gate(httpx.Gate{Cookie: "session", SignIn: "/sign-in", StepUp: "/step-up", Look: c})
	mux := http.NewServeMux()
	p := policy.Default()
	web.Contacts{Kit: kit, Links: c.links, Views: c.lists, Policy: p}.Mount(mux, gate)
	web.Invitations{Kit: kit, Links: c.links, Views: c.lists, Policy: p}.Mount(mux, gate)
	web.Approvals{Kit: kit, Decisions: c.says, Protect: c.freezer, Views: c.lists, Policy: p}.Mount(mux, gate)
	web.Rehearsals{Kit: kit, Protect: c.stage, Past: c.stage, Policy: p}.Mount(mux, gate)
	c.handler = kit.Wrap(mux)
	return c
}

// ask sends one request; form nil is a GET. extra are cookies "name=value".
func (c *cabinet) ask(path string, form url.Values, extra ...string) *httptest.ResponseRecorder {
	c.t.Helper()
	method, body := http.MethodGet, ""
	if form != nil {
		method, body = http.MethodPost, form.Encode()
	}
	r := httptest.NewRequestWithContext(c.t.Context(), method, "https://doverie.test"+path, strings.NewReader(body))
	if form != nil {
		r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	}
	r.Header.Set("Cookie", strings.Join(append([]string{"__Host-session=secret"}, extra...), "; "))
	w := httptest.NewRecorder()
	c.handler.ServeHTTP(w, r)
	return w
}

var badMarkup = regexp.MustCompile(`(?i)<script>|javascript:|style="|\son[a-z]+="|<no value>|⟦|ZgotmplZ|%!`)

// looks renders the page in both languages, checks what every page must hold, and returns the Russian one.
func (c *cabinet) looks(name, path string, form url.Values, status int, extra ...string) string {
	c.t.Helper()
	russian := ""
	for _, lang := range i18n.Languages() {
		w := c.ask(path, form, append(extra, "lang="+lang)...)
		html := w.Body.String()
		if w.Code != status {
			c.t.Errorf("%s (%s): status %d, want %d, Location %q", name, lang, w.Code, status, w.Header().Get("Location"))
			continue
		}
		for _, bad := range badMarkup.FindAllString(html, -1) {
			c.t.Errorf("%s (%s): the page contains %q", name, lang, bad)
		}
		if n := strings.Count(html, "<h1"); n != 1 {
			c.t.Errorf("%s (%s): %d first headings", name, lang, n)
		}
		if lang == i18n.Russian {
			russian = html
		}
		c.keep(name+"-"+lang, html)
	}
	return strings.ReplaceAll(russian, "\u00a0", " ")
}

func (c *cabinet) keep(name, html string) {
	if *pagesDir == "" {
		return
	}
	for _, asset := range []string{"app.css", "app.js", "favicon.svg", "golos-cyrillic.woff2", "golos-latin.woff2"} {
		at, err := c.assets.URL(asset)
		if err != nil {
			c.t.Fatal(err)
		}
		html = strings.ReplaceAll(html, `"`+at, `"`+strings.TrimPrefix(at, "/"))
		file := filepath.Join(*pagesDir, at)
		if err := os.MkdirAll(filepath.Dir(file), 0o750); err != nil {
			c.t.Fatal(err)
		}
		data := bytes.ReplaceAll(c.assets.Content(at), []byte("url(/assets/"), []byte("url("))
		if err := os.WriteFile(file, data, 0o600); err != nil {
			c.t.Fatal(err)
		}
	}
	if err := os.WriteFile(filepath.Join(*pagesDir, name+".html"), []byte(html), 0o600); err != nil {
		c.t.Fatal(err)
	}
}

// leads checks that the answer sends the reader on.
func (c *cabinet) leads(w *httptest.ResponseRecorder, to string) {
	c.t.Helper()
	if got := w.Header().Get("Location"); w.Code != http.StatusSeeOther || got != to {
		c.t.Errorf("status %d, Location %q, want %q", w.Code, got, to)
	}
}

// links answers for trust.Links and remembers what was asked of it.
type links struct {
	standing   trust.Standing
	invitation trust.InvitationPage
	err        error
	calls      []string
}

func (l *links) did(words ...string) error {
	l.calls = append(l.calls, strings.Join(words, " "))
	return l.err
}

func (l *links) Standing(context.Context, string) (trust.Standing, error) { return l.standing, nil }
func (l *links) Invite(_ context.Context, _ effect.Act, who, name, phone string) (string, error) {
	return "new", l.did("invite", who, name, phone)
}

func (l *links) Withdraw(_ context.Context, _ effect.Act, who, id string) error {
	return l.did("withdraw", who, id)
}

func (l *links) Remove(_ context.Context, _ effect.Act, who, id string, quiet bool) error {
	if quiet {
		return l.did("remove quietly", who, id)
	}
	return l.did("remove", who, id)
}

func (l *links) Stay(_ context.Context, _ effect.Act, who, id string) error {
	return l.did("stay", who, id)
}

func (l *links) Resign(_ context.Context, _ effect.Act, who, id string) error {
	return l.did("resign", who, id)
}

func (l *links) Invitation(context.Context, string, string) (trust.InvitationPage, error) {
	return l.invitation, l.err
}

func (l *links) Accept(_ context.Context, _ effect.Act, who, id string) error {
	return l.did("accept", who, id)
}

func (l *links) Decline(_ context.Context, _ effect.Act, who, id string, block bool) error {
	if block {
		return l.did("decline and block", who, id)
	}
	return l.did("decline", who, id)
}

// lists answers for trust.Views.
type lists struct {
	links       []trust.LinkView
	invitations []trust.InvitationView
	approvals   []trust.ApprovalView
}

func (l *lists) LinksOf(context.Context, string) ([]trust.LinkView, error) { return l.links, nil }
func (l *lists) InvitationsFor(context.Context, string) ([]trust.InvitationView, error) {
	return l.invitations, nil
}

func (l *lists) ApprovalsAlong(ctx context.Context) context.Context { return ctx }

func (l *lists) ApprovalsOf(context.Context, string) ([]trust.ApprovalView, error) {
	return l.approvals, nil
}

func link(id string, side trust.Side, state trust.LinkState, change func(*trust.LinkView)) trust.LinkView {
	v := trust.LinkView{Side: side, Other: alexey, Link: trust.Link{
		ID: id, State: state, InvitedAt: now.Add(-100 * 24 * time.Hour), ExpiresAt: now.Add(40 * time.Hour),
		AcceptedAt: now.Add(-90 * 24 * time.Hour), SettlesAt: now.Add(-89 * 24 * time.Hour),
	}}
	if side == trust.ContactSide {
		v.Other = vera
	}
	if change != nil {
		change(&v)
	}
	return v
}

// everyLink is one link in each state, on both sides.
func everyLink() []trust.LinkView {
	p, k := trust.PrincipalSide, trust.ContactSide
	settling := func(v *trust.LinkView) { v.Link.AcceptedAt, v.Link.SettlesAt = now, now.Add(24*time.Hour) }
	suspended := func(v *trust.LinkView) { v.Link.Why = []trust.Reason{trust.PhoneNotCurrent, trust.AccountFrozen} }
	leaving := func(v *trust.LinkView) { v.Link.LeavingSince, v.Link.LeavesAt = now, now.Add(72*time.Hour) }
	out := []trust.LinkView{
		link("invited", p, trust.Invited, func(v *trust.LinkView) {
			v.Other = trust.Names{}
			v.Link.Label = "Марина, +7 ••• •••-45-67"
		}),
		link("active", p, trust.Active, func(v *trust.LinkView) { v.Mutual = true }),
		link("settling", p, trust.Active, settling), link("suspended", p, trust.Suspended, suspended),
		link("leaving", p, trust.Leaving, leaving),
		link("quiet", p, trust.Leaving, func(v *trust.LinkView) { leaving(v); v.Link.Quiet = true }),
		link("c-active", k, trust.Active, func(v *trust.LinkView) { v.Mutual = true }),
		link("c-settling", k, trust.Active, settling), link("c-suspended", k, trust.Suspended, suspended), link("c-leaving", k, trust.Leaving, leaving),
	}
	for _, state := range []trust.LinkState{trust.Declined, trust.Withdrawn, trust.Lapsed} {
		out = append(out, link("x-"+string(state), p, state, func(v *trust.LinkView) { v.Other, v.Link.EndedAt = trust.Names{}, now }))
	}
	for _, why := range []string{"removed", "resigned", "in_person", "account_closed", "what nobody knows"} {
		out = append(out, link("x-"+why, k, trust.Ended, func(v *trust.LinkView) { v.Link.EndedAt, v.Link.EndReason = now, why }))
	}
	return out
}

func TestContactsHomeInEveryState(t *testing.T) {
	c := open(t)
	html := c.looks("contacts-empty", home, nil, http.StatusOK)
	if !strings.Contains(html, home+"/add") || strings.Contains(html, "Кого защищаете вы") {
		t.Error("an empty list must teach and offer «Добавить», and nothing else")
	}
	c.links.standing.Reasons = []trust.Reason{trust.NotConfirmed, trust.TooYoung}
	c.links.standing.HoldUntil = now.Add(time.Hour)
	html = c.looks("contacts-cannot", home, nil, http.StatusOK)
	if strings.Contains(html, home+"/add") || !strings.Contains(html, "центре обслуживания") || !strings.Contains(html, "По возрасту") {
		t.Error("every reason must be shown, and no button that leads nowhere")
	}
	c.links.standing = trust.Standing{Now: now}
	c.lists.links = everyLink()
	c.lists.invitations = []trust.InvitationView{{ID: "i1", Principal: vera, ExpiresAt: now.Add(50 * time.Hour)}}
	c.lists.approvals = everyApproval()
	html = c.looks("contacts-full", home+"?done=removed", nil, http.StatusOK)
	for _, want := range []string{
		"/invitations/i1", "/approvals/asked", home + "/invited/withdraw", home + "/active/remove", home + "/leaving/stay",
		home + "/c-leaving/stay", home + "/c-active/resign", "Мы начали удаление", "Марина, &#43;7",
	} {
		if !strings.Contains(html, want) {
			t.Errorf("the page lacks %q", want)
		}
	}
	if strings.Index(html, "/approvals/asked") > strings.Index(html, "/invitations/i1") {
		t.Error("a request for a decision must come before an invitation")
	}
	if html := c.looks("contacts-odd", home+"?done=<script>", nil, http.StatusOK); strings.Contains(html, "notice success") {
		t.Error("an unknown word in the address must say nothing")
	}
}

func TestAddContact(t *testing.T) {
	c := open(t)
	c.looks("contacts-add", home+"/add", nil, http.StatusOK)
	form := url.Values{"name": {"Алексей"}, "phone": {"+7 916 123-45-67"}}
	c.leads(c.ask(home+"/add", form), home+"/sent")
	if got := strings.Join(c.links.calls, ";"); got != "invite me Алексей +7 916 123-45-67" {
		t.Errorf("asked %q", got)
	}
	c.looks("contacts-sent", home+"/sent", nil, http.StatusOK)
	for name, err := range map[string]error{
		"field":      fault.BadFields(fault.Field{Name: "phone", Key: "fault.phone.not_mobile"}),
		"limited":    fault.New(fault.Limited, "fault.limited.invite", fault.Args{"After": time.Hour}),
		"phone week": fault.New(fault.Limited, "fault.limited.invite_phone", fault.Args{"After": time.Hour}),
		"reasons":    trust.NotEligible([]trust.Reason{trust.ContactsFull, trust.Self}),
		"hold":       fault.New(fault.Refused, "fault.hold", fault.Args{"Until": now.Add(time.Hour)}),
	} {
		c.links.err = err
		html := c.looks("contacts-add-"+name, home+"/add", form, http.StatusUnprocessableEntity)
		if atField := strings.Contains(html, `id="phone-error"`); atField != (name == "field" || name == "phone week") {
			t.Errorf("%s: said at the field: %v", name, atField)
		}
		if !strings.Contains(html, `value="Алексей"`) || !strings.Contains(html, `value="&#43;7 916 123-45-67"`) {
			t.Errorf("%s: what was typed is lost", name)
		}
	}
	c.links.err = trust.NotEligible([]trust.Reason{trust.ContactsFull, trust.Self})
	if html := c.looks("contacts-add-reasons", home+"/add", form, http.StatusUnprocessableEntity); strings.Count(html, "<li>") < 2 || !strings.Contains(html, "самому себе") {
		t.Error("every reason must be told")
	}
	c.links.standing.Reasons = []trust.Reason{trust.NotConfirmed}
	c.looks("contacts-add-cannot", home+"/add", nil, http.StatusOK)
}

func TestActsOnALink(t *testing.T) {
	c := open(t)
	c.lists.links = everyLink()
	for _, path := range []string{"invited/withdraw", "leaving/stay", "quiet/stay", "c-leaving/stay", "c-active/resign", "c-suspended/resign", "active/remove", "suspended/remove"} {
		c.looks("contacts-"+strings.ReplaceAll(path, "/", "-"), home+"/"+path, nil, http.StatusOK)
	}
	for _, path := range []string{"active/withdraw", "active/stay", "active/resign", "c-active/remove", "c-active/withdraw", "c-active/stay", "leaving/remove", "invited/remove"} {
		if w := c.ask(home+"/"+path, nil); w.Code != http.StatusConflict {
			t.Errorf("%s: status %d, want a conflict", path, w.Code)
		}
	}
	if w := c.ask(home+"/somebody-elses/remove", nil); w.Code != http.StatusNotFound {
		t.Errorf("another's link: status %d", w.Code)
	}
	html := c.looks("contacts-remove-nothing", home+"/active/remove", url.Values{}, http.StatusUnprocessableEntity)
	if strings.Contains(html, " checked") || len(c.links.calls) != 0 {
		t.Error("nothing may be chosen beforehand, and nothing done without a choice")
	}
	for _, one := range []struct{ path, call, done string }{
		{"invited/withdraw", "withdraw me invited", "withdrawn"}, {"leaving/stay", "stay me leaving", "stays"},
		{"c-active/resign", "resign me c-active", "resigned"},
	} {
		c.links.calls = nil
		c.leads(c.ask(home+"/"+one.path, url.Values{}), home+"?done="+one.done)
		if got := strings.Join(c.links.calls, ";"); got != one.call {
			t.Errorf("asked %q, want %q", got, one.call)
		}
	}
	c.links.calls = nil
	c.leads(c.ask(home+"/active/remove", url.Values{"tell": {"now"}}), home+"?done=removed")
	c.leads(c.ask(home+"/active/remove", url.Values{"tell": {"later"}}), home+"?done=removed")
	if got := strings.Join(c.links.calls, ";"); got != "remove me active;remove quietly me active" {
		t.Errorf("asked %q", got)
	}
	c.links.standing.HoldUntil = now.Add(time.Hour)
	if w := c.ask(home+"/active/remove", nil); w.Code != http.StatusForbidden {
		t.Errorf("removal in a hold: status %d", w.Code)
	}
}

func TestGatesOfContacts(t *testing.T) {
	c := open(t)
	c.lists.links = everyLink()
	c.says.q = request(trust.Matched, trust.ActionRecovery)
	c.who.SteppedUp, c.who.Fresh = false, false
	for _, path := range []string{home + "/add", home + "/active/remove", "/invitations/i1/accept", "/approvals/a1/confirm"} {
		c.leads(c.ask(path, nil), "/step-up?next="+url.QueryEscape(path))
		c.leads(c.ask(path, url.Values{}), "/step-up?next="+url.QueryEscape(path))
	}
	c.who = httpx.Visitor{}
	for _, path := range []string{home, home + "/add", home + "/x/stay", "/invitations/i1", "/invitations/i1/decline", "/approvals", "/approvals/a1", "/approvals/a1/code", "/approvals/a1/reject", "/approvals/a1/freeze"} {
		c.leads(c.ask(path, nil), "/sign-in?next="+url.QueryEscape(path))
	}
	if len(c.links.calls)+len(c.says.calls)+len(c.freezer.calls) != 0 {
		t.Errorf("something was done without the check: %v %v %v", c.links.calls, c.says.calls, c.freezer.calls)
	}
}

func TestInvitations(t *testing.T) {
	c := open(t)
	c.links.invitation = trust.InvitationPage{
		InvitationView: trust.InvitationView{ID: "i1", Principal: vera, ExpiresAt: now.Add(50 * time.Hour)}, Now: now, From: "vera",
	}
	html := c.looks("invitations-show", "/invitations/i1", nil, http.StatusOK)
	if !strings.Contains(html, "позвоните Вере Петровне сами") || !strings.Contains(html, "/invitations/i1/accept") {
		t.Error("the page must say whom to call and offer to accept")
	}
	c.lists.links = []trust.LinkView{link("1", trust.PrincipalSide, trust.Active, func(v *trust.LinkView) { v.Link.Contact = "vera" })}
	if html := c.looks("invitations-mutual", "/invitations/i1", nil, http.StatusOK); !strings.Contains(html, "уже защищает вас") {
		t.Error("two who would guard each other must be warned")
	}
	c.looks("invitations-accept", "/invitations/i1/accept", nil, http.StatusOK)
	c.looks("invitations-decline", "/invitations/i1/decline", nil, http.StatusOK)
	c.leads(c.ask("/invitations/i1/accept", url.Values{}), home+"?done=accepted")
	c.leads(c.ask("/invitations/i1/decline", url.Values{}), home+"?done=declined")
	c.leads(c.ask("/invitations/i1/decline", url.Values{"block": {"yes"}}), home+"?done=declined")
	if got := strings.Join(c.links.calls, ";"); got != "accept me i1;decline me i1;decline and block me i1" {
		t.Errorf("asked %q", got)
	}
	c.links.invitation.Reasons = []trust.Reason{trust.TooYoung, trust.PrincipalsFull}
	if html := c.looks("invitations-cannot", "/invitations/i1", nil, http.StatusOK); strings.Contains(html, "/accept") {
		t.Error("who may not accept must not be offered to")
	}
	c.leads(c.ask("/invitations/i1/accept", nil), "/invitations/i1")
	c.links.err = trust.NotEligible([]trust.Reason{trust.TooYoung})
	c.leads(c.ask("/invitations/i1/accept", url.Values{}), "/invitations/i1")
	c.links.err = fault.New(fault.Refused, "fault.trust.not_now", nil)
	c.looks("invitations-not-now", "/invitations/i1/accept", url.Values{}, http.StatusForbidden)
	c.links.err = fault.New(fault.NotFound, "fault.not_found", nil)
	c.looks("invitations-nobody", "/invitations/i1", nil, http.StatusNotFound)
	c.links.err = fault.New(fault.Conflict, "fault.trust.state_active", nil)
	c.leads(c.ask("/invitations/i1", nil), home)
	c.leads(c.ask("/invitations/i1/accept", url.Values{}), home+"?done=accepted")
	c.links.err, c.links.invitation.ExpiresAt = nil, now
	c.looks("invitations-lapsed", "/invitations/i1", nil, http.StatusConflict)
}

// stage answers for trust.Protect and the store in a rehearsal.
type stage struct {
	last    trust.Action
	waiting trust.WaitingAction
	ok      bool
	err     error
	calls   []string
}

func (s *stage) Rehearse(_ context.Context, _ effect.Act, who, session string) (string, error) {
	s.calls = append(s.calls, "rehearse "+who+" "+session)
	return "r1", s.err
}

func (s *stage) Waiting(_ context.Context, _, _ string, kind trust.ActionKind) (trust.WaitingAction, bool, error) {
	return s.waiting, s.ok && kind == trust.ActionRehearsal, nil
}

func (s *stage) LastRehearsal(context.Context, string) (trust.Action, bool, error) {
	return s.last, s.last.ID != "", nil
}

func (s *stage) GiveUp(_ context.Context, _ effect.Act, who, id string) error {
	s.calls = append(s.calls, "give up "+who+" "+id)
	return s.err
}

func TestRehearsal(t *testing.T) {
	const path = home + "/rehearsal"
	c := open(t)
	if html := c.looks("contacts-rehearsal", path, nil, http.StatusOK); !strings.Contains(html, "Начать тренировку") || strings.Contains(html, "match-number") {
		t.Error("before the start there is an offer and no number")
	}
	c.leads(c.ask(path, url.Values{}), path)
	c.leads(c.ask(path+"/end", url.Values{}), home) // nothing to end
	c.stage.ok, c.stage.waiting = true, trust.WaitingAction{Now: now, Match: "47", Action: trust.Action{ID: "r1", ExpiresAt: now.Add(11 * time.Hour)}}
	if html := c.looks("contacts-rehearsal-waits", path, nil, http.StatusOK); !strings.Contains(html, ">47<") {
		t.Error("the browser that started it shows the number")
	}
	c.stage.waiting.Match = ""
	if html := c.looks("contacts-rehearsal-elsewhere", path, nil, http.StatusOK); strings.Contains(html, "match-number") {
		t.Error("another browser shows no number")
	}
	c.leads(c.ask(path+"/end", url.Values{}), home)
	if got := strings.Join(c.stage.calls, ";"); got != "rehearse me s1;give up me r1" {
		t.Errorf("asked %q", got)
	}
	c.stage.ok = false
	for state, says := range map[trust.ActionState]string{
		trust.ActionDone: "Тренировка прошла", trust.ActionRejected: "Контакт ответил «нет»", trust.ActionExpired: "Контакт не ответил", trust.ActionCancelled: "",
	} {
		c.stage.last = trust.Action{ID: "r1", State: state, EndedAt: now}
		html := c.looks("contacts-rehearsal-"+string(state), path, nil, http.StatusOK)
		if !strings.Contains(html, says) || !strings.Contains(html, "Начать тренировку") || says == "" && strings.Contains(html, "notice success") {
			t.Errorf("%s: the page does not say how the last one went", state)
		}
	}
	c.stage.err = fault.New(fault.Refused, "fault.action.no_contact", nil)
	c.looks("contacts-rehearsal-nobody", path, url.Values{}, http.StatusForbidden)
}

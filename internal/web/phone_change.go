package web

import (
	"context"
	"net/http"
	"strings"

	"doverie/internal/account"
	"doverie/internal/effect"
	"doverie/internal/fault"
	"doverie/internal/httpx"
	"doverie/internal/secret"
	"doverie/internal/trust"
	"doverie/internal/ui"
)

const (
	pathPhone       = "/settings/account/phone"
	pathPhoneChange = pathPhone + "/change"
)

// PhoneChanges is the change of a phone; trust.Phones has it.
type PhoneChanges interface {
	Start(ctx context.Context, act effect.Act, account, session, typed string) (actionID string, err error)
	Waiting(ctx context.Context, account, session string) (trust.PhoneWaiting, bool, error)
	SendCode(ctx context.Context, act effect.Act, account, actionID string) error
	Enter(ctx context.Context, act effect.Act, account, session, actionID, typed string) error
}

// GivesUp ends an open action of one's own; trust.Protect has it.
type GivesUp interface {
	GiveUp(ctx context.Context, act effect.Act, account, actionID string) error
}

// OwnSwitches reads what the contacts guard; trust.Guards has it.
type OwnSwitches interface {
	Switches(ctx context.Context, account string) (trust.Switches, error)
}

// OwnProfile reads a person's own record; account.Service has it.
type OwnProfile interface {
	Profile(ctx context.Context, account string) (account.Account, error)
}

// PhoneChange is the pages of a change of phone: the number, the contact's answer, the code. Which of
// them is shown follows from the stored state alone.
type PhoneChange struct {
	arrivals

	kit      *httpx.Kit
	of       PhoneChanges
	protect  GivesUp
	switches OwnSwitches
	profile  OwnProfile
}

// NewPhoneChange prepares the pages.
func NewPhoneChange(kit *httpx.Kit, of PhoneChanges, protect GivesUp, switches OwnSwitches, profile OwnProfile) *PhoneChange {
	return &PhoneChange{kit: kit, of: of, protect: protect, switches: switches, profile: profile}
}

// Mount adds the pages. Giving the change up takes nothing away, so it needs no repeated check.
func (p *PhoneChange) Mount(mux *http.ServeMux, citizens *httpx.Gate) {
	session := func(h httpx.Handler) http.Handler { return p.kit.Handle(citizens.RequireSession(h)) }
	stepUp := func(h httpx.Handler) http.Handler { return p.kit.Handle(citizens.RequireStepUp(h)) }
	mux.Handle("GET "+pathPhone, stepUp(p.form))
	mux.Handle("POST "+pathPhone, stepUp(p.start))
	mux.Handle("GET "+pathPhoneChange, session(p.show))
	mux.Handle("POST "+pathPhoneChange+"/code", stepUp(p.send))
	mux.Handle("GET "+pathPhoneChange+"/code", session(p.back))
	mux.Handle("POST "+pathPhoneChange+"/enter", stepUp(p.enter))
	mux.Handle("GET "+pathPhoneChange+"/enter", session(p.back))
	mux.Handle("POST "+pathPhoneChange+"/cancel", session(p.cancel))
}

func (p *PhoneChange) waiting(r *http.Request) (trust.PhoneWaiting, bool, error) {
	v := httpx.VisitorOf(r)
	return p.of.Waiting(r.Context(), v.Account, v.Session)
}

// back is where a lost form comes back to, for example after a repeated check.
func (p *PhoneChange) back(w http.ResponseWriter, r *http.Request) error {
	return httpx.Redirect(w, r, pathPhoneChange)
}

func (p *PhoneChange) form(w http.ResponseWriter, r *http.Request) error {
	_, ok, err := p.waiting(r)
	if err != nil {
		return err
	}
	if ok {
		return httpx.Redirect(w, r, pathPhoneChange)
	}
	page, err := p.formPage(r, "", nil)
	if err != nil {
		return err
	}
	return p.kit.Page(w, r, page, httpx.Section(pathProfile))
}

func (p *PhoneChange) formPage(r *http.Request, typed string, errs ui.Errors) (ui.PhoneForm, error) {
	const longest = 32
	id := httpx.VisitorOf(r).Account
	a, err := p.profile.Profile(r.Context(), id)
	if err != nil {
		return ui.PhoneForm{}, err
	}
	s, err := p.switches.Switches(r.Context(), id)
	if err != nil {
		return ui.PhoneForm{}, err
	}
	page := ui.PhoneForm{Errors: errs, Hold: s.HoldUntil, Phone: ui.TextField{
		Name: "phone", Label: ui.K("phone_change.label"), Hint: ui.K("phone_change.hint"), Value: typed,
		Type: "tel", InputMode: "tel", Autocomplete: "off", MaxLength: longest,
	}.Check(errs)}
	if a.PhoneOwned() {
		page.Old = account.MaskPhone(a.Phone)
	}
	if len(s.Contacts) > 0 && guardOf(s, trust.GuardChangePhone).Guards() {
		page.Contacts = strings.Join(s.Contacts, ", ")
	}
	return page, nil
}

func guardOf(s trust.Switches, name trust.GuardName) trust.Guard {
	for _, g := range s.Guards {
		if g.Name == name {
			return g
		}
	}
	return trust.Guard{}
}

func (p *PhoneChange) start(w http.ResponseWriter, r *http.Request) error {
	form, err := httpx.Form(r)
	if err != nil {
		return err
	}
	v := httpx.VisitorOf(r)
	_, err = p.of.Start(r.Context(), p.kit.Act(r), v.Account, v.Session, form.Get("phone"))
	if err == nil || fault.HasKey(err, "fault.action.already_asked") {
		return httpx.Redirect(w, r, pathPhoneChange)
	}
	errs, ok := httpx.FormErrors(err, "phone")
	if !ok {
		return err
	}
	page, err := p.formPage(r, form.Get("phone"), errs)
	if err != nil {
		return err
	}
	return p.kit.FormAgain(w, r, page, httpx.Section(pathProfile))
}

func (p *PhoneChange) show(w http.ResponseWriter, r *http.Request) error {
	waiting, ok, err := p.waiting(r)
	if err != nil {
		return err
	}
	if !ok {
		page := ui.PhoneOver{}
		if r.URL.Query().Get("done") == "phone" {
			page.Done = true
		}
		return p.kit.Page(w, r, page, httpx.Section(pathProfile))
	}
	if waiting.Action.State == trust.Waiting {
		return p.kit.Page(w, r, waitingPage(waiting.WaitingAction, pathPhoneChange+"/cancel", pathPhoneChange), httpx.Section(pathProfile))
	}
	return p.kit.Page(w, r, p.codePage(r.Context(), waiting, nil), httpx.Section(pathProfile))
}

// waitingPage shows an action that waits for the contacts.
func waitingPage(w trust.WaitingAction, cancel, self string) ui.ActionWaiting {
	page := ui.ActionWaiting{
		Kind: string(w.Action.Kind), Until: w.Action.ExpiresAt, Contacts: strings.Join(w.Contacts, ", "), Cancel: cancel, Self: self,
	}
	if w.Match != "" { // only where it was started
		page.Match = ui.MatchNumber{Number: w.Match, Hint: ui.K("contacts.rehearsal.read")}
	}
	return page
}

func (p *PhoneChange) codePage(ctx context.Context, w trust.PhoneWaiting, errs ui.Errors) ui.PhoneCode {
	masked := account.MaskPhone(w.Phone)
	page := ui.PhoneCode{
		Errors: errs, SentTo: masked, Sent: w.CodeSent || len(errs) > 0, Until: w.Action.ExpiresAt, Approved: w.Action.Needed > 0,
		Code: ui.CodeField{Name: "code", SentTo: masked, Does: ui.K("phone_change.code.does")}.Check(errs),
	}
	if page.Sent {
		page.Code.Delivery = p.delivery(ctx, secret.ChangePhone, w.Action.ID)
	}
	return page
}

func (p *PhoneChange) send(w http.ResponseWriter, r *http.Request) error {
	if _, err := httpx.Form(r); err != nil {
		return err
	}
	waiting, ok, err := p.waiting(r)
	if err != nil {
		return err
	}
	if ok {
		if err := p.of.SendCode(r.Context(), p.kit.Act(r), httpx.VisitorOf(r).Account, waiting.Action.ID); err != nil {
			return err
		}
	}
	return httpx.Redirect(w, r, pathPhoneChange)
}

func (p *PhoneChange) enter(w http.ResponseWriter, r *http.Request) error {
	form, err := httpx.Form(r)
	if err != nil {
		return err
	}
	waiting, ok, err := p.waiting(r)
	if err != nil {
		return err
	}
	if !ok {
		return httpx.Redirect(w, r, pathPhoneChange)
	}
	if strings.TrimSpace(form.Get("code")) == "" {
		return p.kit.FormAgain(w, r, p.codePage(r.Context(), waiting, emptyCode()), httpx.Section(pathProfile), httpx.From(pathPhoneChange))
	}
	v := httpx.VisitorOf(r)
	err = p.of.Enter(r.Context(), p.kit.Act(r), v.Account, v.Session, waiting.Action.ID, form.Get("code"))
	switch {
	case err == nil:
		return httpx.Redirect(w, r, pathPhoneChange+"?done=phone")
	case fault.HasKey(err, "fault.code.wrong"), fault.HasKey(err, "fault.code.dead"), fault.HasKey(err, "fault.code.spent"), fault.HasKey(err, "fault.code.expired"):
		errs, _ := httpx.FormErrors(err, "code")
		return p.kit.FormAgain(w, r, p.codePage(r.Context(), waiting, errs), httpx.Section(pathProfile), httpx.From(pathPhoneChange))
	}
	return err
}

func (p *PhoneChange) cancel(w http.ResponseWriter, r *http.Request) error {
	if _, err := httpx.Form(r); err != nil {
		return err
	}
	waiting, ok, err := p.waiting(r)
	if err != nil {
		return err
	}
	if ok {
		if err := p.protect.GiveUp(r.Context(), p.kit.Act(r), httpx.VisitorOf(r).Account, waiting.Action.ID); err != nil {
			return err
		}
	}
	return httpx.Redirect(w, r, pathProfile)
}

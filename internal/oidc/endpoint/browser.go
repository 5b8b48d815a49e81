package endpoint

import (
	"net/http"
	"net/url"
	"slices"
	"strings"

	"doverie/internal/fault"
	"doverie/internal/httpx"
	"doverie/internal/oidc"
	"doverie/internal/session"
	"doverie/internal/ui"
)

// authorize takes a request that a browser brings, by GET or POST (OpenID Connect Core §3.1.2.1). A form posted from
// another site comes without our cookies; so whoever is signed in is looked up one step later.
func (e *Endpoints) authorize(w http.ResponseWriter, r *http.Request) error {
	params := r.URL.Query()
	if r.Method == http.MethodPost {
		var err error
		if params, err = httpx.Form(r); err != nil {
			return err
		}
	}
	begun, wrong := e.Provider.Begin(r.Context(), e.Kit.Act(r), params)
	switch {
	case wrong != nil:
		return toPerson(wrong)
	case begun.Answer != nil:
		return e.answer(w, r, *begun.Answer)
	}
	return httpx.Redirect(w, r, at(pathContinue, begun.Step))
}

func at(path, step string) string { return path + "?at=" + url.QueryEscape(step) }

// toPerson is an error that must not be sent to the system: there is no address it may go to (T42).
func toPerson(wrong *oidc.Error) error {
	switch wrong.Code {
	case "server_error", "temporarily_unavailable":
		return wrong.Unwrap()
	}
	return fault.New(fault.Invalid, "fault.system.request", fault.Args{"Code": wrong.Code}).Because(wrong)
}

// answer carries an answer to the system through the browser.
func (e *Endpoints) answer(w http.ResponseWriter, r *http.Request, a oidc.Answer) error {
	if a.Mode != oidc.ModeFormPost {
		http.Redirect(w, r, a.URL(), http.StatusSeeOther) //nolint:gosec // an address that the client registered, compared character by character
		return nil
	}
	u, err := url.Parse(a.Redirect)
	if err != nil {
		return err
	}
	httpx.AllowFormTo(w, u.Scheme+"://"+u.Host)
	page := ui.SystemPost{Action: a.Redirect, Host: u.Hostname()}
	for name, values := range a.Params {
		page.Fields = append(page.Fields, ui.Hidden{Name: name, Value: values[0]})
	}
	slices.SortFunc(page.Fields, func(x, y ui.Hidden) int { return strings.Compare(x.Name, y.Name) })
	return e.Kit.Page(w, r, page)
}

// onward stands between a form of ours and the way to another system: a browser applies the form's policy to every
// redirect that follows it, and the sign-in's forms lead nowhere else.
func (e *Endpoints) onward(w http.ResponseWriter, r *http.Request) error {
	to := at(pathContinue, r.URL.Query().Get("at"))
	return e.Kit.Page(w, r, ui.SystemOnward{To: to}, func(l *ui.Layout) { l.Onward = to })
}

// auth is the session of the browser, nil when nobody is signed in.
func (e *Endpoints) auth(r *http.Request) (*session.Auth, error) {
	v := httpx.VisitorOf(r)
	if v.Account == "" {
		return nil, nil //nolint:nilnil // nobody is signed in: that is no error
	}
	auth, err := e.Sessions.Authenticate(r.Context(), v.Secret)
	if fault.Is(err, fault.SignIn) {
		return nil, nil //nolint:nilnil // it has ended just now
	}
	return &auth, err
}

// proceed goes on with a request where it stands.
func (e *Endpoints) proceed(w http.ResponseWriter, r *http.Request) error {
	auth, err := e.auth(r)
	if err != nil {
		return err
	}
	here := r.URL.Query().Get("at")
	step, err := e.Provider.Continue(r.Context(), e.Kit.Act(r), here, auth)
	if only := httpx.VisitorOf(r).OnlyPath; only != "" && fault.HasKey(err, "fault.system.closed") {
		return httpx.Redirect(w, r, only)
	}
	if err != nil {
		return err
	}
	next := "?next=" + url.QueryEscape(at(pathOnward, here))
	switch step.Kind {
	case oidc.GoSignIn:
		return httpx.Redirect(w, r, e.SignIn+next)
	case oidc.GoStepUp:
		return httpx.Redirect(w, r, e.StepUp+next)
	case oidc.GoConsent:
		return httpx.Redirect(w, r, at(pathConsent, step.Ask))
	case oidc.GoAnswer:
	}
	return e.answer(w, r, step.Answer)
}

func (e *Endpoints) ask(w http.ResponseWriter, r *http.Request) error {
	auth, err := e.Sessions.Authenticate(r.Context(), httpx.VisitorOf(r).Secret)
	if err != nil {
		return err
	}
	here := r.URL.Query().Get("at")
	c, err := e.Provider.Ask(r.Context(), here, auth)
	if err != nil {
		return err
	}
	for _, u := range c.Client.Redirects { // the answer to the form leads to one of them
		if parsed, err := url.Parse(u); err == nil && strings.EqualFold(parsed.Hostname(), c.Host) {
			httpx.AllowFormTo(w, parsed.Scheme+"://"+parsed.Host)
		}
	}
	page := ui.SystemConsent{Name: c.Client.Name, Host: c.Host, Known: c.Known, Closed: c.Closed, Hands: hands(c.Scopes, c.Claims), Until: c.Until, Step: here}
	return e.Kit.Page(w, r, page)
}

// hands names what is handed over, in plain words.
func hands(scopes, claims []string) []ui.Text {
	out := []ui.Text{ui.K("systems.hand.openid")}
	for _, s := range scopes {
		out = append(out, ui.K("systems.hand."+s))
	}
	for _, c := range claims {
		out = append(out, ui.K("systems.claim."+c))
	}
	return out
}

func (e *Endpoints) decide(w http.ResponseWriter, r *http.Request) error {
	form, err := httpx.Form(r)
	if err != nil {
		return err
	}
	auth, err := e.Sessions.Authenticate(r.Context(), httpx.VisitorOf(r).Secret)
	if err != nil {
		return err
	}
	a, err := e.Provider.Decide(r.Context(), e.Kit.Act(r), form.Get("at"), auth, form.Get("agree") == "yes")
	if err != nil {
		return err
	}
	return e.answer(w, r, a)
}

func (e *Endpoints) consents(w http.ResponseWriter, r *http.Request) error {
	all, err := e.Provider.Consents(r.Context(), httpx.VisitorOf(r).Account)
	if err != nil {
		return err
	}
	page := ui.SystemConsents{Empty: ui.EmptyState{Icon: "globe", Title: ui.K("systems.consents.empty"), Text: ui.K("systems.consents.empty.text")}}
	if r.URL.Query().Get("done") == "withdrawn" {
		page.News = ui.Notice{Tone: ui.Success, Text: ui.K("systems.consents.done")}
	}
	for _, one := range all {
		page.Agreed = append(page.Agreed, ui.SystemAgreed{
			ID: one.Grant.ID, Name: one.Client.Name, Since: one.Grant.ChangedAt, Until: one.Grant.ExpiresAt, Hands: hands(one.Scopes, one.Grant.Claims),
		})
	}
	return e.Kit.Page(w, r, page, httpx.Section("/settings/safety/login"))
}

func (e *Endpoints) withdraw(w http.ResponseWriter, r *http.Request) error {
	if err := e.Provider.Withdraw(r.Context(), e.Kit.Act(r), httpx.VisitorOf(r).Account, r.PathValue("id")); err != nil {
		return err
	}
	return httpx.Redirect(w, r, pathConsents+"?done=withdrawn")
}

// logout asks whether to sign out here too: a page of another site cannot sign anybody out by an address alone.
func (e *Endpoints) logout(w http.ResponseWriter, r *http.Request) error {
	params := r.URL.Query()
	if r.Method == http.MethodPost {
		var err error
		if params, err = httpx.Form(r); err != nil {
			return err
		}
	}
	plan, wrong := e.Provider.PlanLogout(r.Context(), oidc.Logout{
		Hint: params.Get("id_token_hint"), ClientID: params.Get("client_id"), Redirect: params.Get("post_logout_redirect_uri"), State: params.Get("state"),
	})
	if wrong != nil {
		return toPerson(wrong)
	}
	if r.Method == http.MethodPost { // from another site, without our cookies: the same question one step later
		return httpx.Redirect(w, r, pathLogout+"?"+params.Encode())
	}
	if httpx.VisitorOf(r).Account == "" {
		return e.left(w, r, plan.Redirect)
	}
	if u, err := url.Parse(plan.Redirect); err == nil && u.Host != "" {
		httpx.AllowFormTo(w, u.Scheme+"://"+u.Host)
	}
	return e.Kit.Page(w, r, ui.SystemSignOut{Name: plan.Client.Name, Step: e.Provider.SignLogout(plan)})
}

func (e *Endpoints) leave(w http.ResponseWriter, r *http.Request) error {
	form, err := httpx.Form(r)
	if err != nil {
		return err
	}
	to, err := e.Provider.SignedLogout(form.Get("at"))
	if err != nil {
		return err
	}
	if form.Get("leave") != "yes" {
		return httpx.Redirect(w, r, "/settings/account")
	}
	auth, err := e.auth(r)
	if err != nil {
		return err
	}
	if auth != nil {
		if err := e.Sessions.SignOut(r.Context(), e.Kit.Act(r), *auth); err != nil {
			return err
		}
	}
	e.Kit.ClearCookie(w, e.cookie)
	return e.left(w, r, to)
}

// left is where a browser goes that is signed out.
func (e *Endpoints) left(w http.ResponseWriter, r *http.Request, to string) error {
	if to == "" {
		return httpx.Redirect(w, r, e.SignIn+"?why=out")
	}
	http.Redirect(w, r, to, http.StatusSeeOther) //nolint:gosec // an address that the client registered, compared character by character
	return nil
}

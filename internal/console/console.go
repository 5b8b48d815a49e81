package console

import (
	"context"
	"net/http"
	"time"

	"doverie/internal/desk"
	"doverie/internal/effect"
	"doverie/internal/fault"
	"doverie/internal/httpx"
	"doverie/internal/i18n"
	"doverie/internal/policy"
	"doverie/internal/ui"
)

// Cookie holds the secret of an operator's session.
const Cookie = "operator"

// The addresses that others name.
const (
	Home       = "/operator"
	signInPath = "/operator/sign-in"
	enrolPath  = "/operator/enrol"
)

// Client is one information system, as the administrator sees it.
type Client struct{ ID, Name, State, Redirects string }

// Config is what the console is made of.
type Config struct {
	Kit     *httpx.Kit
	Desk    *desk.Service
	Staff   *desk.Staff
	Records *desk.Records
	Policy  policy.Policy
	Now     func() time.Time
	// Messages renders one example of every message in a language, for the administrator to read.
	Messages func(lang string) []Message
	// Deliveries tells what became of the newest messages to an account: no text, no address.
	Deliveries func(ctx context.Context, account string) ([]effect.Delivery, error)
	// Clients lists the information systems; nil: there are none to list.
	Clients func(ctx context.Context) ([]Client, error)
}

// Message is the text of one kind of message on one channel.
type Message struct{ Kind, Channel, Text string }

// Console is the operator's place.
type Console struct {
	Config

	gate *httpx.Gate
}

// New prepares the pages.
func New(c Config) *Console {
	k := &Console{Config: c}
	k.gate = c.Kit.Gate(httpx.Gate{Cookie: Cookie, SignIn: signInPath, StepUp: signInPath, Look: visitors{c.Staff}})
	return k
}

// visitors tells the edge which operator is signed in.
type visitors struct{ staff *desk.Staff }

// Visitor implements httpx.Visitors.
func (v visitors) Visitor(ctx context.Context, secret string) (httpx.Visitor, error) {
	who, ses, err := v.staff.Authenticate(ctx, secret)
	if fault.Is(err, fault.SignIn) {
		return httpx.Visitor{}, nil
	}
	if err != nil {
		return httpx.Visitor{}, err
	}
	return httpx.Visitor{Account: who.ID, Session: ses.ID, Name: who.Name, Office: who.OfficeName, Secret: secret}, nil
}

// handler is a page for a signed-in operator.
type handler func(w http.ResponseWriter, r *http.Request, who desk.Operator) error

// Route is one address and who may use it. Open ones have no roles.
type Route struct {
	Pattern string
	Roles   []desk.Role

	serve http.Handler
}

// Routes lists every address of the console.
func (c *Console) Routes() []Route {
	serving, desks := []desk.Role{desk.Clerk, desk.Senior}, desk.Roles()
	auditor, admin := []desk.Role{desk.Auditor}, []desk.Role{desk.Administrator}
	figures := []desk.Role{desk.Senior, desk.Auditor, desk.Administrator}
	open := func(pattern string, h httpx.Handler) Route {
		return Route{Pattern: pattern, serve: c.Kit.Handle(c.gate.Maybe(h))}
	}
	script := func(pattern string, h func(http.ResponseWriter, *http.Request, httpx.Asked) (any, error)) Route {
		return Route{Pattern: pattern, serve: c.Kit.Handle(c.gate.Maybe(c.Kit.FromScript(c.gate, h)))}
	}
	to := func(roles []desk.Role, pattern string, h handler) Route {
		return Route{Pattern: pattern, Roles: roles, serve: c.Kit.Handle(c.gate.RequireSession(c.as(roles, h)))}
	}
	return []Route{
		open("GET /operator/sign-in", c.signInForm),
		open("POST /operator/sign-in", c.signIn),
		script("POST /operator/sign-in/passkey/options", c.keyOptions),
		script("POST /operator/sign-in/passkey", c.keyAnswer),
		open("POST /operator/sign-out", c.signOut),
		open("POST /operator/language", c.Kit.ChooseLanguage),
		open("GET /operator/enrol", c.enrolForm),
		open("POST /operator/enrol", c.enrol),
		open("GET /operator/enrol/key", c.firstKey),
		script("POST /operator/enrol/passkey/options", c.firstKeyOptions),
		script("POST /operator/enrol/passkey", c.firstKeyAnswer),
		open("POST /operator/enrol/password", c.firstPassword),

		to(desks, "GET /operator", c.home),
		to(serving, "POST /operator/cases", c.openCase),
		to(serving, "GET /operator/cases/{id}", c.showCase),
		to(serving, "POST /operator/cases/{id}/close", c.closeCase),
		to(serving, "GET /operator/cases/{id}/acts/{kind}", c.actForm),
		to(serving, "POST /operator/cases/{id}/acts/{kind}", c.act),
		to(serving, "POST /operator/cases/{id}/phone", c.sendCode),
		to(serving, "GET /operator/acts", c.queue),
		to(serving, "GET /operator/acts/{id}", c.showAct),
		to(serving, "POST /operator/acts/{id}/agree", c.agree),
		to(serving, "POST /operator/acts/{id}/decline", c.decline),
		to(serving, "POST /operator/acts/{id}/withdraw", c.withdraw),
		to(serving, "POST /operator/acts/{id}/paper", c.paper),

		to(auditor, "GET /operator/audit", c.audit),
		to(auditor, "GET /operator/audit/export", c.export),
		to(auditor, "GET /operator/audit/verify", c.verifyForm),
		to(auditor, "POST /operator/audit/verify", c.verify),
		to(figures, "GET /operator/figures", c.figures),

		to(admin, "GET /operator/offices", c.offices),
		to(admin, "POST /operator/offices", c.addOffice),
		to(admin, "POST /operator/offices/{id}/close", c.closeOffice),
		to(admin, "GET /operator/staff", c.staff),
		to(admin, "POST /operator/staff", c.invite),
		to(admin, "POST /operator/staff/{id}/renew", c.renew),
		to(admin, "POST /operator/staff/{id}/suspend", c.suspend),
		to(admin, "GET /operator/rules", c.rules),
		to(admin, "GET /operator/messages", c.messages),
		to(admin, "GET /operator/clients", c.clients),
	}
}

// Mount adds every address.
func (c *Console) Mount(mux *http.ServeMux) {
	for _, r := range c.Routes() {
		mux.Handle(r.Pattern, r.serve)
	}
}

// as lets only operators of the roles through. Whoever has another role is told so; the service asks again.
func (c *Console) as(roles []desk.Role, h handler) httpx.Handler {
	return func(w http.ResponseWriter, r *http.Request) error {
		who, _, err := c.Staff.Authenticate(r.Context(), httpx.VisitorOf(r).Secret)
		if err != nil {
			return err
		}
		if !who.Is(roles...) {
			return fault.New(fault.Refused, "fault.desk.role", nil)
		}
		return h(w, r, who)
	}
}

// page sends a page of the operator's place.
func (c *Console) page(w http.ResponseWriter, r *http.Request, who desk.Operator, section string, page ui.Desk, change ...func(*ui.Layout)) error {
	change = append(change, c.place(who, section))
	if len(page.Errors) > 0 {
		return c.Kit.FormAgain(w, r, page, change...)
	}
	return c.Kit.Page(w, r, page, change...)
}

// place marks a page as one where employees work.
func (c *Console) place(who desk.Operator, section string) func(*ui.Layout) {
	return func(l *ui.Layout) {
		l.BodyClass, l.Home, l.Section = "wide desk", Home, section
		l.Place = ui.K("operator.place")
		if who.ID == "" {
			l.Person, l.Nav = "", nil
			return
		}
		l.Place = ui.K("operator.place.office", "Office", who.OfficeName, "Role", ui.K("operator.role."+string(who.Role)))
		l.Person, l.SignOut, l.Nav = who.Name, "/operator/sign-out", nav(who)
	}
}

func nav(who desk.Operator) []ui.NavLink {
	link := func(key, href string) ui.NavLink { return ui.NavLink{Text: ui.K(key), Href: href} }
	out := []ui.NavLink{link("operator.nav.home", Home)}
	if who.Role.Serves() {
		out = append(out, link("operator.nav.queue", "/operator/acts"))
	}
	switch who.Role {
	case desk.Auditor:
		out = append(out, link("operator.nav.audit", "/operator/audit"), link("operator.nav.verify", "/operator/audit/verify"))
	case desk.Administrator:
		out = append(out, link("operator.nav.offices", "/operator/offices"), link("operator.nav.staff", "/operator/staff"),
			link("operator.nav.rules", "/operator/rules"), link("operator.nav.messages", "/operator/messages"), link("operator.nav.clients", "/operator/clients"))
	case desk.Clerk, desk.Senior:
	}
	if who.Role != desk.Clerk {
		out = append(out, link("operator.nav.figures", "/operator/figures"))
	}
	return out
}

func text(f ui.TextField, errs ui.Errors) ui.DeskField {
	f = f.Check(errs)
	return ui.DeskField{Text: &f}
}

func radios(f ui.Radios, errs ui.Errors) ui.DeskField {
	f = f.Check(errs)
	return ui.DeskField{Radios: &f}
}

func choice(f ui.Select, errs ui.Errors) ui.DeskField {
	f = f.Check(errs)
	return ui.DeskField{Select: &f}
}

func checkbox(f ui.Checkbox, errs ui.Errors) ui.DeskField {
	f = f.Check(errs)
	return ui.DeskField{Checkbox: &f}
}

func facts(label string, value ui.Text) ui.Fact { return ui.Fact{Label: ui.K(label), Value: value} }

// languages are those in which messages can be read.
func languages() []string { return i18n.Languages() }

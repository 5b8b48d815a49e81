package console

import (
	"net/http"
	"strings"

	"doverie/internal/desk"
	"doverie/internal/httpx"
	"doverie/internal/ui"
)

// keyCookie binds a sign-in by key to the browser that asked for it; enrolCookie carries a one-time code to the next page.
const (
	keyCookie   = "operator-key"
	enrolCookie = "operator-enrol"
)

func (c *Console) signInForm(w http.ResponseWriter, r *http.Request) error {
	if httpx.VisitorOf(r).Account != "" {
		return httpx.Redirect(w, r, Home)
	}
	return c.signInPage(w, r, r.URL.Query().Get("next"), "", nil)
}

func (c *Console) signInPage(w http.ResponseWriter, r *http.Request, next, login string, errs ui.Errors) error {
	next = inside(next)
	page := ui.Desk{Heading: ui.K("operator.sign_in.title"), Lead: ui.K("operator.sign_in.lead"), Errors: errs}
	if c.Staff.Offered() {
		page.Blocks = append(page.Blocks, ui.DeskBlock{Key: ui.KeyButton{
			Options: "/operator/sign-in/passkey/options", Finish: "/operator/sign-in/passkey", Next: next,
			Lead: ui.K("operator.sign_in.key"), Label: ui.K("operator.sign_in.key.button"),
		}})
	}
	page.Blocks = append(page.Blocks, ui.DeskBlock{Heading: ui.K("operator.sign_in.second"), Form: ui.DeskForm{
		Action: signInPath, Hidden: map[string]string{"next": next}, Button: ui.K("operator.sign_in.button"), Fields: []ui.DeskField{
			text(ui.TextField{Name: "login", Label: ui.K("operator.login"), Value: login, Autocomplete: "username"}, errs),
			{Password: &ui.PasswordField{Name: "password", Label: ui.K("operator.password"), Error: errs.Of("password")}},
			text(ui.TextField{Name: "code", Label: ui.K("operator.code"), Hint: ui.K("operator.code.hint"), Autocomplete: "one-time-code", InputMode: "numeric", Short: true}, errs),
		},
	}}, ui.DeskBlock{Links: []ui.NavLink{{Text: ui.K("operator.sign_in.enrol"), Href: enrolPath}}})
	return c.page(w, r, desk.Operator{}, "", page)
}

// inside keeps a way back within the operator's place.
func inside(next string) string {
	next = httpx.SafeNext(next, Home)
	if next != Home && !strings.HasPrefix(next, Home+"/") {
		return Home
	}
	return next
}

func (c *Console) signIn(w http.ResponseWriter, r *http.Request) error {
	form, err := httpx.Form(r)
	if err != nil {
		return err
	}
	in, err := c.Staff.EnterByCode(r.Context(), c.Kit.Act(r), form.Get("login"), form.Get("password"), form.Get("code"))
	if err != nil {
		if errs, ok := httpx.FormErrors(err, "login"); ok {
			return c.signInPage(w, r, form.Get("next"), form.Get("login"), errs)
		}
		return err
	}
	c.welcome(w, in)
	return httpx.Redirect(w, r, inside(form.Get("next")))
}

func (c *Console) welcome(w http.ResponseWriter, in desk.Entered) {
	c.Kit.SetCookie(w, Cookie, in.Token, 0) // it ends with the browser, and by its own clock
}

func (c *Console) keyOptions(w http.ResponseWriter, r *http.Request, _ httpx.Asked) (any, error) {
	options, token, err := c.Staff.BeginKey(r.Context(), c.Kit.Act(r))
	if err != nil {
		return nil, err
	}
	c.Kit.SetCookie(w, keyCookie, token, c.Policy.CodeTTL)
	return httpx.Options(options, nil)
}

func (c *Console) keyAnswer(w http.ResponseWriter, r *http.Request, in httpx.Asked) (any, error) {
	entered, err := c.Staff.EnterByKey(r.Context(), c.Kit.Act(r), c.Kit.Cookie(r, keyCookie), in.Answer)
	if err != nil {
		return nil, err
	}
	c.Kit.ClearCookie(w, keyCookie)
	c.welcome(w, entered)
	return httpx.Told{Next: inside(in.Next)}, nil
}

func (c *Console) signOut(w http.ResponseWriter, r *http.Request) error {
	if err := c.Staff.SignOut(r.Context(), c.Kit.Act(r), c.Kit.Cookie(r, Cookie)); err != nil {
		return err
	}
	c.Kit.ClearCookie(w, Cookie)
	return httpx.Redirect(w, r, signInPath)
}

func (c *Console) enrolForm(w http.ResponseWriter, r *http.Request) error {
	return c.enrolPage(w, r, nil)
}

func (c *Console) enrolPage(w http.ResponseWriter, r *http.Request, errs ui.Errors) error {
	return c.page(w, r, desk.Operator{}, "", ui.Desk{
		Heading: ui.K("operator.enrol.title"), Lead: ui.K("operator.enrol.lead"), Errors: errs, Back: ui.NavLink{Text: ui.K("operator.sign_in.title"), Href: signInPath},
		Blocks: []ui.DeskBlock{{Form: ui.DeskForm{Action: enrolPath, Button: ui.K("common.continue"), Fields: []ui.DeskField{
			text(ui.TextField{Name: "code", Label: ui.K("operator.enrol.code"), Hint: ui.K("operator.enrol.code.hint"), Autocomplete: "off"}, errs),
		}}}},
	})
}

func (c *Console) enrol(w http.ResponseWriter, r *http.Request) error {
	form, err := httpx.Form(r)
	if err != nil {
		return err
	}
	e, err := c.Staff.Enrolling(r.Context(), c.Kit.Act(r), form.Get("code"))
	if err != nil {
		if errs, ok := httpx.FormErrors(err, "code"); ok {
			return c.enrolPage(w, r, errs)
		}
		return err
	}
	c.Kit.SetCookie(w, enrolCookie, e.Token, c.Policy.RegistrationTTL)
	return httpx.Redirect(w, r, enrolPath+"/key")
}

func (c *Console) firstKey(w http.ResponseWriter, r *http.Request) error {
	offer, err := c.Staff.OfferTOTP(r.Context(), c.Kit.Cookie(r, enrolCookie))
	if err != nil {
		return httpx.Redirect(w, r, enrolPath)
	}
	return c.firstKeyPage(w, r, offer, nil)
}

func (c *Console) firstKeyPage(w http.ResponseWriter, r *http.Request, offer desk.Offer, errs ui.Errors) error {
	picture, err := ui.TOTPKeyOf(offer.Text, offer.URI)
	if err != nil {
		return err
	}
	page := ui.Desk{Heading: ui.K("operator.enrol.key.title"), Lead: ui.K("operator.enrol.key.lead"), Errors: errs}
	if c.Staff.Offered() {
		page.Blocks = append(page.Blocks, ui.DeskBlock{Key: ui.KeyButton{
			Make: true, Options: "/operator/enrol/passkey/options", Finish: "/operator/enrol/passkey", Next: Home,
			Lead: ui.K("operator.enrol.key.first"), Label: ui.K("operator.enrol.key.button"),
		}})
	}
	page.Blocks = append(page.Blocks, ui.DeskBlock{Heading: ui.K("operator.enrol.second"), Text: ui.K("operator.enrol.second.lead"), QR: picture, Form: ui.DeskForm{
		Action: "/operator/enrol/password", Hidden: map[string]string{"offer": offer.Sealed}, Button: ui.K("operator.enrol.second.button"), Look: "secondary",
		Fields: []ui.DeskField{
			{Password: &ui.PasswordField{Name: "password", Label: ui.K("operator.enrol.password"), New: true, Error: errs.Of("password")}},
			text(ui.TextField{Name: "code", Label: ui.K("operator.code"), Hint: ui.K("operator.code.hint"), Autocomplete: "one-time-code", InputMode: "numeric", Short: true}, errs),
		},
	}})
	return c.page(w, r, desk.Operator{}, "", page)
}

func (c *Console) firstKeyOptions(_ http.ResponseWriter, r *http.Request, _ httpx.Asked) (any, error) {
	return httpx.Options(c.Staff.BeginFirstKey(r.Context(), c.Kit.Act(r), c.Kit.Cookie(r, enrolCookie)))
}

func (c *Console) firstKeyAnswer(w http.ResponseWriter, r *http.Request, in httpx.Asked) (any, error) {
	entered, err := c.Staff.FirstKey(r.Context(), c.Kit.Act(r), c.Kit.Cookie(r, enrolCookie), in.Answer)
	if err != nil {
		return nil, err
	}
	c.Kit.ClearCookie(w, enrolCookie)
	c.welcome(w, entered)
	return httpx.Told{Next: Home}, nil
}

func (c *Console) firstPassword(w http.ResponseWriter, r *http.Request) error {
	form, err := httpx.Form(r)
	if err != nil {
		return err
	}
	token := c.Kit.Cookie(r, enrolCookie)
	entered, err := c.Staff.FirstPassword(r.Context(), c.Kit.Act(r), token, form.Get("password"), form.Get("offer"), form.Get("code"))
	if err != nil {
		errs, ok := httpx.FormErrors(err, "code")
		offer, again := c.Staff.Again(r.Context(), token, form.Get("offer"))
		if again != nil {
			return httpx.Redirect(w, r, enrolPath) // the one-time code is over
		}
		if !ok {
			return err
		}
		return c.firstKeyPage(w, r, offer, errs)
	}
	c.Kit.ClearCookie(w, enrolCookie)
	c.welcome(w, entered)
	return httpx.Redirect(w, r, Home)
}

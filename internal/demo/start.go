package demo

import (
	"context"
	"net/http"
	"strconv"
	"time"

	"doverie/internal/account"
	"doverie/internal/fault"
	"doverie/internal/httpx"
	"doverie/internal/policy"
	"doverie/internal/secret"
	"doverie/internal/ui"
)

// Start is the first page of the demonstration and its clock.
type Start struct {
	Kit    *httpx.Kit
	Clock  *Clock
	Policy policy.Policy
	RunDue func(context.Context) (int, error) // does what is due after the clock was set forward

	Waterworks string // address of the other system
}

// Mount adds the pages.
func (s Start) Mount(mux *http.ServeMux, citizens *httpx.Gate) {
	mux.Handle("GET /{$}", s.Kit.Handle(citizens.Maybe(s.page)))
	mux.Handle("POST /demo/clock", s.Kit.Handle(s.forward))
}

func (s Start) page(w http.ResponseWriter, r *http.Request) error {
	page := ui.DemoStart{
		Password: Password, Waterworks: s.Waterworks, Settling: s.Policy.Settling, Leaving: s.Policy.Leaving, Wait: s.Policy.RecoveryWait, Hold: s.Policy.Hold,
		Idle: s.Policy.SessionIdle,
	}
	for i, p := range People() {
		a := p.account(s.Clock.Now())
		shown := ui.DemoPerson{
			Name: a.FullName(), Given: p.Given, Age: p.Age, Role: ui.K("demo.role." + p.Key), Phone: account.ShowPhone(p.Phone),
			SNILS: account.ShowSNILS(p.SNILS), Email: p.Email, Key: p.Key, Href: PhonesPath + "/" + p.Key,
		}
		page.People = append(page.People, shown)
		switch i {
		case 0:
			page.Principal = shown
		case 1:
			page.Contact = shown
		}
	}
	for _, e := range Employees() {
		page.Employees = append(page.Employees, ui.DemoEmployee{
			Name: e.Name, Login: e.Login, Role: ui.K("operator.role." + string(e.Role)), Code: secret.TOTPCode(e.key(), s.Clock.Now()),
		})
	}
	return s.Kit.Page(w, r, page)
}

// forward lets one of the offered times pass and does what became due.
func (s Start) forward(w http.ResponseWriter, r *http.Request) error {
	form, err := httpx.Form(r)
	if err != nil {
		return err
	}
	hours, err := strconv.Atoi(form.Get("hours"))
	if err != nil || hours != 1 && hours != 12 && hours != 24 && hours != 72 {
		return fault.New(fault.Invalid, "fault.bad_form", nil)
	}
	if err := s.Clock.Forward(time.Duration(hours) * time.Hour); err != nil {
		return fault.New(fault.Refused, "fault.demo.clock", nil).Because(err)
	}
	if _, err := s.RunDue(r.Context()); err != nil {
		return err
	}
	return httpx.Redirect(w, r, httpx.SafeNext(form.Get("return"), "/"))
}

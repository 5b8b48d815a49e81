package apptest

import (
	"context"
	"net/http"
	"regexp"
	"strings"

	"doverie/internal/desk"
	"doverie/internal/effect"
	"doverie/internal/secret"
)

// Employee is an operator of a test, with what he signs in by.
type Employee struct {
	desk.Operator

	TOTP []byte // key of his code generator
}

// OperatorPassword is every operator's.
const OperatorPassword = "сорок ведер солёной воды"

var hiring = effect.Act{Actor: effect.System, Device: "test"}

// Hire adds an operator in an office, which is opened when it is not there, and gives him password and code generator.
// He has been there long enough to take part in acts of two.
func (w *World) Hire(login string, role desk.Role, office string) Employee {
	w.T.Helper()
	e := w.HireNow(login, role, office)
	w.Settled(login)
	var err error
	if e.Operator, err = w.Store.Operator(context.Background(), e.ID); err != nil {
		w.T.Fatal(err)
	}
	return e
}

// Settled makes the operator one who was given his access long enough ago.
func (w *World) Settled(login string) {
	w.T.Helper()
	w.DB.Exec(w.T, `UPDATE operators SET enrolled_at = $1 WHERE login = $2`, w.Clock.Now().Add(-w.Policy.OperatorSettling).UnixMicro(), login)
}

// HireNow is Hire of somebody who was given his access this moment.
func (w *World) HireNow(login string, role desk.Role, office string) Employee {
	w.T.Helper()
	_, code, err := w.Staff.InviteFirst(context.Background(), hiring, desk.NewOperator{Login: login, Name: "Оператор " + login, Role: role}, office, "Новосибирск")
	if err != nil {
		w.T.Fatal(err)
	}
	return w.enrol(code)
}

var onceShown = regexp.MustCompile(`class="once[^>]*>([A-Z0-9-]+)<`)

// Renewed gives the employee's access anew, by an administrator's page, to whoever takes the code from it.
func (w *World) Renewed(administrator *Client, e Employee) Employee {
	w.T.Helper()
	a := administrator.Post("/operator/staff/" + e.ID + "/renew")
	code := onceShown.FindStringSubmatch(a.Body)
	if code == nil {
		w.T.Fatalf("renew: %d %s", a.Status, Words(a.Body))
	}
	return w.enrol(code[1])
}

// enrol makes password and code generator of whoever holds the one-time code.
func (w *World) enrol(code string) Employee {
	w.T.Helper()
	ctx := context.Background()
	e, err := w.Staff.Enrolling(ctx, hiring, code)
	if err != nil {
		w.T.Fatal(err)
	}
	offer, err := w.Staff.OfferTOTP(ctx, e.Token)
	if err != nil {
		w.T.Fatal(err)
	}
	key, err := secret.ParseTOTPText(offer.Text)
	if err != nil {
		w.T.Fatal(err)
	}
	in, err := w.Staff.FirstPassword(ctx, hiring, e.Token, OperatorPassword, offer.Sealed, secret.TOTPCode(key, w.Clock.Now()))
	if err != nil {
		w.T.Fatal(err)
	}
	made, err := w.Store.Operator(ctx, in.Operator.ID)
	if err != nil {
		w.T.Fatal(err)
	}
	return Employee{Operator: made, TOTP: key}
}

// Reenter is the code of the employee's generator now. A code works once, so the clock goes to its next step first.
func (w *World) Reenter(e Employee) string {
	w.Clock.Advance(30_000_000_000)
	return secret.TOTPCode(e.TOTP, w.Clock.Now())
}

// Operator signs an employee in from a fresh browser.
func (w *World) Operator(e Employee) *Client {
	w.T.Helper()
	c := w.Client()
	c.Want(c.Post("/operator/sign-in", "login", e.Login, "password", OperatorPassword, "code", w.Reenter(e)), "/operator")
	return c
}

var idAtEnd = regexp.MustCompile(`/([0-9a-f-]{36})$`)

// OpenCase opens a case of the person with that identifier, and returns its address.
func (c *Client) OpenCase(identifier, reason string) string {
	c.t.Helper()
	a := c.Post("/operator/cases", "identifier", identifier, "reason", reason, "document", "passport_rus", "last4", "3456")
	if a.Status != http.StatusSeeOther || !idAtEnd.MatchString(a.Location) {
		c.t.Fatalf("open a case of %s: %d to %q: %s", identifier, a.Status, a.Location, Words(a.Body))
	}
	return a.Location
}

// Act does or proposes an act in a case, and returns the address of the act.
func (c *Client) Act(casePath, kind string, fields ...string) string {
	c.t.Helper()
	a := c.Post(casePath+"/acts/"+kind, append(fields, "seen", "yes")...)
	if a.Status != http.StatusSeeOther || !strings.HasPrefix(a.Location, "/operator/acts/") {
		c.t.Fatalf("%s: %d to %q: %s", kind, a.Status, a.Location, Words(a.Body))
	}
	return a.Location
}

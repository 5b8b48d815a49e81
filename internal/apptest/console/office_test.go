// Package console tests the operators' place over HTTP: who may do what, and what each answer tells whom.
package console

import (
	"context"
	"testing"

	"doverie/internal/apptest"
	"doverie/internal/desk"
	"doverie/internal/store"
)

const zarechny = "МФЦ Заречный"

// office is a service desk with two operators, and the family of the story; Alexey guards Vera.
type office struct {
	*apptest.World
	apptest.Family

	t           *testing.T
	Anna, Boris apptest.Employee
	anna, boris *apptest.Client
}

func open(t *testing.T, engine string, o apptest.Options) *office {
	t.Helper()
	w := apptest.New(t, engine, o)
	s := &office{World: w, Family: w.AddFamily(), t: t}
	s.Anna, s.Boris = w.Hire("anna", desk.Clerk, zarechny), w.Hire("boris", desk.Clerk, zarechny)
	s.shift()
	return s
}

// shift signs both operators in: their sessions are short.
func (s *office) shift() { s.anna, s.boris = s.Operator(s.Anna), s.Operator(s.Boris) }

// guard makes Alexey Vera's settled contact.
func (s *office) guard() string {
	s.t.Helper()
	vera, alexey := s.Client(), s.Client()
	vera.SignIn(s.Vera, apptest.Password)
	vera.StepUp(s.Vera, apptest.Password)
	vera.Want(vera.Post("/settings/safety/trusted-contacts/add", "name", s.Alexey.Given, "phone", s.Alexey.Phone), "/settings/safety/trusted-contacts")
	s.Settle()
	id := s.text(`SELECT id FROM links WHERE principal_id = '` + s.Vera.ID + `' AND state = 'invited'`)
	alexey.SignIn(s.Alexey, apptest.Password)
	alexey.StepUp(s.Alexey, apptest.Password)
	alexey.Want(alexey.Post("/invitations/"+id+"/accept", "read", "yes"), "/")
	s.Advance(s.Policy.Settling)
	s.shift()
	if got := s.text(`SELECT state FROM links WHERE id = '` + id + `'`); got != "active" {
		s.t.Fatalf("the link is %s", got)
	}
	return id
}

func (s *office) text(query string) string {
	s.t.Helper()
	var out string
	if err := s.read(query, &out); err != nil {
		s.t.Fatalf("%s: %v", query, err)
	}
	return out
}

func (s *office) read(query string, into any, args ...any) error {
	return s.Store.Read(context.Background(), func(ctx context.Context, q store.Querier) error {
		return q.QueryRow(ctx, query, args...).Scan(into)
	})
}

package app

import (
	"context"
	"errors"

	"doverie/internal/account"
	"doverie/internal/fault"
	"doverie/internal/httpx"
	"doverie/internal/policy"
	"doverie/internal/recovery"
	"doverie/internal/secret"
	"doverie/internal/session"
	"doverie/internal/web"
)

// The packages of the domain know each other only by the small interfaces below.

// owners lets a recovery find accounts by what an applicant typed.
type owners struct {
	accounts *account.Service
	arrivals arrivals
}

// arrivals finds whoever starts a recovery; store.Trust has it.
type arrivals interface {
	Arrive(ctx context.Context, area string, id account.Identifier, device []byte) (recovery.Owner, error)
}

var _ recovery.Owners = owners{}

// ByIdentifier implements recovery.Owners: whoever is not there is the zero Owner after the same query (I6).
func (o owners) ByIdentifier(ctx context.Context, typed string) (recovery.Owner, error) {
	id, wrong := account.ParseIdentifier(typed)
	if wrong != "" {
		return recovery.Owner{}, fault.BadFields(fault.Field{Name: "identifier", Key: wrong})
	}
	a, err := o.accounts.Store.FindAccount(ctx, id)
	if fault.Is(err, fault.NotFound) {
		return recovery.Owner{}, nil
	}
	if err != nil {
		return recovery.Owner{}, err
	}
	return recovery.Owner{Account: a.ID}, nil
}

// Arrive implements recovery.Owners.
func (o owners) Arrive(ctx context.Context, area, typed string, device []byte) (recovery.Owner, error) {
	id, wrong := account.ParseIdentifier(typed) // an unreadable one names nobody, and is counted like any other
	owner, err := o.arrivals.Arrive(ctx, area, id, device)
	if err == nil && wrong != "" {
		err = fault.BadFields(fault.Field{Name: "identifier", Key: wrong})
	}
	return owner, err
}

// SNILS implements recovery.Owners.
func (owners) SNILS(typed string) string {
	digits, wrong := account.ParseSNILS(typed)
	if wrong != "" {
		return ""
	}
	return digits
}

// HashNew implements recovery.Owners.
func (o owners) HashNew(ctx context.Context, of recovery.Owner, password string) (string, error) {
	p := o.accounts.Policy
	if key := secret.CheckPassword(password, p.PasswordMin, p.PasswordMax, of.Words); key != secret.PasswordFine {
		return "", fault.BadFields(fault.Field{Name: "password", Key: key, Args: fault.Args{"Min": p.PasswordMin, "Max": p.PasswordMax}})
	}
	hash, err := o.accounts.Passwords.Hash(ctx, password)
	if errors.Is(err, secret.ErrBusy) {
		return "", fault.New(fault.Busy, "fault.busy", nil).Because(err)
	}
	return hash, err
}

// parseInvited checks what the sender of an invitation typed. The label is all that is kept of it in the
// clear, for the sender's own eyes: «Алексей, +7 ••• •••-45-67».
func parseInvited(name, phone string) (nameKey, e164, label string, err error) {
	var wrong []fault.Field
	given, badName := account.CleanName("name", name, false)
	if badName != nil {
		wrong = append(wrong, *badName)
	}
	e164, badPhone := account.ParsePhone(phone)
	if badPhone != "" {
		wrong = append(wrong, fault.Field{Name: "phone", Key: badPhone})
	}
	if len(wrong) > 0 {
		return "", "", "", fault.BadFields(wrong...)
	}
	return account.FoldName(given), e164, given + ", " + account.MaskPhone(e164), nil
}

// citizens tells the edge who is signed in at a browser.
type citizens struct {
	sessions *session.Service
	policy   policy.Policy
}

// sessionCookie holds the secret of a citizen's session.
const sessionCookie = "session"

// Visitor implements httpx.Visitors.
func (c citizens) Visitor(ctx context.Context, token string) (httpx.Visitor, error) {
	auth, err := c.sessions.Authenticate(ctx, token)
	if fault.Is(err, fault.SignIn) {
		return httpx.Visitor{}, nil
	}
	if err != nil {
		return httpx.Visitor{}, err
	}
	v := httpx.Visitor{
		Account: auth.Account.ID, Session: auth.Session.ID, Name: auth.Account.InitialName(), Secret: token,
		Alarm:     auth.Account.Recovering,
		SteppedUp: auth.SteppedUp(c.sessions.Now(), c.policy), Fresh: auth.Fresh(c.sessions.Now(), c.policy),
	}
	switch auth.Gate {
	case session.FrozenGate:
		v.OnlyPath = web.FrozenPath
	case session.MustChangeGate:
		v.OnlyPath = web.MustChangePath
	case session.NoGate:
	}
	return v, nil
}

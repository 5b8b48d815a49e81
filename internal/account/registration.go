package account

import (
	"context"
	"slices"
	"strings"
	"time"

	"doverie/internal/effect"
	"doverie/internal/fault"
	"doverie/internal/secret"
)

// RegistrationState is where a registration stands.
type RegistrationState string

// The states of a registration. Who moves next: the person, always.
const (
	RegistrationPending RegistrationState = "pending"
	RegistrationDone    RegistrationState = "done"
	RegistrationFailed  RegistrationState = "failed" // five wrong codes
)

// Registration is an account that does not exist yet: its phone has to answer first.
// It belongs to the browser that holds its token.
type Registration struct {
	ID                        string
	TokenHash                 []byte
	State                     RegistrationState
	Family, Given, Patronymic string
	Phone                     string // E.164
	Email                     string // or empty
	PasswordHash              string
	Locale                    string
	Account                   string // when done
	CreatedAt, ExpiresAt      time.Time
	CodeSentAt                time.Time
	Version                   int64
}

// RegisterInput is what a person types to register.
type RegisterInput struct {
	Family, Given, Patronymic string
	Phone, Email, Password    string
	Locale                    string // "ru" or "en": the language of the page
}

// RegistrationOpened is a registration and the secret of the browser that began it.
type RegistrationOpened struct {
	Registration Registration
	Token        string // for a cookie; never stored
	ResendAt     time.Time
}

// Register begins a registration and sends a code to the phone. The answer, and the work, are the
// same whether or not anybody has that phone (I6).
// While its owner approves something by a code on that phone, no code goes there, and the page does not say so (T16, ADR 0005).
// Faults: Invalid with every wrong field; Limited; Busy.
func (s *Service) Register(ctx context.Context, act effect.Act, in RegisterInput) (RegistrationOpened, error) {
	now := s.Now()
	r, err := s.newRegistration(in, now)
	if err != nil {
		return RegistrationOpened{}, err
	}
	if err := s.limit(ctx, "register:area:"+act.Area, s.Policy.SignInsPerArea, time.Hour, now); err != nil {
		return RegistrationOpened{}, err
	}
	if r.PasswordHash, err = s.Passwords.Hash(ctx, in.Password); err != nil {
		return RegistrationOpened{}, busy(err)
	}
	token := secret.Token()
	r.TokenHash = secret.HashToken(token)
	code, err := s.registrationCode(r, now)
	if err != nil {
		return RegistrationOpened{}, err
	}
	effects := slices.Concat(code, []effect.Effect{record("registration.started", "registration:"+r.ID, nil)})
	if err := s.commit(ctx, act, now, Change{NewRegistration: &r}, effects...); err != nil {
		return RegistrationOpened{}, err
	}
	return RegistrationOpened{Registration: r, Token: token, ResendAt: now.Add(s.Policy.CodeResend)}, nil
}

// newRegistration checks every field at once: pure but for the new id.
func (s *Service) newRegistration(in RegisterInput, now time.Time) (Registration, error) {
	r := Registration{
		ID: NewID(), State: RegistrationPending, Locale: in.Locale,
		CreatedAt: now, CodeSentAt: now, ExpiresAt: now.Add(s.Policy.RegistrationTTL), Version: 1,
	}
	var bad []fault.Field
	name := func(field, text string, optional bool) string {
		clean, wrong := CleanName(field, text, optional)
		if wrong != nil {
			bad = append(bad, *wrong)
		}
		return clean
	}
	r.Family = name("family", in.Family, false)
	r.Given = name("given", in.Given, false)
	r.Patronymic = name("patronymic", in.Patronymic, true)
	var wrong string
	if r.Phone, wrong = ParsePhone(in.Phone); wrong != "" {
		bad = append(bad, fault.Field{Name: "phone", Key: wrong})
	}
	if strings.TrimSpace(in.Email) != "" {
		if r.Email, wrong = ParseEmail(in.Email); wrong != "" {
			bad = append(bad, fault.Field{Name: "email", Key: wrong})
		}
	}
	own := Account{Family: r.Family, Given: r.Given, Patronymic: r.Patronymic, Phone: r.Phone, Email: r.Email}
	if wrong := s.passwordFault("password", in.Password, own); wrong != nil {
		bad = append(bad, *wrong)
	}
	if r.Locale != "en" {
		r.Locale = "ru"
	}
	if len(bad) > 0 {
		return Registration{}, fault.BadFields(bad...)
	}
	return r, nil
}

func (s *Service) registrationCode(r Registration, now time.Time) ([]effect.Effect, error) {
	code, err := secret.Code(secret.RegisterPhone)
	if err != nil {
		return nil, err
	}
	id, until := NewID(), now.Add(s.Policy.CodeTTL)
	return []effect.Effect{
		effect.IssueCode{
			ID: id, Purpose: string(secret.RegisterPhone), Bound: r.ID, Phone: r.Phone,
			Hash: s.Keys.HashCode(secret.RegisterPhone, r.ID, code), ExpiresAt: until, DayLimit: s.Policy.CodesPerPhoneDay, Hidden: true,
		},
		effect.Send{
			Kind: "register.code", Via: []effect.Channel{effect.SMS}, Address: r.Phone, Locale: r.Locale,
			Args: map[string]string{"code": code}, NotAfter: until, Key: "code:" + id,
		},
	}, nil
}

// RegistrationOf reads the registration of this browser; fault NotFound also when it is over.
func (s *Service) RegistrationOf(ctx context.Context, token string) (Registration, error) {
	r, err := s.Store.Registration(ctx, secret.HashToken(token))
	if err != nil {
		return Registration{}, err
	}
	switch {
	case r.State == RegistrationFailed:
		return Registration{}, fault.New(fault.Refused, "fault.registration.failed", nil)
	case r.State != RegistrationPending || !s.Now().Before(r.ExpiresAt):
		return Registration{}, fault.New(fault.NotFound, "fault.registration.over", nil)
	}
	return r, nil
}

// ResendRegistrationCode sends a new code; the older one ends. Faults: Limited, NotFound.
func (s *Service) ResendRegistrationCode(ctx context.Context, act effect.Act, token string) (resendAt time.Time, err error) {
	now := s.Now()
	r, err := s.RegistrationOf(ctx, token)
	if err != nil {
		return time.Time{}, err
	}
	if next := r.CodeSentAt.Add(s.Policy.CodeResend); now.Before(next) {
		return time.Time{}, fault.New(fault.Limited, "fault.code.resend", fault.Args{"After": next.Sub(now)})
	}
	after := r
	after.CodeSentAt = now
	effects, err := s.registrationCode(after, now)
	if err != nil {
		return time.Time{}, err
	}
	effects = append(effects, record("registration.code_resent", "registration:"+r.ID, nil))
	err = s.commit(ctx, act, now, Change{Registration: &r, Registered: &after}, effects...)
	return now.Add(s.Policy.CodeResend), err
}

// EnterRegistrationCode creates the account when the code is right. If the phone was an older
// account's own, that account loses it in the same transaction and is told by e-mail.
// Faults: Refused "fault.code.wrong" with {"Left": tries}, "fault.code.expired",
// "fault.registration.failed" after the last wrong try; NotFound; Conflict.
func (s *Service) EnterRegistrationCode(ctx context.Context, act effect.Act, token, typed string) (Account, error) {
	now := s.Now()
	r, err := s.RegistrationOf(ctx, token)
	if err != nil {
		return Account{}, err
	}
	codeID, hash, left, err := s.Codes.TryCode(ctx, string(secret.RegisterPhone), r.ID, s.Policy.CodeTries, now)
	switch {
	case fault.Is(err, fault.NotFound):
		return Account{}, fault.New(fault.Refused, "fault.code.expired", nil)
	case err != nil:
		return Account{}, err
	}
	if !s.Keys.SameCode(secret.RegisterPhone, r.ID, typed, hash) {
		if left > 0 {
			return Account{}, fault.New(fault.Refused, "fault.code.wrong", fault.Args{"Left": left})
		}
		return Account{}, s.failRegistration(ctx, act, now, r)
	}
	return s.createRegistered(ctx, act, now, r, codeID)
}

func (s *Service) failRegistration(ctx context.Context, act effect.Act, now time.Time, r Registration) error {
	after := r
	after.State = RegistrationFailed
	effects := []effect.Effect{effect.DropCodes{Bound: r.ID}, record("registration.failed", "registration:"+r.ID, nil)}
	if err := s.commit(ctx, act, now, Change{Registration: &r, Registered: &after}, effects...); err != nil {
		return err
	}
	return fault.New(fault.Refused, "fault.registration.failed", nil)
}

func (s *Service) createRegistered(ctx context.Context, act effect.Act, now time.Time, r Registration, codeID string) (Account, error) {
	a := Account{
		ID: NewID(), Level: Simplified, State: Open,
		Family: r.Family, Given: r.Given, Patronymic: r.Patronymic,
		Phone: r.Phone, PhoneVerifiedAt: now, PhoneConfirmedAt: now, PasswordHash: r.PasswordHash, PasswordChangedAt: now,
		Quorum: 1, Locale: r.Locale, CreatedAt: now, Version: 1,
	}
	done := r
	done.State, done.Account, done.PasswordHash = RegistrationDone, a.ID, ""
	c := Change{After: &a, Registration: &r, Registered: &done}
	effects := []effect.Effect{effect.UseCode{ID: codeID}, record("account.registered", "account:"+a.ID, nil, a.ID),
		effect.Send{Kind: "account.registered", To: a.ID, Via: effect.All(), Args: at(now)}}

	older, err := s.Store.FindAccount(ctx, Identifier{ByPhone, r.Phone})
	switch {
	case err == nil:
		c.LostPhone = &older
		effects = append(effects,
			record("account.phone_lost", "account:"+older.ID, nil, older.ID),
			effect.Send{Kind: "account.phone_taken", To: older.ID, Via: []effect.Channel{effect.Email}})
	case !fault.Is(err, fault.NotFound):
		return Account{}, err
	}
	if r.Email != "" {
		link, send := s.newEmailLink(a.ID, r.Email, r.Locale, now)
		c.NewLink = &link
		effects = append(effects, send)
	}
	if err := s.commit(ctx, act, now, c, effects...); err != nil {
		return Account{}, err
	}
	return a, nil
}

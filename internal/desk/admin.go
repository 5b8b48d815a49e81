package desk

import (
	"cmp"
	"context"
	"encoding/base64"
	"slices"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"doverie/internal/account"
	"doverie/internal/effect"
	"doverie/internal/fault"
	"doverie/internal/secret"
)

// Bounds of what an administrator types.
const (
	maxOffice = 60
	maxLogin  = 32
	maxName   = 80
)

// AddOffice opens an office. Faults: Invalid, Refused (role), Conflict (the name is taken).
func (s *Staff) AddOffice(ctx context.Context, act effect.Act, who Operator, name, address string) (Office, error) {
	if !who.Works() || who.Role != Administrator {
		return Office{}, notYours()
	}
	return s.addOffice(ctx, act, name, address)
}

func notYours() error { return fault.New(fault.Refused, "fault.desk.role", nil) }

func (s *Staff) addOffice(ctx context.Context, act effect.Act, name, address string) (Office, error) {
	now := s.Now()
	name, bad := plain("name", name, maxOffice)
	address, worse := plain("address", address, 2*maxOffice)
	if bad = append(bad, worse...); len(bad) > 0 {
		return Office{}, fault.BadFields(bad...)
	}
	o := Office{ID: account.NewID(), Name: name, Address: address, CreatedAt: now, Version: 1}
	err := s.commit(ctx, act, now, StaffChange{NewOffice: &o},
		effect.Record{Kind: "office.opened", Object: "office:" + o.ID, Facts: map[string]string{"name": name}})
	if fault.Is(err, fault.Conflict) {
		err = fault.BadFields(fault.Field{Name: "name", Key: "fault.desk.office_taken"})
	}
	return o, err
}

// plain folds spaces and refuses what no list can show.
func plain(field, typed string, longest int) (string, []fault.Field) {
	text := strings.Join(strings.Fields(typed), " ")
	switch {
	case text == "":
		return "", []fault.Field{{Name: field, Key: "fault.desk.missing"}}
	case utf8.RuneCountInString(text) > longest:
		return "", []fault.Field{{Name: field, Key: "fault.name.long", Args: fault.Args{"Max": longest}}}
	case !utf8.ValidString(text) || strings.ContainsFunc(text, func(r rune) bool { return !unicode.IsPrint(r) }):
		return "", []fault.Field{{Name: field, Key: "fault.name.invisible"}}
	}
	return text, nil
}

// CloseOffice closes an office: nobody of it works any more, and everybody of it is signed out by it.
func (s *Staff) CloseOffice(ctx context.Context, act effect.Act, who Operator, officeID string) error {
	switch {
	case !who.Works() || who.Role != Administrator:
		return notYours()
	case who.Office == officeID:
		return fault.New(fault.Refused, "fault.desk.own_office", nil)
	}
	all, err := s.Store.Offices(ctx)
	if err != nil {
		return err
	}
	for _, o := range all {
		if o.ID != officeID {
			continue
		}
		if !o.ClosedAt.IsZero() {
			return fault.New(fault.Conflict, "fault.conflict", nil)
		}
		after, now := o, s.Now()
		after.ClosedAt = now
		return s.commit(ctx, act, now, StaffChange{OfficeBefore: &o, OfficeAfter: &after},
			effect.Record{Kind: "office.closed", Object: "office:" + o.ID, Facts: map[string]string{"name": o.Name}})
	}
	return fault.New(fault.NotFound, "fault.not_found", nil)
}

// NewOperator is what an administrator types.
type NewOperator struct {
	Login, Name, Office string
	Role                Role
}

// Invite adds an operator and returns his one-time code: it is printed and handed over, and kept nowhere.
// Faults: Invalid, Refused (role).
func (s *Staff) Invite(ctx context.Context, act effect.Act, who Operator, in NewOperator) (Operator, string, error) {
	if !who.Works() || who.Role != Administrator {
		return Operator{}, "", notYours()
	}
	return s.invite(ctx, act, in)
}

// InviteFirst adds an administrator from the command line, with his office when there is none of that name.
func (s *Staff) InviteFirst(ctx context.Context, act effect.Act, in NewOperator, officeName, officeAddress string) (Operator, string, error) {
	all, err := s.Store.Offices(ctx)
	if err != nil {
		return Operator{}, "", err
	}
	for _, o := range all {
		if o.Name == strings.Join(strings.Fields(officeName), " ") {
			in.Office = o.ID
		}
	}
	if in.Office == "" {
		o, err := s.addOffice(ctx, act, officeName, cmp.Or(officeAddress, officeName))
		if err != nil {
			return Operator{}, "", err
		}
		in.Office = o.ID
	}
	return s.invite(ctx, act, in)
}

func (s *Staff) invite(ctx context.Context, act effect.Act, in NewOperator) (Operator, string, error) {
	now := s.Now()
	name, bad := plain("name", in.Name, maxName)
	login := strings.ToLower(strings.TrimSpace(in.Login))
	if login == "" || len(login) > maxLogin || strings.Trim(login, "abcdefghijklmnopqrstuvwxyz0123456789.-_") != "" {
		bad = append(bad, fault.Field{Name: "login", Key: "fault.desk.login", Args: fault.Args{"Max": maxLogin}})
	}
	if !slices.Contains(Roles(), in.Role) {
		bad = append(bad, fault.Field{Name: "role", Key: "fault.desk.which_role"})
	}
	offices, err := s.Store.Offices(ctx)
	if err != nil {
		return Operator{}, "", err
	}
	known := false
	for _, o := range offices {
		known = known || o.ID == in.Office && o.ClosedAt.IsZero()
	}
	if !known {
		bad = append(bad, fault.Field{Name: "office", Key: "fault.desk.which_office"})
	}
	if len(bad) > 0 {
		return Operator{}, "", fault.BadFields(bad...)
	}
	o := Operator{ID: account.NewID(), Login: login, Name: name, Office: in.Office, Role: in.Role, State: Invited, CreatedAt: now, EnrolledAt: now, Version: 1}
	code := s.enrolling(&o, now)
	err = s.commit(ctx, act, now, StaffChange{NewOperator: &o}, about(o, "operator.added", map[string]string{"login": login, "role": string(in.Role)}))
	if fault.Is(err, fault.Conflict) {
		err = fault.BadFields(fault.Field{Name: "login", Key: "fault.desk.login_taken"})
	}
	return o, code, err
}

// enrolling gives the operator a fresh one-time code, in groups for paper.
func (s *Staff) enrolling(o *Operator, now time.Time) string {
	token := secret.Token()
	o.EnrolHash, o.EnrolUntil = secret.HashToken(token), now.Add(s.Policy.OperatorEnrolment)
	var groups []string
	for rest := token; rest != ""; {
		n := min(4, len(rest))
		groups = append(groups, rest[:n])
		rest = rest[n:]
	}
	return strings.Join(groups, "-")
}

// tokenOf folds what was typed from paper.
func tokenOf(typed string) string {
	return strings.ToUpper(strings.Map(func(r rune) rune {
		if unicode.IsSpace(r) || unicode.Is(unicode.Pd, r) {
			return -1
		}
		return r
	}, typed))
}

// Renew suspends whatever the operator signs in with and gives him a new one-time code: a lost key, or a return.
// Faults: Refused (role, oneself), NotFound, Conflict.
func (s *Staff) Renew(ctx context.Context, act effect.Act, who Operator, id string) (Operator, string, error) {
	before, err := s.other(ctx, who, id)
	if err != nil {
		return Operator{}, "", err
	}
	now, after := s.Now(), before
	after.State, after.PasswordHash, after.TOTP, after.TOTPLastStep, after.EnrolledAt = Invited, "", nil, 0, now
	code := s.enrolling(&after, now)
	return after, code, s.commit(ctx, act, now, StaffChange{Before: &before, After: &after, EndSessionsOf: id, EndKeysOf: id},
		about(after, "operator.renewed", map[string]string{"login": after.Login}))
}

// Suspend ends everything an operator can do, at once.
func (s *Staff) Suspend(ctx context.Context, act effect.Act, who Operator, id string) error {
	before, err := s.other(ctx, who, id)
	if err != nil {
		return err
	}
	if before.State == Suspended {
		return fault.New(fault.Conflict, "fault.conflict", nil)
	}
	after := before
	after.State, after.PasswordHash, after.TOTP, after.TOTPLastStep, after.EnrolHash, after.EnrolUntil = Suspended, "", nil, 0, nil, time.Time{}
	return s.commit(ctx, act, s.Now(), StaffChange{Before: &before, After: &after, EndSessionsOf: id, EndKeysOf: id},
		about(after, "operator.suspended", map[string]string{"login": after.Login}))
}

func (s *Staff) other(ctx context.Context, who Operator, id string) (Operator, error) {
	switch {
	case !who.Works() || who.Role != Administrator:
		return Operator{}, notYours()
	case who.ID == id:
		return Operator{}, fault.New(fault.Refused, "fault.desk.oneself", nil)
	}
	return s.Store.Operator(ctx, id)
}

// Enrolment is somebody who holds a one-time code.
type Enrolment struct {
	Operator Operator
	Token    string
}

// Enrolling reads whose one-time code it is. Fault Refused "fault.desk.enrol" for whatever is wrong; Limited.
func (s *Staff) Enrolling(ctx context.Context, act effect.Act, typed string) (Enrolment, error) {
	now := s.Now()
	if err := s.limit(ctx, "operator_enrol:"+act.Area, s.Policy.SignInsPerArea, now); err != nil {
		return Enrolment{}, err
	}
	return s.enrolment(ctx, tokenOf(typed), now)
}

func (s *Staff) enrolment(ctx context.Context, token string, now time.Time) (Enrolment, error) {
	wrong := fault.New(fault.Refused, "fault.desk.enrol", nil)
	const longest = 64
	if token == "" || len(token) > longest {
		return Enrolment{}, wrong
	}
	o, err := s.Store.OperatorByEnrolment(ctx, secret.HashToken(token))
	switch {
	case fault.Is(err, fault.NotFound):
		return Enrolment{}, wrong
	case err != nil:
		return Enrolment{}, err
	case o.State != Invited || o.OfficeClosed || !now.Before(o.EnrolUntil):
		return Enrolment{}, wrong
	}
	return Enrolment{Operator: o, Token: token}, nil
}

// BeginFirstKey makes the options with which the browser makes the operator's key.
func (s *Staff) BeginFirstKey(ctx context.Context, act effect.Act, token string) ([]byte, error) {
	now := s.Now()
	e, err := s.enrolment(ctx, token, now)
	if err != nil {
		return nil, err
	}
	if !s.Offered() {
		return nil, fault.New(fault.NotFound, "fault.not_found", nil)
	}
	options, state, err := s.Ceremonies.BeginRegistration(ownerOf(e.Operator), nil)
	if err != nil {
		return nil, err
	}
	return options, s.ask(ctx, act, now, forEnrol, token, state)
}

// FirstKey keeps the key and opens the first session; the one-time code is spent.
func (s *Staff) FirstKey(ctx context.Context, act effect.Act, token string, answer []byte) (Entered, error) {
	now := s.Now()
	e, err := s.enrolment(ctx, token, now)
	if err != nil {
		return Entered{}, err
	}
	state, burn, err := s.recall(ctx, forEnrol, token, now)
	if err != nil {
		return Entered{}, err
	}
	made, err := s.Ceremonies.FinishRegistration(ownerOf(e.Operator), state, answer)
	if err != nil {
		return Entered{}, wrongKey(err)
	}
	k := Key{ID: account.NewID(), Operator: e.Operator.ID, Credential: made.Credential, SignCount: made.SignCount, CreatedAt: now}
	k.Sealed = s.Keys.Seal(sealKey, []byte(k.ID+k.Operator), made.Record)
	before, after := e.Operator, active(e.Operator, now)
	return s.open(ctx, act, now, after, ByPasskey, StaffChange{Before: &before, After: &after, NewKey: &k, Answered: burn})
}

// active takes the one-time code away. Access begins now: a code that was kept in a drawer settles nobody.
func active(o Operator, now time.Time) Operator {
	o.State, o.EnrolHash, o.EnrolUntil, o.EnrolledAt = Active, nil, time.Time{}, now
	return o
}

// Offer is a code generator's key, shown once. Sealed comes back with the form.
type Offer struct{ Text, URI, Sealed string }

// OfferTOTP makes the key of the second way in.
func (s *Staff) OfferTOTP(ctx context.Context, token string) (Offer, error) {
	e, err := s.enrolment(ctx, token, s.Now())
	if err != nil {
		return Offer{}, err
	}
	return s.offer(e.Operator, secret.TOTPKey()), nil
}

// OfferKey is OfferTOTP with a key that somebody else made: a demonstration's, which shows its codes on a page.
func (s *Staff) OfferKey(ctx context.Context, token string, key []byte) (Offer, error) {
	e, err := s.enrolment(ctx, token, s.Now())
	return s.offer(e.Operator, key), err
}

func (s *Staff) offer(o Operator, key []byte) Offer {
	return Offer{
		Text: secret.TOTPText(key), URI: secret.TOTPURI(s.Issuer, o.Login, key),
		Sealed: base64.RawURLEncoding.EncodeToString(s.Keys.Seal(sealOffer, []byte(o.ID), key)),
	}
}

// Again shows an offer once more after a mistake in the form.
func (s *Staff) Again(ctx context.Context, token, sealed string) (Offer, error) {
	e, err := s.enrolment(ctx, token, s.Now())
	if err != nil {
		return Offer{}, err
	}
	key, err := s.offered(e.Operator, sealed)
	if err != nil {
		return Offer{}, err
	}
	return s.offer(e.Operator, key), nil
}

func (s *Staff) offered(o Operator, sealed string) ([]byte, error) {
	raw, err := base64.RawURLEncoding.DecodeString(sealed)
	if err == nil {
		raw, err = s.Keys.Open(sealOffer, []byte(o.ID), raw)
	}
	if err != nil {
		return nil, fault.New(fault.Refused, "fault.desk.enrol", nil).Because(err)
	}
	return raw, nil
}

// FirstPassword is the second way of a new operator: a password, and a code of the generator that was offered.
// Faults: Invalid (fields "password", "code"), Refused, Limited, Busy.
func (s *Staff) FirstPassword(ctx context.Context, act effect.Act, token, password, sealed, code string) (Entered, error) {
	now := s.Now()
	e, err := s.enrolment(ctx, token, now)
	if err != nil {
		return Entered{}, err
	}
	if err := s.limit(ctx, "operator_login:"+e.Operator.Login, s.Policy.SignInsPerAccount, now); err != nil {
		return Entered{}, err
	}
	key, err := s.offered(e.Operator, sealed)
	if err != nil {
		return Entered{}, err
	}
	var bad []fault.Field
	if wrong := secret.CheckPassword(password, s.Policy.PasswordMin, s.Policy.PasswordMax, []string{e.Operator.Login, e.Operator.Name}); wrong != secret.PasswordFine {
		bad = append(bad, fault.Field{Name: "password", Key: wrong, Args: fault.Args{"Min": s.Policy.PasswordMin, "Max": s.Policy.PasswordMax}})
	}
	step, ok := secret.TOTPStep(key, code, now, 0)
	if !ok {
		bad = append(bad, fault.Field{Name: "code", Key: "fault.totp.wrong"})
	}
	if len(bad) > 0 {
		return Entered{}, fault.BadFields(bad...)
	}
	hash, err := s.Passwords.Hash(ctx, password)
	if err != nil {
		return Entered{}, busy(err)
	}
	before, after := e.Operator, active(e.Operator, now)
	after.PasswordHash, after.TOTP, after.TOTPLastStep = hash, s.Keys.Seal(sealTOTP, []byte(after.ID), key), step
	return s.open(ctx, act, now, after, ByTOTP, StaffChange{Before: &before, After: &after})
}

// Everybody lists operators, and Offices lists offices, for an administrator.
func (s *Staff) Everybody(ctx context.Context, who Operator) ([]Operator, error) {
	if !who.Is(Administrator) {
		return nil, notYours()
	}
	return s.Store.Operators(ctx)
}

// Offices lists every office, closed ones too.
func (s *Staff) Offices(ctx context.Context) ([]Office, error) { return s.Store.Offices(ctx) }

// Named reads operators by id, for pages that say who did what.
func (s *Staff) Named(ctx context.Context, id string) (Operator, error) {
	return s.Store.Operator(ctx, id)
}

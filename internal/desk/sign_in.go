package desk

import (
	"context"
	"errors"
	"strings"
	"time"

	"doverie/internal/account"
	"doverie/internal/effect"
	"doverie/internal/fault"
	"doverie/internal/policy"
	"doverie/internal/secret"
	"doverie/internal/session"
)

// StaffChange is what one commit about operators writes. Every part is optional; each guarded row changes exactly
// once, or nothing is done (fault Conflict).
type StaffChange struct {
	Rules string

	NewOffice     *Office
	OfficeBefore  *Office
	OfficeAfter   *Office // name, address and end are written
	NewOperator   *Operator
	Before, After *Operator
	EndSessionsOf string // operator
	EndKeysOf     string // operator
	NewSession    *Session
	EndSession    string // session
	NewKey        *Key
	UsedKey       *Key // its count must go up, unless the key does not count
	UsedStep      int64
	Ask           *Challenge
	Answered      *Challenge
}

// Challenge is what a key has to sign.
type Challenge struct {
	Purpose, Bound, ID string
	Sealed             []byte
	ExpiresAt          time.Time
}

// StaffStore is what Staff needs of the database.
type StaffStore interface {
	Operator(ctx context.Context, id string) (Operator, error)
	OperatorByLogin(ctx context.Context, login string) (Operator, error)
	OperatorByEnrolment(ctx context.Context, hash []byte) (Operator, error)
	Operators(ctx context.Context) ([]Operator, error)
	Offices(ctx context.Context) ([]Office, error)
	OperatorSession(ctx context.Context, tokenHash []byte) (Session, error)
	OperatorKey(ctx context.Context, credential []byte) (Key, error)
	OperatorChallenge(ctx context.Context, purpose, bound string, now time.Time) (Challenge, error)
	TouchOperatorSession(ctx context.Context, id string, now time.Time) error
	CommitStaff(ctx context.Context, act effect.Act, now time.Time, c StaffChange, effects []effect.Effect) error
}

// Hashes is the slow check of passwords; package secret has it.
type Hashes interface {
	Hash(ctx context.Context, password string) (string, error)
	Verify(ctx context.Context, hash, password string) (ok, needsRehash bool, err error)
	VerifyDummy(ctx context.Context, password string) error
}

// Staff is how operators come in, and how an administrator keeps them.
type Staff struct {
	Store      StaffStore
	Limits     Limits
	Passwords  Hashes
	Ceremonies session.Ceremonies
	Keys       *secret.Keyring
	Policy     policy.Policy
	Now        func() time.Time
	Issuer     string // name of the service in a code generator
}

const (
	forEnrol  = "enrol"
	forSignIn = "sign_in"

	sealChallenge = "operator challenge"
	sealKey       = "operator key"
	sealTOTP      = "operator totp"
	sealOffer     = "operator totp offer"
)

func (s *Staff) commit(ctx context.Context, act effect.Act, now time.Time, c StaffChange, effects ...effect.Effect) error {
	c.Rules = s.Policy.Version
	return s.Store.CommitStaff(ctx, act, now, c, effects)
}

func (s *Staff) limit(ctx context.Context, key string, limit int, now time.Time) error {
	wait, err := s.Limits.Take(ctx, key, limit, time.Hour, now)
	if err == nil && wait > 0 {
		err = fault.New(fault.Limited, "fault.limited.after", fault.Args{"After": wait})
	}
	return err
}

// Offered reports whether keys work at the console's address.
func (s *Staff) Offered() bool { return s.Ceremonies.Offered() }

// Authenticate reads the session of a browser and its operator. Fault SignIn when it is unknown, ended or lapsed, and
// when the operator is suspended or his office closed.
func (s *Staff) Authenticate(ctx context.Context, token string) (Operator, Session, error) {
	now, refused := s.Now(), fault.New(fault.SignIn, "fault.sign_in", nil)
	if token == "" {
		return Operator{}, Session{}, refused
	}
	ses, err := s.Store.OperatorSession(ctx, secret.HashToken(token))
	switch {
	case fault.Is(err, fault.NotFound):
		return Operator{}, Session{}, refused
	case err != nil:
		return Operator{}, Session{}, err
	case !ses.Live(now, s.Policy):
		return Operator{}, Session{}, refused
	}
	who, err := s.Store.Operator(ctx, ses.Operator)
	switch {
	case err != nil:
		return Operator{}, Session{}, err
	case !who.Works():
		return Operator{}, Session{}, refused
	}
	if every := min(time.Minute, s.Policy.OperatorIdle/4); now.Sub(ses.SeenAt) >= every {
		err = s.Store.TouchOperatorSession(ctx, ses.ID, now)
	}
	return who, ses, err
}

// SignOut ends the session.
func (s *Staff) SignOut(ctx context.Context, act effect.Act, token string) error {
	who, ses, err := s.Authenticate(ctx, token)
	if err != nil {
		return nil //nolint:nilerr // there is nothing to end
	}
	return s.commit(ctx, act, s.Now(), StaffChange{EndSession: ses.ID}, about(who, "operator.signed_out", nil))
}

// Entered is a fresh session.
type Entered struct {
	Operator Operator
	Token    string // for a cookie; never stored
}

func (s *Staff) open(ctx context.Context, act effect.Act, now time.Time, who Operator, way string, c StaffChange) (Entered, error) {
	token := secret.Token()
	c.NewSession = &Session{
		ID: account.NewID(), TokenHash: secret.HashToken(token), Operator: who.ID, Way: way, Device: act.Device, Area: act.Area,
		CreatedAt: now, SeenAt: now, ExpiresAt: now.Add(s.Policy.OperatorSession),
	}
	act.Actor, act.ID, act.Office = effect.Operator, who.ID, who.OfficeName
	return Entered{Operator: who, Token: token}, s.commit(ctx, act, now, c, about(who, "operator.signed_in", map[string]string{"way": way}))
}

func about(who Operator, kind string, facts map[string]string) effect.Record {
	return effect.Record{Kind: kind, Object: "operator:" + who.ID, Facts: facts}
}

// BeginKey makes the options of a sign-in by key; token binds it to this browser.
func (s *Staff) BeginKey(ctx context.Context, act effect.Act) (options []byte, token string, err error) {
	if !s.Offered() {
		return nil, "", fault.New(fault.NotFound, "fault.not_found", nil)
	}
	now := s.Now()
	if err := s.limit(ctx, "operator_key:"+act.Area, s.Policy.SignInsPerArea, now); err != nil {
		return nil, "", err
	}
	options, state, err := s.Ceremonies.BeginAssertion(session.KeyOwner{}, nil)
	if err != nil {
		return nil, "", err
	}
	token = secret.Token()
	return options, token, s.ask(ctx, act, now, forSignIn, token, state)
}

func (s *Staff) ask(ctx context.Context, act effect.Act, now time.Time, purpose, token string, state []byte) error {
	id := account.NewID()
	return s.commit(ctx, act, now, StaffChange{Ask: &Challenge{
		Purpose: purpose, Bound: boundTo(token), ID: id, Sealed: s.Keys.Seal(sealChallenge, []byte(id), state), ExpiresAt: now.Add(s.Policy.CodeTTL),
	}})
}

// boundTo names a browser's secret without keeping it.
func boundTo(token string) string { return string(hexOf(secret.HashToken(token))) }

func hexOf(b []byte) []byte {
	const digits = "0123456789abcdef"
	out := make([]byte, 0, 2*len(b))
	for _, c := range b {
		out = append(out, digits[c>>4], digits[c&15])
	}
	return out
}

func (s *Staff) recall(ctx context.Context, purpose, token string, now time.Time) (state []byte, burn *Challenge, err error) {
	c, err := s.Store.OperatorChallenge(ctx, purpose, boundTo(token), now)
	switch {
	case token == "" || fault.Is(err, fault.NotFound):
		return nil, nil, fault.New(fault.Refused, "fault.passkey.over", nil)
	case err != nil:
		return nil, nil, err
	}
	state, err = s.Keys.Open(sealChallenge, []byte(c.ID), c.Sealed)
	return state, &c, err
}

func wrongKey(err error) error {
	if errors.Is(err, session.ErrWrongKey) {
		return fault.New(fault.Refused, "fault.passkey.wrong", nil).Because(err)
	}
	return err
}

// EnterByKey opens a session when a key of a working operator answered. Faults: Refused "fault.passkey.over", "fault.passkey.wrong".
func (s *Staff) EnterByKey(ctx context.Context, act effect.Act, token string, answer []byte) (Entered, error) {
	now := s.Now()
	state, burn, err := s.recall(ctx, forSignIn, token, now)
	if err != nil {
		return Entered{}, err
	}
	credential, err := s.Ceremonies.CredentialOf(answer)
	if err != nil {
		return Entered{}, wrongKey(err)
	}
	key, err := s.Store.OperatorKey(ctx, credential)
	if fault.Is(err, fault.NotFound) { // a citizen's key opens nothing here
		return Entered{}, fault.New(fault.Refused, "fault.passkey.wrong", nil)
	}
	if err != nil {
		return Entered{}, err
	}
	who, err := s.Store.Operator(ctx, key.Operator)
	if err != nil {
		return Entered{}, err
	}
	if !who.Works() {
		return Entered{}, fault.New(fault.Refused, "fault.passkey.wrong", nil)
	}
	record, err := s.Keys.Open(sealKey, []byte(key.ID+key.Operator), key.Sealed)
	if err != nil {
		return Entered{}, err
	}
	said, err := s.Ceremonies.FinishAssertion(ownerOf(who), state, record, answer)
	if err != nil {
		return Entered{}, wrongKey(err)
	}
	if said.Copied {
		return Entered{}, fault.New(fault.Refused, "fault.passkey.wrong", nil)
	}
	used := key
	used.SignCount, used.UsedAt, used.Sealed = said.SignCount, now, s.Keys.Seal(sealKey, []byte(key.ID+key.Operator), said.Record)
	return s.open(ctx, act, now, who, ByPasskey, StaffChange{UsedKey: &used, Answered: burn})
}

func ownerOf(o Operator) session.KeyOwner { return session.KeyOwner{ID: o.ID, Name: o.Login} }

// EnterByCode is the second way: login, password and a code of the generator, all at once and with one answer to
// whatever is wrong. Faults: Refused "fault.desk.sign_in"; Limited; Busy.
func (s *Staff) EnterByCode(ctx context.Context, act effect.Act, login, password, code string) (Entered, error) {
	now := s.Now()
	login = strings.ToLower(strings.TrimSpace(login))
	if err := s.limit(ctx, "operator_area:"+act.Area, s.Policy.SignInsPerArea, now); err != nil {
		return Entered{}, err
	}
	if err := s.limit(ctx, "operator_login:"+login, s.Policy.SignInsPerAccount, now); err != nil {
		return Entered{}, err
	}
	wrong := fault.New(fault.Refused, "fault.desk.sign_in", nil)
	who, err := s.Store.OperatorByLogin(ctx, login)
	if err != nil && !fault.Is(err, fault.NotFound) {
		return Entered{}, err
	}
	if err != nil || who.PasswordHash == "" || !who.Works() {
		if err := s.Passwords.VerifyDummy(ctx, password); err != nil {
			return Entered{}, busy(err)
		}
		return Entered{}, wrong
	}
	ok, stale, err := s.Passwords.Verify(ctx, who.PasswordHash, password)
	if err != nil {
		return Entered{}, busy(err)
	}
	key, err := s.Keys.Open(sealTOTP, []byte(who.ID), who.TOTP)
	if err != nil {
		return Entered{}, err
	}
	step, fresh := secret.TOTPStep(key, code, now, who.TOTPLastStep)
	if !ok || !fresh {
		return Entered{}, wrong
	}
	after := who
	after.TOTPLastStep = step
	if stale {
		// A hash of other costs; where there is no room to make one of today's now, the next sign-in does.
		if hash, err := s.Passwords.Hash(ctx, password); err == nil {
			after.PasswordHash = hash
		}
	}
	return s.open(ctx, act, now, who, ByTOTP, StaffChange{Before: &who, After: &after})
}

func busy(err error) error {
	if errors.Is(err, secret.ErrBusy) {
		return fault.New(fault.Busy, "fault.busy", nil).Because(err)
	}
	return err
}

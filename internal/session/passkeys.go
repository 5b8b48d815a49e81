package session

import (
	"context"
	"errors"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"doverie/internal/account"
	"doverie/internal/effect"
	"doverie/internal/fault"
)

// Bounds of what one person may keep.
const (
	maxPasskeys    = 10
	maxPasskeyName = 40 // characters
)

// Passkeys holds the acts with keys: one method a human act, or two where the browser answers in between.
// Every challenge lives policy.CodeTTL, is for one purpose and one object, and is burnt in the commit of what it proves.
type Passkeys struct {
	Sessions   *Service
	Store      PasskeyStore
	Ceremonies Ceremonies

	// FactorGuarded tells whether contacts guard the last second factor but the SMS code; nil: nobody does.
	FactorGuarded func(ctx context.Context, account string) (bool, error)
}

func (s *Passkeys) now() time.Time { return s.Sessions.Now() }

func (s *Passkeys) commit(ctx context.Context, act effect.Act, now time.Time, c PasskeyChange, effects ...effect.Effect) error {
	c.Rules = s.Sessions.Policy.Version
	return s.Store.CommitPasskey(ctx, act, now, c, effects)
}

// Offered reports whether pages may speak of passkeys at all.
func (s *Passkeys) Offered() bool { return s.Ceremonies.Offered() }

// List reads the person's keys, oldest first.
func (s *Passkeys) List(ctx context.Context, accountID string) ([]Passkey, error) {
	return s.Store.Passkeys(ctx, accountID)
}

func (s *Passkeys) offered() error {
	if !s.Ceremonies.Offered() {
		return fault.New(fault.NotFound, "fault.not_found", nil)
	}
	return nil
}

// challenge stores a fresh challenge in place of an older one of the same purpose and object.
func (s *Passkeys) challenge(ctx context.Context, act effect.Act, now time.Time, purpose, bound, accountID string, state []byte) error {
	id := account.NewID()
	return s.commit(ctx, act, now, PasskeyChange{}, effect.IssueChallenge{
		ID: id, Purpose: purpose, Bound: bound, Account: accountID,
		Sealed: s.Sessions.Keys.Seal(sealChallenge, []byte(id), state), ExpiresAt: now.Add(s.Sessions.Policy.CodeTTL),
	})
}

// recall reads the live challenge. Fault Refused "fault.passkey.over" when there is none.
func (s *Passkeys) recall(ctx context.Context, purpose, bound string, now time.Time) (state []byte, burn effect.UseChallenge, err error) {
	id, sealed, err := s.Store.PasskeyChallenge(ctx, purpose, bound, now)
	switch {
	case fault.Is(err, fault.NotFound):
		return nil, burn, fault.New(fault.Refused, "fault.passkey.over", nil)
	case err != nil:
		return nil, burn, err
	}
	state, err = s.Sessions.Keys.Open(sealChallenge, []byte(id), sealed)
	return state, effect.UseChallenge{ID: id, Purpose: purpose, Bound: bound}, err
}

// limitAsked bounds how often one account may be asked for a key, all purposes together.
func (s *Passkeys) limitAsked(ctx context.Context, accountID string, now time.Time) error {
	return s.Sessions.limit(ctx, "passkey:account:"+accountID, s.Sessions.Policy.SignInCodesDay, 24*time.Hour, now)
}

// dangerous loads the caller's account for a change of second factors: step-up, no freeze, no hold.
func (s *Passkeys) dangerous(ctx context.Context, auth Auth, now time.Time) (account.Account, error) {
	if !auth.SteppedUp(now, s.Sessions.Policy) {
		return account.Account{}, fault.New(fault.StepUp, "fault.step_up", nil)
	}
	a, err := s.Store.Account(ctx, auth.Account.ID)
	switch {
	case err != nil:
		return account.Account{}, err
	case a.State != account.Open:
		return account.Account{}, fault.New(fault.Refused, "fault.account.frozen", nil)
	case a.MustChangePassword:
		return account.Account{}, fault.New(fault.Refused, "fault.sign_in.must_change", nil)
	case a.OnHold(now):
		return account.Account{}, fault.New(fault.Refused, "fault.account.hold", fault.Args{"Until": a.HoldUntil})
	}
	return a, nil
}

func ownerOf(a account.Account) KeyOwner { return KeyOwner{ID: a.ID, Name: a.InitialName()} }

func credentials(keys []Passkey) [][]byte {
	out := make([][]byte, len(keys))
	for i, k := range keys {
		out[i] = k.Credential
	}
	return out
}

// BeginAdd makes the options with which the browser makes a new key.
// Faults: NotFound (not offered), StepUp, Refused (hold, freeze, "fault.passkey.many"), Limited.
func (s *Passkeys) BeginAdd(ctx context.Context, act effect.Act, auth Auth) ([]byte, error) {
	now := s.now()
	if err := s.offered(); err != nil {
		return nil, err
	}
	a, err := s.dangerous(ctx, auth, now)
	if err != nil {
		return nil, err
	}
	keys, err := s.Store.Passkeys(ctx, a.ID)
	if err != nil {
		return nil, err
	}
	if len(keys) >= maxPasskeys {
		return nil, fault.New(fault.Refused, "fault.passkey.many", fault.Args{"Max": maxPasskeys})
	}
	if err := s.limitAsked(ctx, a.ID, now); err != nil {
		return nil, err
	}
	options, state, err := s.Ceremonies.BeginRegistration(ownerOf(a), credentials(keys))
	if err != nil {
		return nil, err
	}
	return options, s.challenge(ctx, act, now, forRegister, auth.Session.ID, a.ID, state)
}

// Add keeps the key that the browser made. Every channel is told, and for policy.NoCascade the person cannot
// approve for others: his second factor changed. An empty name becomes the browser's own words.
// Faults: StepUp, Refused (hold, freeze, "fault.passkey.over", "fault.passkey.wrong"), Invalid (field "name"), Conflict.
func (s *Passkeys) Add(ctx context.Context, act effect.Act, auth Auth, name string, answer []byte) (Passkey, error) {
	now := s.now()
	a, err := s.dangerous(ctx, auth, now)
	if err != nil {
		return Passkey{}, err
	}
	if strings.TrimSpace(name) == "" {
		name = act.Device
	}
	name, bad := cleanKeyName(name)
	if bad != nil {
		return Passkey{}, fault.BadFields(*bad)
	}
	state, burn, err := s.recall(ctx, forRegister, auth.Session.ID, now)
	if err != nil {
		return Passkey{}, err
	}
	made, err := s.Ceremonies.FinishRegistration(ownerOf(a), state, answer)
	if err != nil {
		return Passkey{}, wrongKey(err)
	}
	k := Passkey{
		ID: account.NewID(), Account: a.ID, Credential: made.Credential, Name: name, Synced: made.Synced, SignCount: made.SignCount,
		CreatedAt: now, TrustedAt: now, Version: 1,
	}
	k.Sealed = s.seal(k, made.Record)
	return k, s.commit(ctx, act, now, PasskeyChange{Factor: &a, New: &k}, append(changed(k, "account.passkey_added", now), burn)...)
}

func (s *Passkeys) seal(k Passkey, record []byte) []byte {
	return s.Sessions.Keys.Seal(sealPasskey, []byte(k.ID+k.Account), record)
}

// wrongKey is one answer to whatever did not fit; our own failure stays one.
func wrongKey(err error) error {
	if errors.Is(err, ErrWrongKey) {
		return fault.New(fault.Refused, "fault.passkey.wrong", nil).Because(err)
	}
	return err
}

// changed is what follows from every change of a second factor.
func changed(k Passkey, kind string, now time.Time) []effect.Effect {
	return []effect.Effect{
		record(kind, "passkey:"+k.ID, map[string]string{"name": k.Name}, k.Account),
		effect.Send{Kind: "factor.changed", To: k.Account, Via: effect.All(), Args: map[string]string{"at": now.Format(time.RFC3339)}},
		effect.TellSystems{Account: k.Account, What: "credential-change", Why: strings.TrimPrefix(kind, "account.")},
	}
}

// cleanKeyName folds spaces and refuses what no list can show.
func cleanKeyName(typed string) (string, *fault.Field) {
	name := strings.Join(strings.Fields(typed), " ")
	switch {
	case name == "":
		return "", &fault.Field{Name: "name", Key: "fault.passkey.name_missing"}
	case utf8.RuneCountInString(name) > maxPasskeyName:
		return "", &fault.Field{Name: "name", Key: "fault.name.long", Args: fault.Args{"Max": maxPasskeyName}}
	case !utf8.ValidString(name) || strings.ContainsFunc(name, func(r rune) bool { return !unicode.IsPrint(r) }):
		return "", &fault.Field{Name: "name", Key: "fault.name.invisible"}
	}
	return name, nil
}

// own finds a key of the person; fault NotFound also for somebody else's.
func (s *Passkeys) own(ctx context.Context, accountID, keyID string) (key Passkey, all []Passkey, err error) {
	if all, err = s.Store.Passkeys(ctx, accountID); err != nil {
		return Passkey{}, nil, err
	}
	for _, k := range all {
		if k.ID == keyID {
			return k, all, nil
		}
	}
	return Passkey{}, nil, fault.New(fault.NotFound, "fault.not_found", nil)
}

// Rename gives a key another name. Faults: NotFound, Invalid (field "name"), Conflict.
func (s *Passkeys) Rename(ctx context.Context, act effect.Act, auth Auth, keyID, name string) error {
	before, _, err := s.own(ctx, auth.Account.ID, keyID)
	if err != nil {
		return err
	}
	name, bad := cleanKeyName(name)
	if bad != nil {
		return fault.BadFields(*bad)
	}
	if name == before.Name {
		return nil
	}
	after := before
	after.Name = name
	return s.commit(ctx, act, s.now(), PasskeyChange{Before: &before, After: &after},
		record("account.passkey_renamed", "passkey:"+after.ID, map[string]string{"name": name}, after.Account))
}

// Remove ends a key. The last second factor stays: without a phone of one's own and a code generator nobody
// could sign in any more. So does the last one but the SMS code where contacts guard it: switching that guard
// off takes its time and is told to them (DOMAIN §7).
// Faults: NotFound, StepUp, Refused (hold, freeze, "fault.passkey.last", "fault.passkey.guarded"), Conflict.
func (s *Passkeys) Remove(ctx context.Context, act effect.Act, auth Auth, keyID string) error {
	now := s.now()
	a, err := s.dangerous(ctx, auth, now)
	if err != nil {
		return err
	}
	before, all, err := s.own(ctx, a.ID, keyID)
	switch {
	case err != nil:
		return err
	case len(all) == 1 && len(Methods(a)) == 0:
		return fault.New(fault.Refused, "fault.passkey.last", nil)
	}
	if len(all) == 1 && !a.TOTP.Enrolled() && s.FactorGuarded != nil {
		guarded, err := s.FactorGuarded(ctx, a.ID)
		if err != nil {
			return err
		}
		if guarded {
			return fault.New(fault.Refused, "fault.passkey.guarded", nil)
		}
	}
	after := before
	after.EndedAt, after.EndedWhy = now, PasskeyRemoved
	return s.commit(ctx, act, now, PasskeyChange{Factor: &a, Before: &before, After: &after}, changed(after, "account.passkey_removed", now)...)
}

// Keep says of a key older than the newest recovery that it is the owner's own: it opens the account alone
// again. The step-up before it was made without that key, because a stale one steps up nothing.
// Faults: NotFound, StepUp, Refused (hold, freeze), Conflict.
func (s *Passkeys) Keep(ctx context.Context, act effect.Act, auth Auth, keyID string) error {
	now := s.now()
	a, err := s.dangerous(ctx, auth, now)
	if err != nil {
		return err
	}
	before, _, err := s.own(ctx, a.ID, keyID)
	if err != nil || !before.Stale(a) {
		return err
	}
	after := before
	after.TrustedAt = now
	return s.commit(ctx, act, now, PasskeyChange{Factor: &a, Before: &before, After: &after}, changed(after, "account.passkey_kept", now)...)
}

package session

import (
	"context"
	"encoding/hex"
	"slices"
	"time"

	"doverie/internal/account"
	"doverie/internal/effect"
	"doverie/internal/fault"
	"doverie/internal/secret"
)

// askKnown makes the options for a person who is known already, from those of his keys that will do.
func (s *Passkeys) askKnown(ctx context.Context, act effect.Act, now time.Time, a account.Account, purpose, bound string) ([]byte, error) {
	if err := s.offered(); err != nil {
		return nil, err
	}
	keys, err := s.Store.Passkeys(ctx, a.ID)
	if err != nil {
		return nil, err
	}
	var useful []Passkey
	for _, k := range keys {
		if purpose == forSecond || !k.Stale(a) {
			useful = append(useful, k)
		}
	}
	switch {
	case len(keys) == 0:
		return nil, fault.New(fault.Refused, "fault.passkey.none", nil)
	case len(useful) == 0:
		return nil, fault.New(fault.Refused, "fault.passkey.stale", nil)
	}
	if err := s.limitAsked(ctx, a.ID, now); err != nil {
		return nil, err
	}
	options, state, err := s.Ceremonies.BeginAssertion(ownerOf(a), credentials(useful))
	if err != nil {
		return nil, err
	}
	return options, s.challenge(ctx, act, now, purpose, bound, a.ID, state)
}

// proof is a right answer of a key: what it uses up must be in the commit of what it proves.
type proof struct {
	key     Passkey
	account account.Account
	burn    []effect.Effect
	flipped bool
}

// prove checks an answer. who is the account that must answer; empty: whoever the key names.
// A stranger learns nothing: unknown key, closed account, wrong signature, origin or person are one fault.
// Faults: Refused "fault.passkey.over", "fault.passkey.wrong", "fault.passkey.stale", "fault.passkey.copied".
func (s *Passkeys) prove(ctx context.Context, act effect.Act, now time.Time, purpose, bound, who string, answer []byte) (proof, error) {
	if err := s.offered(); err != nil {
		return proof{}, err
	}
	state, burn, err := s.recall(ctx, purpose, bound, now)
	if err != nil {
		return proof{}, err
	}
	credential, err := s.Ceremonies.CredentialOf(answer)
	if err != nil {
		return proof{}, wrongKey(err)
	}
	k, a, err := s.known(ctx, credential, who)
	if err != nil {
		return proof{}, err
	}
	record, err := s.Sessions.Keys.Open(sealPasskey, []byte(k.ID+k.Account), k.Sealed)
	if err != nil {
		return proof{}, err
	}
	checked, err := s.Ceremonies.FinishAssertion(ownerOf(a), state, record, answer)
	switch {
	case err != nil:
		return proof{}, wrongKey(err)
	case checked.Copied:
		return proof{}, s.endCopied(ctx, act, now, k, a, burn)
	case purpose != forSecond && k.Stale(a):
		return proof{}, fault.New(fault.Refused, "fault.passkey.stale", nil)
	}
	p := proof{key: k, account: a, flipped: checked.Flipped, burn: []effect.Effect{burn, effect.UsePasskey{
		ID: k.ID, Account: a.ID, SignCount: checked.SignCount, Sealed: s.seal(k, checked.Record), Synced: checked.Synced, Alone: purpose != forSecond,
	}}}
	if checked.Flipped {
		// The key is another kind of thing than it was: its owner is told, and it counts as a change of factor.
		p.burn = append(p.burn, effect.MarkFactorChanged{Account: a.ID})
		p.burn = append(p.burn, changed(k, "account.passkey_changed", now)...)
	}
	return p, nil
}

// known reads the key that answers, and its owner.
func (s *Passkeys) known(ctx context.Context, credential []byte, who string) (Passkey, account.Account, error) {
	refused := fault.New(fault.Refused, "fault.passkey.wrong", nil)
	k, err := s.Store.PasskeyByCredential(ctx, credential)
	switch {
	case fault.Is(err, fault.NotFound):
		return k, account.Account{}, refused
	case err != nil:
		return k, account.Account{}, err
	case who != "" && k.Account != who:
		return k, account.Account{}, refused
	}
	a, err := s.Store.Account(ctx, k.Account)
	if err == nil && a.State == account.Closed {
		err = refused
	}
	return k, a, err
}

// endCopied ends a key whose count went back: a second copy of it is somewhere, and which is the owner's
// nobody can tell. He is told on every channel.
func (s *Passkeys) endCopied(ctx context.Context, act effect.Act, now time.Time, k Passkey, a account.Account, burn effect.UseChallenge) error {
	after := k
	after.EndedAt, after.EndedWhy = now, PasskeyCopied
	effects := append(changed(k, "account.passkey_copied", now), burn, effect.MarkFactorChanged{Account: a.ID})
	if err := s.commit(ctx, act, now, PasskeyChange{Before: &k, After: &after}, effects...); err != nil {
		return err
	}
	return fault.New(fault.Refused, "fault.passkey.copied", nil)
}

// BeginSignIn makes the options for whoever sits at a browser, and the secret that binds the answer to it.
// Faults: NotFound (not offered), Limited.
func (s *Passkeys) BeginSignIn(ctx context.Context, act effect.Act) (options []byte, token string, err error) {
	now := s.now()
	if err := s.offered(); err != nil {
		return nil, "", err
	}
	if err := s.Sessions.limit(ctx, "passkey:area:"+act.Area, s.Sessions.Policy.SignInsPerArea, time.Hour, now); err != nil {
		return nil, "", err
	}
	options, state, err := s.Ceremonies.BeginAssertion(KeyOwner{}, nil)
	if err != nil {
		return nil, "", err
	}
	token = secret.Token()
	return options, token, s.challenge(ctx, act, now, forSignIn, browserOf(token), "", state)
}

func browserOf(token string) string { return hex.EncodeToString(secret.HashToken(token)) }

// KeyInput is the answer of a key, from one browser.
type KeyInput struct {
	Token       string // of the sign-in
	Answer      []byte
	DeviceToken string // cookie of a remembered browser, or empty
	Remember    bool   // remember this browser
}

// SignIn signs a person in by his key alone. The gates are those of every sign-in: on a frozen account the
// session is a Restricted one, and a temporary password must be changed first.
// Faults: as prove; Conflict.
func (s *Passkeys) SignIn(ctx context.Context, act effect.Act, in KeyInput) (Entered, error) {
	now := s.now()
	p, err := s.prove(ctx, act, now, forSignIn, browserOf(in.Token), "", in.Answer)
	if err != nil {
		return Entered{}, err
	}
	return s.Sessions.open(ctx, act, now, p.account, opening{
		effects: p.burn, method: ByPasskey, amr: amrKeyAlone(), deviceToken: in.DeviceToken, remember: in.Remember,
	})
}

// BeginSecond makes the options for the second factor of a pending sign-in.
// Faults: NotFound ("fault.sign_in.over", or not offered), Refused "fault.passkey.none", Limited.
func (s *Passkeys) BeginSecond(ctx context.Context, act effect.Act, token string) ([]byte, error) {
	now := s.now()
	si, a, err := s.Sessions.pending(ctx, token, now)
	if err != nil {
		return nil, err
	}
	return s.askKnown(ctx, act, now, a, forSecond, si.ID)
}

// Second completes a pending sign-in by a key in place of a code. Faults: NotFound "fault.sign_in.over", as prove; Conflict.
func (s *Passkeys) Second(ctx context.Context, act effect.Act, in KeyInput) (Entered, error) {
	now := s.now()
	before, a, err := s.Sessions.pending(ctx, in.Token, now)
	if err != nil {
		return Entered{}, err
	}
	p, err := s.prove(ctx, act, now, forSecond, before.ID, a.ID, in.Answer)
	if err != nil {
		return Entered{}, err
	}
	done := before
	done.State = SignInDone
	return s.Sessions.open(ctx, act, now, p.account, opening{
		change: Change{SignInBefore: &before, SignInAfter: &done}, effects: append(p.burn, effect.DropCodes{Bound: before.ID}),
		method: ByPasskey, amr: []string{"pwd", "pop"}, token: in.Token, deviceToken: in.DeviceToken, remember: in.Remember,
	})
}

// BeginStepUp makes the options for a step-up of this session.
// Faults: NotFound (not offered), Refused ("fault.passkey.none", "fault.passkey.stale", "fault.sign_in.must_change"), Limited.
func (s *Passkeys) BeginStepUp(ctx context.Context, act effect.Act, auth Auth) ([]byte, error) {
	if auth.Gate == MustChangeGate {
		return nil, fault.New(fault.Refused, "fault.sign_in.must_change", nil)
	}
	return s.askKnown(ctx, act, s.now(), auth.Account, forStepUp, auth.Session.ID)
}

// StepUp completes a step-up by a key: it is two factors, and no page that lies can ask for it. It returns the
// session's new secret; the older one is dead. Faults: as prove; Conflict.
func (s *Passkeys) StepUp(ctx context.Context, act effect.Act, auth Auth, answer []byte) (Auth, string, error) {
	now := s.now()
	if auth.Gate == MustChangeGate {
		return Auth{}, "", fault.New(fault.Refused, "fault.sign_in.must_change", nil)
	}
	before := auth.Session
	p, err := s.prove(ctx, act, now, forStepUp, before.ID, before.Account, answer)
	if err != nil {
		return Auth{}, "", err
	}
	token := secret.Token()
	after := before
	after.Proof, after.StepUpAt, after.TokenHash = Proof{}, now, secret.HashToken(token)
	effects := append(slices.Clone(p.burn), effect.DropCodes{Bound: before.ID}, // a code of a step-up under way is not needed any more
		record("session.stepped_up", "session:"+before.ID, map[string]string{"method": string(ByPasskey)}, before.Account))
	if err := s.Sessions.commit(ctx, act, now, Change{Before: &before, After: &after}, effects...); err != nil {
		return Auth{}, "", err
	}
	after.Version++
	auth.Session = after
	return auth, token, nil
}

// BeginApproval makes the options for a contact's last word; bound names the request and the session.
// Faults: NotFound (not offered), Refused ("fault.passkey.none", "fault.passkey.stale"), Limited.
func (s *Passkeys) BeginApproval(ctx context.Context, act effect.Act, contact, bound string) ([]byte, error) {
	a, err := s.Store.Account(ctx, contact)
	if err != nil {
		return nil, err
	}
	return s.askKnown(ctx, act, s.now(), a, forApproval, bound)
}

// ProveApproval checks the contact's answer and returns what must be used up in the commit of his approval.
// Faults: as prove; Refused "fault.passkey.changed" for a key that is not the kind of thing it was: somebody
// else's account is at stake, and the code by SMS is there.
func (s *Passkeys) ProveApproval(ctx context.Context, act effect.Act, contact, bound string, answer []byte) ([]effect.Effect, error) {
	p, err := s.prove(ctx, act, s.now(), forApproval, bound, contact, answer)
	switch {
	case err != nil:
		return nil, err
	case p.flipped:
		return nil, fault.New(fault.Refused, "fault.passkey.changed", nil)
	}
	return p.burn, nil
}

package account

import (
	"context"
	"time"

	"doverie/internal/effect"
	"doverie/internal/fault"
	"doverie/internal/secret"
)

// EmailLink is a wish to have an address, waiting for its mailbox to answer.
type EmailLink struct {
	ID        string
	Account   string
	Email     string
	TokenHash []byte
	CreatedAt time.Time
	ExpiresAt time.Time
	EndedAt   time.Time // used, replaced or purged; zero: live
}

func (s *Service) newEmailLink(account, email, locale string, now time.Time) (EmailLink, effect.Send) {
	token := secret.Token()
	link := EmailLink{
		ID: NewID(), Account: account, Email: email, TokenHash: secret.HashToken(token),
		CreatedAt: now, ExpiresAt: now.Add(s.Policy.EmailLinkTTL),
	}
	return link, effect.Send{
		Kind: "email.verify_link", To: account, Via: []effect.Channel{effect.Email}, Address: email, Locale: locale,
		Args: map[string]string{"link": "/email/verify?t=" + token}, NotAfter: link.ExpiresAt, Key: "email_link:" + link.ID,
	}
}

// RequestEmail sends a link to a new address; the older address stays until the link is followed.
// An older unanswered link ends. Every channel is told at once, and again when the new address is verified: whoever sits
// in a stolen session is not alone with it.
// Faults: StepUp, Invalid, Refused (hold, freeze), Limited.
func (s *Service) RequestEmail(ctx context.Context, act effect.Act, c Caller, text string) error {
	now := s.Now()
	email, wrong := ParseEmail(text)
	if wrong != "" {
		return fault.BadFields(fault.Field{Name: "email", Key: wrong})
	}
	a, err := s.dangerous(ctx, c, now)
	if err != nil {
		return err
	}
	if a.EmailVerified() && EmailKey(a.Email) == EmailKey(email) {
		return fault.BadFields(fault.Field{Name: "email", Key: "fault.email.same"})
	}
	if err := s.limit(ctx, "email_link:"+a.ID, s.Policy.CodesPerPhoneDay, 24*time.Hour, now); err != nil {
		return err
	}
	link, send := s.newEmailLink(a.ID, email, a.Locale, now)
	return s.commit(ctx, act, now, Change{NewLink: &link},
		send,
		record("account.email_requested", "account:"+a.ID, map[string]string{"email": MaskEmail(email)}, a.ID),
		effect.Send{Kind: "email.requested", To: a.ID, Via: effect.All(), Args: at(now)},
	)
}

// PendingEmail reads what a link is for, changing nothing: mail scanners open links too, so the
// page behind the link only asks, and its button calls VerifyEmail. Fault NotFound.
func (s *Service) PendingEmail(ctx context.Context, token string) (EmailLink, error) {
	link, err := s.Store.EmailLink(ctx, secret.HashToken(token))
	if err != nil && !fault.Is(err, fault.NotFound) {
		return EmailLink{}, err
	}
	// A link that never was reads like one that is over: the words say what to do in both cases.
	if err != nil || !link.EndedAt.IsZero() || !s.Now().Before(link.ExpiresAt) {
		return EmailLink{}, fault.New(fault.NotFound, "fault.email.link", nil)
	}
	return link, nil
}

// VerifyEmail makes the link's address the account's own. Whoever holds the mailbox may do it;
// no session is needed. Faults: NotFound; Refused (hold, freeze, "fault.email.taken"); Conflict.
func (s *Service) VerifyEmail(ctx context.Context, act effect.Act, token string) error {
	now := s.Now()
	link, err := s.PendingEmail(ctx, token)
	if err != nil {
		return err
	}
	before, err := s.open(ctx, link.Account)
	if err != nil {
		return err
	}
	if before.OnHold(now) {
		return fault.New(fault.Refused, "fault.account.hold", fault.Args{"Until": before.HoldUntil})
	}
	other, err := s.Store.FindAccount(ctx, Identifier{ByEmail, EmailKey(link.Email)})
	switch {
	case err == nil && other.ID != before.ID:
		// Said only to whoever holds the mailbox of that other account.
		return fault.New(fault.Refused, "fault.email.taken", nil)
	case err != nil && !fault.Is(err, fault.NotFound):
		return err
	}
	after := before
	after.Email, after.EmailVerifiedAt = link.Email, now
	masked := MaskEmail(link.Email)
	effects := []effect.Effect{
		record("account.email_verified", "account:"+before.ID, map[string]string{"email": masked}, before.ID),
		effect.Send{Kind: "email.changed", To: before.ID, Via: effect.All(), Args: at(now)},
	}
	if before.EmailVerified() {
		effects = append(effects, effect.Send{
			Kind: "email.changed", To: before.ID, Via: []effect.Channel{effect.Email}, Address: before.Email, Locale: before.Locale,
			Args: at(now),
		})
	}
	return s.commit(ctx, act, now, Change{Before: &before, After: &after, UsedLink: &link}, effects...)
}

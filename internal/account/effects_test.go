package account_test

import (
	"strings"
	"testing"
	"time"

	"doverie/internal/account"
	"doverie/internal/effect"
	"doverie/internal/fault"
	"doverie/internal/store/storetest"
)

func TestAStaleVersionLoses(t *testing.T) {
	each(t, func(t *testing.T, p *storetest.People) {
		ctx := t.Context()
		a := p.Register(t, "Вера", "+79131234567")
		const writers = 6
		errs := storetest.Parallel(writers, func(i int) error {
			after := a
			after.Given = strings.Repeat("в", i+1)
			return p.CommitAccount(ctx, storetest.ActOf(a.ID), p.Clock.Now(), account.Change{Rules: "test", Before: &a, After: &after},
				[]effect.Effect{effect.Record{Kind: "account.renamed", Object: "account:" + a.ID, Subjects: []string{a.ID}}})
		})
		won := 0
		for _, err := range errs {
			if err == nil {
				won++
			} else if !fault.Is(err, fault.Conflict) {
				t.Error(err)
			}
		}
		stored, err := p.Account(ctx, a.ID)
		ok(t, err)
		if won != 1 || stored.Version != a.Version+1 || p.Recorded("account.renamed") != 1 {
			t.Errorf("%d writers won, version %d", won, stored.Version)
		}
	})
}

func TestHoldAndFreezeCloseDangerousActs(t *testing.T) {
	each(t, func(t *testing.T, p *storetest.People) {
		ctx := t.Context()
		a := p.Register(t, "Вера", "+79131234567")
		caller := signedUp(t, p, a).Caller()
		act := storetest.ActOf(a.ID)
		apply(t, p, effect.BeginHold{Account: a.ID, At: p.Clock.Now(), Until: p.Clock.Now().Add(p.Policy.Hold)})
		_, err := p.Accounts.EnrolTOTP(ctx, act, caller)
		want(t, err, fault.Refused, "fault.account.hold")
		want(t, p.Accounts.RequestEmail(ctx, act, caller, "new@example.org"), fault.Refused, "fault.account.hold")
		stored, err := p.Account(ctx, a.ID)
		ok(t, err)
		if !stored.OnHold(p.Clock.Now()) || !stored.RecoveredAt.Equal(p.Clock.Now()) || stored.OnHold(p.Clock.Now().Add(p.Policy.Hold)) {
			t.Errorf("hold: %+v", stored)
		}
		apply(t, p, effect.Freeze{Account: a.ID, Reason: "self"})
		_, err = p.Accounts.EnrolTOTP(ctx, act, caller)
		want(t, err, fault.Refused, "fault.account.frozen")
	})
}

func apply(t *testing.T, p *storetest.People, effects ...effect.Effect) {
	t.Helper()
	ok(t, p.CommitAccount(t.Context(), effect.Act{Actor: effect.System}, p.Clock.Now(), account.Change{Rules: "test"}, effects))
}

func TestAccountEffects(t *testing.T) {
	each(t, func(t *testing.T, p *storetest.People) {
		a := p.Register(t, "Вера", "+79131234567")
		read := func() account.Account {
			got, err := p.Account(t.Context(), a.ID)
			ok(t, err)
			return got
		}
		now := p.Clock.Advance(time.Hour)
		apply(t, p, effect.LockRecovery{Account: a.ID, Until: now.Add(2 * time.Hour)}, effect.LockRecovery{Account: a.ID, Until: now.Add(time.Hour)})
		if got := read().RecoveryLockedUntil; !got.Equal(now.Add(2 * time.Hour)) {
			t.Errorf("locked until %s: a lock moved earlier", got)
		}
		apply(t, p, effect.Freeze{Account: a.ID, Reason: "contact_fraud"})
		p.Clock.Advance(time.Hour)
		apply(t, p, effect.Freeze{Account: a.ID, Reason: "self"})
		if got := read(); got.State != account.Frozen || got.FreezeReason != "contact_fraud" || !got.FrozenAt.Equal(now) {
			t.Errorf("frozen twice: %s %s %s", got.State, got.FreezeReason, got.FrozenAt)
		}
		apply(t, p, effect.Thaw{Account: a.ID})
		if got := read(); got.State != account.Open || !got.FrozenAt.IsZero() {
			t.Errorf("thawed: %+v", got)
		}
		err := p.CommitAccount(t.Context(), effect.Act{Actor: effect.System}, now, account.Change{}, []effect.Effect{effect.Thaw{Account: a.ID}})
		want(t, err, fault.Conflict, "fault.conflict")

		version := read().Version
		apply(t, p, effect.SetPassword{Account: a.ID, Hash: "hash", MustChange: true})
		if got := read(); got.PasswordHash != "hash" || !got.MustChangePassword || !got.PasswordChangedAt.Equal(p.Clock.Now()) || got.Version != version+1 {
			t.Errorf("password: %+v", got)
		}
		later := p.Clock.Advance(time.Hour)
		apply(t, p, effect.ConfirmPhone{Account: a.ID, At: later}, effect.ConfirmPhone{Account: a.ID, At: later.Add(-time.Minute)})
		if got := read().PhoneConfirmedAt; !got.Equal(later) {
			t.Errorf("phone confirmed %s, want %s", got, later)
		}
		for _, e := range []effect.Effect{
			effect.SetPassword{Account: "nobody"}, effect.Freeze{Account: "nobody"}, effect.LockRecovery{Account: "nobody", Until: later},
			effect.BeginHold{Account: "nobody"}, effect.EndSessions{Account: "nobody", Why: "x"},
		} {
			err := p.CommitAccount(t.Context(), effect.Act{Actor: effect.System}, later, account.Change{}, []effect.Effect{e})
			if !fault.Is(err, fault.Conflict) {
				t.Errorf("%T on no account: %v", e, err)
			}
		}
	})
}

func TestPurgePendingEndsPlantedThings(t *testing.T) {
	each(t, func(t *testing.T, p *storetest.People) {
		ctx := t.Context()
		a := p.Register(t, "Вера", "+79131234567")
		caller := signedUp(t, p, a).Caller()
		ok(t, p.Accounts.RequestEmail(ctx, storetest.ActOf(a.ID), caller, "thief@example.org"))
		_, err := p.Accounts.EnrolTOTP(ctx, storetest.ActOf(a.ID), caller)
		ok(t, err)
		apply(t, p, effect.PurgePending{Account: a.ID})
		token := strings.TrimPrefix(p.Sent("email.verify_link")[0].Args["link"], "/email/verify?t=")
		if err = p.Accounts.VerifyEmail(ctx, storetest.Act(), token); !fault.Is(err, fault.NotFound) {
			t.Errorf("the planted link still works: %v", err)
		}
		if stored, err := p.Account(ctx, a.ID); err != nil || len(stored.TOTP.Key) != 0 {
			t.Errorf("the planted key is still there: %v", err)
		}
	})
}

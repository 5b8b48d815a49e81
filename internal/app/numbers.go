package app

import (
	"context"

	"doverie/internal/account"
	"doverie/internal/effect"
	"doverie/internal/fault"
	"doverie/internal/jobs"
	"doverie/internal/notify"
	"doverie/internal/numbers"
)

// Numbers tells what happened to a phone number; numbers.Provider has it.
type Numbers interface {
	Ask(ctx context.Context, phone string) (numbers.Report, error)
}

// askedBefore are the codes before which the provider is asked: those that open an account without its password. It is
// asked when the code is on its way, so that whoever waits at a page cannot tell by his clock whether a number was asked
// about (I6).
func askedBefore(kind notify.Kind) bool {
	switch kind {
	case notify.RecoveryCode, notify.RecoveryFinishCode, notify.ApprovalCode:
		return true
	default:
		return false
	}
}

// numberGuard asks about the number a code is going to, and holds the code back when it must not go there.
type numberGuard struct {
	provider Numbers // nil: nobody is asked
	accounts *account.Service
	asked    func(answer string)
}

// allow is nil when the code may go. A provider that does not answer keeps nobody from his account: the other
// controls stand.
func (g numberGuard) allow(ctx context.Context, m jobs.Message) error {
	if g.provider == nil || m.Channel != effect.SMS || m.Account == "" || !askedBefore(notify.Kind(m.Kind)) {
		return nil
	}
	r, err := g.provider.Ask(ctx, m.Address)
	if err != nil {
		g.asked("none")
		return nil //nolint:nilerr // counted; see above
	}
	news, err := g.accounts.NumberReported(ctx, effect.Act{Actor: effect.System, Device: "numbers"}, m.Address, r.SIMChangedAt, r.ReassignedAt)
	if err != nil {
		return err
	}
	switch {
	case news == account.NumberReassigned:
		g.asked("reassigned")
		return fault.New(fault.Refused, "fault.message.phone_lost", nil)
	case news == account.NumberSIMChanged && notify.Kind(m.Kind) == notify.ApprovalCode:
		// This contact cannot approve for a while, and whoever holds the new SIM is given nothing (T07).
		g.asked("sim")
		return fault.New(fault.Refused, "fault.message.sim_changed", nil)
	case news == account.NumberSIMChanged:
		g.asked("sim")
	default:
		g.asked("same")
	}
	return nil
}

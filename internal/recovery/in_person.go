package recovery

import (
	"time"

	"doverie/internal/effect"
	"doverie/internal/trust"
)

// RecoveredInPerson decides what a service desk's recovery does: a temporary password, given on paper, that has to be
// changed at the first sign-in, and everything else a completed recovery does. Attempts that run online end. Whoever
// commits this answers for a second operator where a link guards the account (I1; package desk).
func (s *Service) RecoveredInPerson(c trust.Circle, key, hash string) (trust.Outcome, error) {
	var out trust.Outcome
	for _, p := range c.Pending {
		r, ok := p.Action.(Recovery)
		if !ok || r.late(c.Now) {
			continue
		}
		gone, effs, err := r.Apply(c.Now, s.Policy, GivenUp{Reason: "in_person"})
		if err != nil {
			return trust.Outcome{}, err
		}
		closed, more, err := trust.CloseApprovals(c.Now, s.Policy, p.Approvals, "in_person")
		if err != nil {
			return trust.Outcome{}, err
		}
		out.Actions, out.Approvals = append(out.Actions, gone), append(out.Approvals, closed...)
		out.Effects = append(append(out.Effects, effs...), more...)
	}
	if err := s.purge(c, &out); err != nil {
		return trust.Outcome{}, err
	}
	account, until := c.Principal.Account, c.Now.Add(s.Policy.Hold)
	at := c.Now.UTC().Format(time.RFC3339)
	out.Effects = append(out.Effects,
		effect.Record{Kind: "recovery.in_person", Object: "account:" + account, Subjects: []string{account}},
		effect.SetPassword{Account: account, Hash: hash, MustChange: true},
		effect.PurgePending{Account: account},
		effect.EndSessions{Account: account, Why: "recovery", Devices: true},
		effect.BeginHold{Account: account, At: c.Now, Until: until},
		effect.TellSystems{Account: account, What: "credential-change", Why: "recovery"},
		effect.TellSystems{Account: account, What: "session-revoked", Why: "recovery"},
		effect.Send{
			Kind: "recovery.completed", To: account, Via: effect.All(), Key: key + ":completed", Args: map[string]string{
				"at": at, "until": until.UTC().Format(time.RFC3339), "role": string(trust.PrincipalSide), "stop_code": s.Keys.StopCode(account, c.Now),
			},
		},
	)
	cast := c.Cast("")
	for _, contact := range cast.ContactsOrder {
		out.Effects = append(out.Effects, effect.Send{
			Kind: "recovery.completed", To: contact, Via: effect.All(), Key: key + ":completed:" + contact,
			Args: map[string]string{"first_name": cast.Principal, "at": at, "role": string(trust.ContactSide)},
		})
	}
	return out, nil
}

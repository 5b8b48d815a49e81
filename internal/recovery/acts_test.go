package recovery_test

import (
	"fmt"
	"slices"

	"doverie/internal/effect"
	"doverie/internal/fault"
	"doverie/internal/recovery"
	"doverie/internal/secret"
	"doverie/internal/trust"
)

// push does the next right thing for one person's recovery: without it random acts would never get far.
func (w *world) push() {
	h := w.people[[]int{0, 0, 0, 2, 2, 3, 5}[w.choose(7, "whose recovery")]]
	for i := len(w.browsers) - 1; i >= 0 && i > len(w.browsers)-12; i-- {
		r, err := w.Of(ctx, secret.HashToken(w.browsers[i].secret))
		if err == nil && r.Account == h.id && !r.Over() {
			w.pushOn(w.browsers[i].secret, r)
			return
		}
	}
	w.begin(h.phone)
}

func (w *world) begin(identifier string) {
	b, err := w.service.Start(ctx, applicant(len(w.browsers)%50), identifier, "")
	w.settle("start "+identifier, err)
	if err == nil {
		w.secrets = append(w.secrets, b)
		w.browsers = append(w.browsers, browser{b, identifier})
	}
}

// typed is what stands on the phone: the live code of that purpose, or "".
func (w *world) typed(purpose secret.Purpose, bound string) string {
	if c := w.live(string(purpose), bound); c != nil {
		return w.plain[c.ID]
	}
	return ""
}

func (w *world) pushOn(b string, r recovery.Recovery) {
	switch r.State {
	case recovery.Proving, recovery.Approved:
		purpose := secret.RecoveryProve
		if r.State == recovery.Approved {
			purpose = secret.RecoveryFinish
		}
		code := w.typed(purpose, r.ID)
		switch {
		case code == "":
			w.settle("send code", w.service.SendCode(ctx, applicant(0), b, ""))
		case r.State == recovery.Proving:
			w.settle("prove", w.service.Prove(ctx, applicant(0), b, code, w.person(r.Account).snils))
		default:
			w.settle("verify", w.service.Verify(ctx, applicant(0), b, code))
		}
	case recovery.Awaiting:
		for _, a := range w.approvals {
			if a.Object == r.ID && a.Undecided() && a.State != trust.Flagged {
				w.pushApproval(a)
				return
			}
		}
	case recovery.Verified:
		w.complete(b)
	}
}

func (w *world) complete(b string) {
	w.passwords++
	password := fmt.Sprintf("верная лошадь %d", w.passwords)
	w.secrets = append(w.secrets, password)
	w.settle("complete", w.service.Complete(ctx, applicant(0), b, password))
}

// signedIn gives a session of the person; a frozen account has none.
func (w *world) signedIn(h *person) string {
	if len(h.sessions) == 0 {
		h.sessions = append(h.sessions, session{fmt.Sprintf("session of %s %d", h.id, w.now.Unix()), w.now})
	}
	return h.sessions[len(h.sessions)-1].id
}

func (w *world) pushApproval(a trust.Approval) {
	h := w.person(a.Contact)
	s := w.signedIn(h)
	switch a.State {
	case trust.Asked:
		yes := [trust.Questions]trust.Answer{trust.Yes, trust.Yes, trust.Yes, trust.Yes, trust.Yes}
		w.settle("answer", w.decisions.Answer(ctx, by(h), h.id, a.ID, yes))
	case trust.Checked:
		w.settle("match", w.decisions.TypeMatch(ctx, by(h), h.id, a.ID, w.keys.MatchNumber(a.Object)))
	case trust.Matched:
		code := w.typed(secret.Approval, trust.CodeBound(a.ID, s))
		if code == "" {
			w.settle("contact's code", w.decisions.SendCode(ctx, by(h), h.id, s, a.ID))
			return
		}
		w.settle("approve", w.decisions.Approve(ctx, by(h), h.id, s, a.ID, code))
	}
}

func (w *world) randomApplicant() {
	if len(w.browsers) == 0 || w.flip(25, "start") {
		h := w.anybody()
		w.begin([]string{h.phone, h.email, h.snils, "+79990000000"}[w.choose(4, "identifier")])
		return
	}
	b := w.browsers[w.recent(len(w.browsers), "browser")].secret
	if w.flip(5, "stranger's cookie") {
		b = "a cookie nobody was given"
	}
	// Any code that anybody was ever sent may be tried: the attacker has looked over every shoulder.
	code := "000000"
	if n := len(w.secrets); n > 0 && w.flip(50, "an old code") {
		code = w.secrets[w.recent(n, "code")]
	}
	act := applicant(w.choose(50, "area"))
	switch w.choose(6, "applicant's act") {
	case 0:
		w.settle("prove", w.service.Prove(ctx, act, b, code, "112-233-445 00"))
	case 1:
		w.settle("verify", w.service.Verify(ctx, act, b, code))
	case 2:
		w.complete(b)
	case 3:
		w.settle("send code", w.service.SendCode(ctx, act, b, ""))
	case 4:
		if w.flip(30, "really") {
			w.settle("cancel", w.service.Cancel(ctx, act, b))
		}
	default:
		if r, err := w.Of(ctx, secret.HashToken(b)); err == nil && r.Account != "" {
			w.pushOn(b, r)
		}
	}
}

func (w *world) randomContact() {
	if len(w.approvals) == 0 {
		return
	}
	a := w.approvals[w.recent(len(w.approvals), "approval")]
	h := w.person(a.Contact)
	if w.flip(8, "a stranger") {
		h = w.anybody()
	}
	s := w.signedIn(h)
	switch k := w.choose(12, "contact's act"); {
	case k < 2:
		var answers [trust.Questions]trust.Answer
		for i := range answers {
			answers[i] = []trust.Answer{trust.Yes, trust.Yes, trust.Yes, trust.Yes, trust.No, trust.Unsure, ""}[w.choose(7, "answer")]
		}
		w.stranger("answer", a, h, w.decisions.Answer(ctx, by(h), h.id, a.ID, answers))
	case k < 3:
		w.stranger("match", a, h, w.decisions.TypeMatch(ctx, by(h), h.id, a.ID, fmt.Sprint(10+w.choose(90, "match"))))
	case k < 5:
		w.stranger("contact's code", a, h, w.decisions.SendCode(ctx, by(h), h.id, s, a.ID))
	case k < 6:
		code := w.typed(secret.Approval, trust.CodeBound(a.ID, s))
		if code == "" && len(w.secrets) > 0 {
			code = w.secrets[w.recent(len(w.secrets), "code")]
		}
		w.stranger("approve", a, h, w.decisions.Approve(ctx, by(h), h.id, s, a.ID, code))
	case k < 7 && w.flip(40, "really"):
		why := []trust.RejectReason{trust.ReasonFraud, trust.ReasonUnreachable, trust.ReasonOther, trust.ReasonMismatch, "?"}[w.choose(5, "why")]
		w.stranger("reject", a, h, w.decisions.Reject(ctx, by(h), h.id, a.ID, why))
	case k < 8:
		w.stranger("freeze for the principal", a, h, w.protect.FreezeForPrincipal(ctx, by(h), h.id, a.ID))
	default:
		w.pushApproval(a)
	}
}

// fallen takes away what the newest yes rests on, before its recovery is over, and lets the applicant go on all the same.
func (w *world) fallen() {
	for _, a := range slices.Backward(w.approvals) {
		at := slices.IndexFunc(w.recoveries, func(r attempt) bool { return r.ID == a.Object && r.Open() })
		if a.State != trust.Approved || at < 0 {
			continue
		}
		h := w.person(a.Contact)
		switch w.choose(3, "what falls") {
		case 0:
			w.settle("resign after a yes", w.links.Resign(ctx, by(h), h.id, a.Link))
		case 1:
			w.settle("end in person after a yes", w.links.EndInPerson(ctx, effect.Act{Actor: effect.Operator}, a.Link))
		default:
			w.settle("freeze after a yes", w.protect.Freeze(ctx, by(h), h.id, trust.FrozenBySelf))
		}
		w.judge.seen["a yes fell"]++
		for range 3 { // the second code, its entering, the password
			w.pushRecovery(a.Object)
		}
		return
	}
}

func (w *world) pushRecovery(id string) {
	for _, b := range slices.Backward(w.browsers) {
		if r, err := w.Of(ctx, secret.HashToken(b.secret)); err == nil && r.ID == id && !r.Over() {
			w.pushOn(b.secret, r)
			return
		}
	}
}

// stranger judges an act on somebody's request: from anybody but its contact it is not found (I9).
func (w *world) stranger(what string, a trust.Approval, who *person, err error) {
	w.settle(what, err)
	if a.Contact != who.id && !fault.Is(err, fault.NotFound) && !isLost(err) {
		if !fault.Is(err, fault.Invalid) { // a form is read before anything is looked up
			w.judge.fault("I9", "%s by a stranger: %v", what, err)
		}
	}
}

func isLost(err error) bool { return err != nil && err.Error() == errLost.Error() }

func (w *world) randomLink() {
	if len(w.model.links) == 0 || w.flip(20, "invite") {
		p, c := w.anybody(), w.anybody()
		name, phone := c.given, c.phone
		if w.flip(20, "nobody") {
			name, phone = "никто", "+79990001122"
		}
		_, err := w.links.Invite(ctx, by(p), p.id, name, phone)
		w.settle("invite", err)
		return
	}
	l := w.model.links[w.recent(len(w.model.links), "link")]
	p := w.person(l.Principal)
	h := w.anybody()
	if l.Contact != "" && w.flip(70, "its contact") {
		h = w.person(l.Contact)
	}
	if l.State == trust.Invited && w.flip(70, "who was meant") {
		if id, _ := w.Matching(ctx, l.NameHash, l.PhoneHash); id != "" {
			h = w.person(id)
		}
	}
	switch w.choose(12, "link act") {
	case 0, 1, 2:
		w.settle("accept", w.links.Accept(ctx, by(h), h.id, l.ID))
	case 3:
		w.settle("decline", w.links.Decline(ctx, by(h), h.id, l.ID, w.flip(20, "block")))
	case 4:
		w.settle("withdraw", w.links.Withdraw(ctx, by(p), p.id, l.ID))
	case 5, 6:
		w.settle("remove", w.links.Remove(ctx, by(p), p.id, l.ID, w.flip(50, "quiet")))
	case 7:
		who := []*person{p, h}[w.choose(2, "who stays")]
		w.settle("stay", w.links.Stay(ctx, by(who), who.id, l.ID))
	case 8:
		if w.flip(30, "really") {
			w.settle("resign", w.links.Resign(ctx, by(h), h.id, l.ID))
		}
	case 9:
		if w.flip(20, "really") {
			w.settle("end in person", w.links.EndInPerson(ctx, effect.Act{Actor: effect.Operator, ID: "operator"}, l.ID))
		}
	case 10:
		w.settle("review", w.links.Review(ctx, l.ID))
	default: // an old friend comes back, so that accounts stay guarded
		pairs := [][2]int{{0, 1}, {2, 1}, {2, 3}, {3, 4}}
		pair := pairs[w.choose(len(pairs), "pair")]
		a, b := w.people[pair[0]], w.people[pair[1]]
		if id, err := w.links.Invite(ctx, by(a), a.id, b.given, b.phone); err == nil {
			w.settle("accept", w.links.Accept(ctx, by(b), b.id, id))
		} else {
			w.settle("invite", err)
		}
	}
}

func (w *world) randomOwner() {
	h := w.anybody()
	switch w.choose(11, "owner's act") {
	case 0:
		w.settle("disown", w.service.Disown(ctx, by(h), h.id))
	case 1:
		w.settle("it was me", w.service.WasMe(ctx, by(h), h.id))
	case 2:
		w.settle("freeze", w.protect.Freeze(ctx, by(h), h.id, trust.FrozenBySelf))
	case 3, 4:
		if !h.frozenAt.IsZero() {
			w.settle("thaw", w.protect.ThawInPerson(ctx, effect.Act{Actor: effect.Operator, ID: "operator"}, h.id))
		}
	case 5, 6:
		_, err := w.protect.Unfreeze(ctx, by(h), h.id, w.signedIn(h))
		w.settle("unfreeze", err)
	case 7, 8:
		_, err := w.protect.Rehearse(ctx, by(h), h.id, w.signedIn(h))
		w.settle("rehearse", err)
	case 9:
		if len(w.actions) > 0 {
			a := w.actions[w.recent(len(w.actions), "action")]
			err := w.protect.GiveUp(ctx, by(h), h.id, a.ID)
			w.settle("give up", err)
			if a.Account != h.id && !fault.Is(err, fault.NotFound) && !isLost(err) {
				w.judge.fault("I9", "a stranger gave up an action: %v", err)
			}
		}
	default: // somebody approves the newest request to the end
		if i := slices.IndexFunc(w.approvals, func(a trust.Approval) bool { return a.Action != trust.ActionRecovery && a.Undecided() }); i >= 0 {
			w.pushApproval(w.approvals[i])
		}
	}
}

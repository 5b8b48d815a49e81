package invariants_test

import (
	"errors"
	"fmt"
	"time"

	"doverie/internal/effect"
	"doverie/internal/fault"
	"doverie/internal/recovery"
	"doverie/internal/session"
	"doverie/internal/trust"
)

// push does the next right thing for one person's recovery: without it random acts would never get far.
func (a *actor) push() {
	h := a.folk[[]int{0, 0, 0, 2, 2, 3, 5, 6, 6}[a.dice.IntN(9)]]
	for _, b := range a.recentBrowsers() {
		if b.account != h.id {
			continue
		}
		if r, err := a.of(b.secret); err == nil && !r.Over() {
			a.pushOn(b.secret, r)
			return
		}
	}
	a.begin(h.phone, h.id, ownBrowser(h.id))
}

func (a *actor) recentBrowsers() (out []browser) {
	a.mu.Lock()
	defer a.mu.Unlock()
	for i := len(a.browsers) - 1; i >= max(0, len(a.browsers)-30); i-- {
		out = append(out, a.browsers[i])
	}
	return out
}

func (a *actor) begin(identifier, account, remembered string) {
	b, err := a.recovery.Start(a.ctx, applicant(a.dice.IntN(200)), identifier, remembered)
	a.told("start "+identifier, err)
	if err != nil {
		return
	}
	a.ledger.secret(b)
	a.mu.Lock()
	defer a.mu.Unlock()
	a.browsers = append(a.browsers, browser{b, account})
}

func (a *actor) pushOn(b string, r recovery.Recovery) {
	act := applicant(a.dice.IntN(200))
	switch r.State {
	case recovery.Proving:
		if code := a.fetch(r.Account, "recovery.code"); code != "" {
			a.told("prove", a.recovery.Prove(a.ctx, act, b, code, a.owner(r.Account).snils))
			return
		}
		a.told("send code", a.recovery.SendCode(a.ctx, act, b, ownBrowser(r.Account)))
	case recovery.Approved:
		if code := a.fetch(r.Account, "recovery.finish_code"); code != "" {
			a.told("verify", a.recovery.Verify(a.ctx, act, b, code))
			return
		}
		a.told("send second code", a.recovery.SendCode(a.ctx, act, b, ownBrowser(r.Account)))
	case recovery.Awaiting:
		if id, _ := a.pick(`SELECT id, contact_id FROM approvals WHERE object_id = $1 AND state IN ('asked', 'checked', 'matched') ORDER BY asked_at DESC LIMIT 8`, r.ID); id != "" {
			a.pushApproval(id)
		}
	case recovery.Verified:
		a.complete(b, r.Account)
	}
}

func (a *actor) complete(b, account string) {
	password := a.newPassword()
	err := a.recovery.Complete(a.ctx, applicant(1), b, password)
	a.told("complete", err)
	if h := a.owner(account); err == nil && h != nil {
		a.mu.Lock()
		defer a.mu.Unlock()
		h.password = password
	}
}

// pick is one of the newest rows of a query that gives two texts.
func (a *actor) pick(query string, args ...any) (one, two string) {
	rows := a.rows(2, query, args...)
	if len(rows) == 0 {
		return "", ""
	}
	i := 0
	if a.flip(40) {
		i = a.dice.IntN(len(rows))
	}
	return rows[i][0], rows[i][1]
}

const anApproval = `SELECT id, contact_id FROM approvals ORDER BY asked_at DESC LIMIT 8`

// pushApproval does the contact's next right step.
func (a *actor) pushApproval(id string) {
	rows := a.rows(3, `SELECT contact_id, state, object_id FROM approvals WHERE id = $1`, id)
	if len(rows) == 0 {
		return
	}
	h, object := a.owner(rows[0][0]), rows[0][2]
	in := a.sessionOf(h)
	switch rows[0][1] {
	case "asked":
		yes := [trust.Questions]trust.Answer{trust.Yes, trust.Yes, trust.Yes, trust.Yes, trust.Yes}
		a.told("answer", a.decisions.Answer(a.ctx, by(h), h.id, id, yes))
	case "checked":
		a.told("match", a.decisions.TypeMatch(a.ctx, by(h), h.id, id, a.Keys.MatchNumber(object)))
	case "matched":
		if code := a.fetch(h.id, "approval.code"); code != "" {
			a.told("approve", a.decisions.Approve(a.ctx, by(h), h.id, in, id, code))
			return
		}
		a.told("contact's code", a.decisions.SendCode(a.ctx, by(h), h.id, in, id))
	}
}

// sessionOf is the person's newest session, whether or not it still lives.
func (a *actor) sessionOf(h *citizen) string {
	a.mu.Lock()
	defer a.mu.Unlock()
	if n := len(h.cookies); n > 0 {
		return h.cookies[n-1].session
	}
	return "no session of " + h.id
}

func (a *actor) strangeCode() string {
	a.ledger.mu.Lock()
	defer a.ledger.mu.Unlock()
	if n := len(a.ledger.secrets); n > 0 && a.flip(60) { // the attacker has looked over every shoulder
		return a.ledger.secrets[n-1-a.dice.IntN(min(n, 30))]
	}
	return "000000"
}

func (a *actor) applicantActs() {
	some := a.recentBrowsers()
	if len(some) == 0 || a.flip(25) {
		h := a.anybody()
		a.begin([]string{h.phone, h.snils, "+79990000000"}[a.dice.IntN(3)], h.id, "")
		return
	}
	b := some[a.dice.IntN(min(len(some), 8))].secret
	if a.flip(5) {
		b = "a cookie nobody was given"
	}
	act := applicant(a.dice.IntN(200))
	switch a.dice.IntN(6) {
	case 0:
		a.told("prove", a.recovery.Prove(a.ctx, act, b, a.strangeCode(), a.anybody().snils))
	case 1:
		a.told("verify", a.recovery.Verify(a.ctx, act, b, a.strangeCode()))
	case 2:
		if r, err := a.of(b); err == nil {
			a.complete(b, r.Account)
		}
	case 3:
		a.told("send code", a.recovery.SendCode(a.ctx, act, b, ""))
	case 4:
		if a.flip(30) {
			a.told("cancel", a.recovery.Cancel(a.ctx, act, b))
		}
	default:
		if r, err := a.of(b); err == nil && r.Account != "" {
			a.pushOn(b, r)
		}
	}
}

func (a *actor) contactActs() {
	id, contact := a.pick(anApproval)
	if id == "" {
		return
	}
	h := a.owner(contact)
	if a.flip(10) {
		h = a.anybody()
	}
	in := a.sessionOf(h)
	stranger := func(what string, err error) {
		a.told(what, err)
		if h.id != contact && !fault.Is(err, fault.NotFound) && !fault.Is(err, fault.Invalid) && !errors.Is(err, errLost) {
			a.ledger.faultf("I9", "%s by a stranger: %v", what, err)
		}
	}
	switch k := a.dice.IntN(12); {
	case k < 2:
		var answers [trust.Questions]trust.Answer
		for i := range answers {
			answers[i] = []trust.Answer{trust.Yes, trust.Yes, trust.Yes, trust.Yes, trust.Yes, trust.No, trust.Unsure, ""}[a.dice.IntN(8)]
		}
		stranger("answer", a.decisions.Answer(a.ctx, by(h), h.id, id, answers))
	case k < 3:
		stranger("match", a.decisions.TypeMatch(a.ctx, by(h), h.id, id, fmt.Sprint(10+a.dice.IntN(90))))
	case k < 5:
		stranger("contact's code", a.decisions.SendCode(a.ctx, by(h), h.id, in, id))
	case k < 6:
		stranger("approve", a.decisions.Approve(a.ctx, by(h), h.id, in, id, a.strangeCode()))
	case k < 7 && a.flip(40):
		why := []trust.RejectReason{trust.ReasonFraud, trust.ReasonUnreachable, trust.ReasonOther, trust.ReasonMismatch, "?"}[a.dice.IntN(5)]
		stranger("reject", a.decisions.Reject(a.ctx, by(h), h.id, id, why))
	case k < 8:
		stranger("freeze for the principal", a.protect.FreezeForPrincipal(a.ctx, by(h), h.id, id))
	default:
		a.pushApproval(id)
	}
}

func (a *actor) linkActs() {
	p, q := a.anybody(), a.anybody()
	switch k := a.dice.IntN(14); {
	case k < 2:
		name, phone := q.given, q.phone
		if a.flip(20) {
			name, phone = "Никто", "+79990001122"
		}
		_, err := a.links.Invite(a.ctx, by(p), p.id, name, phone)
		a.told("invite", err)
		return
	case k < 5: // an old friend comes back, so that accounts stay guarded
		pair := pairs[a.dice.IntN(len(pairs))]
		p, q = a.folk[pair[0]], a.folk[pair[1]]
		id, err := a.links.Invite(a.ctx, by(p), p.id, q.given, q.phone)
		a.told("invite", err)
		if err == nil {
			a.told("accept", a.links.Accept(a.ctx, by(q), q.id, id))
		}
		return
	}
	rows := a.rows(4, `SELECT id, principal_id, contact_id, state FROM links WHERE ended_at IS NULL ORDER BY invited_at DESC LIMIT 12`)
	if len(rows) == 0 {
		return
	}
	row := rows[a.dice.IntN(len(rows))]
	id := row[0]
	p = a.owner(row[1])
	if c := a.owner(row[2]); c != nil && a.flip(70) {
		q = c
	}
	switch a.dice.IntN(9) {
	case 0:
		a.told("accept", a.links.Accept(a.ctx, by(q), q.id, id))
	case 1:
		a.told("decline", a.links.Decline(a.ctx, by(q), q.id, id, a.flip(20)))
	case 2:
		a.told("withdraw", a.links.Withdraw(a.ctx, by(p), p.id, id))
	case 3:
		if a.flip(50) {
			a.told("remove", a.links.Remove(a.ctx, by(p), p.id, id, a.flip(50)))
		}
	case 4, 5:
		who := []*citizen{p, q}[a.dice.IntN(2)]
		a.told("stay", a.links.Stay(a.ctx, by(who), who.id, id))
	case 6:
		if a.flip(25) {
			a.told("resign", a.links.Resign(a.ctx, by(q), q.id, id))
		}
	case 7:
		if a.flip(15) {
			a.told("end in person", a.links.EndInPerson(a.ctx, effect.Act{Actor: effect.Operator, ID: "operator"}, id))
		}
	default:
		a.told("review", a.links.Review(a.ctx, id))
	}
}

func (a *actor) ownerActs() {
	h := a.anybody()
	switch a.dice.IntN(12) {
	case 0:
		a.told("disown", a.recovery.Disown(a.ctx, by(h), h.id))
	case 1:
		a.told("it was me", a.recovery.WasMe(a.ctx, by(h), h.id))
	case 2:
		if a.flip(40) {
			a.told("freeze", a.protect.Freeze(a.ctx, by(h), h.id, trust.FrozenBySelf))
		}
	case 3:
		code := a.Keys.StopCode([]*citizen{h, a.anybody()}[a.dice.IntN(2)].id, a.Clock.Now())
		a.told("stop by code", a.stops.Stop(a.ctx, applicant(a.dice.IntN(200)), h.phone, code, a.flip(30)))
	case 4, 5, 6:
		if id, _ := a.pick(`SELECT id, state FROM accounts WHERE state = 'frozen' LIMIT 8`); id != "" {
			a.told("thaw", a.protect.ThawInPerson(a.ctx, effect.Act{Actor: effect.Operator, ID: "operator"}, id))
		}
	case 7:
		_, err := a.protect.Unfreeze(a.ctx, by(h), h.id, a.sessionOf(h))
		a.told("unfreeze", err)
	case 8:
		_, err := a.protect.Rehearse(a.ctx, by(h), h.id, a.sessionOf(h))
		a.told("rehearse", err)
	case 9:
		if id, of := a.pick(`SELECT id, account_id FROM guarded_actions ORDER BY started_at DESC LIMIT 8`); id != "" {
			err := a.protect.GiveUp(a.ctx, by(h), h.id, id)
			a.told("give up", err)
			if of != h.id && !fault.Is(err, fault.NotFound) && !errors.Is(err, errLost) {
				a.ledger.faultf("I9", "a stranger gave up an action: %v", err)
			}
		}
	default:
		if id, _ := a.pick(`SELECT id, contact_id FROM approvals WHERE action <> 'recovery' AND state IN ('asked', 'checked', 'matched') ORDER BY asked_at DESC LIMIT 8`); id != "" {
			a.pushApproval(id)
		}
	}
}

// sessionActs signs people in and out and changes passwords with a step-up, the one way that needs no contact.
func (a *actor) sessionActs() {
	h := a.anybody()
	a.mu.Lock()
	password, cookies := h.password, len(h.cookies)
	a.mu.Unlock()
	if cookies == 0 || a.flip(35) {
		a.signIn(h, password)
		return
	}
	a.mu.Lock()
	last := h.cookies[len(h.cookies)-1]
	a.mu.Unlock()
	auth, err := a.sessions.Authenticate(a.ctx, last.token)
	if err != nil {
		a.signIn(h, password)
		return
	}
	switch a.dice.IntN(6) {
	case 0:
		a.told("sign out", a.sessions.SignOut(a.ctx, by(h), auth))
	case 1:
		a.told("sign out everywhere", a.sessions.SignOutEverywhere(a.ctx, by(h), auth, a.flip(50)))
	case 2:
		a.newPasswordOf(h, auth, password)
	default:
		a.changePassword(h, auth, password)
	}
}

func (a *actor) signIn(h *citizen, password string) {
	a.Clock.Advance(time.Microsecond) // so that what began after a recovery is later than it
	begun, err := a.sessions.Begin(a.ctx, applicant(a.dice.IntN(200)), session.BeginInput{Identifier: h.phone, Password: password})
	a.told("begin to sign in", err)
	if err != nil {
		return
	}
	code := a.fetch(h.id, "sign_in.code")
	if code == "" {
		return
	}
	in, err := a.sessions.Enter(a.ctx, applicant(1), session.EnterInput{Token: begun.Token, Code: code})
	a.told("sign in", err)
	if err != nil {
		return
	}
	a.keep(h, in.Token, in.Session)
}

func (a *actor) keep(h *citizen, token string, s session.Session) {
	a.ledger.secret(token)
	a.ledger.saw("session")
	a.mu.Lock()
	defer a.mu.Unlock()
	h.cookies = append(h.cookies, cookie{token, s.ID, s.CreatedAt})
}

func (a *actor) changePassword(h *citizen, auth session.Auth, password string) {
	if _, err := a.sessions.BeginStepUp(a.ctx, by(h), auth, password, session.SMS); err != nil {
		a.told("begin a step-up", err)
		return
	}
	code := a.fetch(h.id, "step_up.code")
	if code == "" {
		return
	}
	fresh, err := a.Session(a.ctx, auth.Session.TokenHash)
	if err != nil {
		return
	}
	auth.Session = fresh
	auth, token, err := a.sessions.EnterStepUp(a.ctx, by(h), auth, code)
	a.told("step up", err)
	if err != nil {
		return
	}
	a.keep(h, token, auth.Session)
	if a.flip(50) {
		a.newPasswordOf(h, auth, password)
	}
}

// newPasswordOf changes the password as a signed-in person does: refused unless he has just stepped up (I1).
func (a *actor) newPasswordOf(h *citizen, auth session.Auth, password string) {
	fresh, next := auth.SteppedUp(a.Clock.Now(), a.p), a.newPassword()
	err := a.accounts.ChangePassword(a.ctx, by(h), auth.Caller(), password, next)
	a.told("change the password", err)
	switch {
	case err == nil && !fresh:
		a.ledger.faultf("I1", "the password of %s changed without a step-up", h.given)
	case err == nil:
		a.mu.Lock()
		defer a.mu.Unlock()
		h.password = next
	case !fresh:
		a.ledger.saw("no step-up, no password")
	}
}

// factsChange is what life, operators and imports do to a person; mostly back to normal, so that the city does not die out.
func (a *actor) factsChange() {
	h := a.anybody()
	now := a.Clock.Now().UnixMicro()
	set := func(query string, args ...any) {
		if err := a.exec(query, append([]any{h.id}, args...)...); err != nil && a.ctx.Err() == nil {
			a.t.Errorf("%s: %v", query, err)
		}
	}
	switch a.dice.IntN(10) {
	case 0:
		set(`UPDATE accounts SET phone_lost_at = $2, phone_current = FALSE WHERE id = $1`, now)
	case 1:
		set(`UPDATE accounts SET citizenship = 'BLR' WHERE id = $1`)
	case 2:
		set(`UPDATE accounts SET birth_date = '2011-03-01' WHERE id = $1`)
	case 3:
		set(`UPDATE accounts SET sim_changed_at = $2 WHERE id = $1`, now)
	case 4:
		set(`UPDATE accounts SET quorum = $2 WHERE id = $1`, 1+a.dice.IntN(2))
	case 5:
		set(`UPDATE accounts SET factor_changed_at = $2 WHERE id = $1`, now)
	default:
		for _, h = range a.folk {
			set(`UPDATE accounts SET phone_lost_at = NULL, phone_current = TRUE, phone_confirmed_at = $2, citizenship = 'RUS', birth_date = '1981-03-01' WHERE id = $1
				AND (phone_lost_at IS NOT NULL OR citizenship <> 'RUS' OR birth_date <> '1981-03-01')`, now)
		}
	}
}

func (a *actor) clockJumps() {
	var d time.Duration
	switch k := a.dice.IntN(20); {
	case k < 11:
		d = time.Duration(20+a.dice.IntN(100)) * time.Second
	case k < 15:
		d = time.Duration(1+a.dice.IntN(40)) * time.Minute
	case k < 18:
		d = time.Duration(1+a.dice.IntN(13)) * time.Hour
	default:
		d = time.Duration(24+a.dice.IntN(60)) * time.Hour
	}
	a.Clock.Advance(d)
}

// timersRun lets a worker do what is due: every timer by the road of a click, every message to its phone. A
// timer comes at least once: now and then one comes again, or before its time.
func (a *actor) timersRun() {
	if a.flip(40) {
		a.timerAgain()
		return
	}
	_, err := a.engine.RunDue(a.ctx)
	a.told("timers", err)
}

func (a *actor) timerAgain() {
	switch a.dice.IntN(3) {
	case 0:
		if id, _ := a.pick(`SELECT id, state FROM recoveries WHERE account_id IS NOT NULL ORDER BY started_at DESC LIMIT 12`); id != "" {
			a.told("the end of a recovery again", a.recovery.Expire(a.ctx, id))
		}
	case 1:
		if id, _ := a.pick(`SELECT id, state FROM guarded_actions ORDER BY started_at DESC LIMIT 8`); id != "" {
			a.told("the end of an action again", a.protect.Expire(a.ctx, id))
		}
	default:
		if id, _ := a.pick(`SELECT id, state FROM links ORDER BY invited_at DESC LIMIT 12`); id != "" {
			a.told("a link's timer again", errors.Join(a.links.LapseInvitation(a.ctx, id), a.links.Leave(a.ctx, id), a.links.Review(a.ctx, id)))
		}
	}
}

// race lets another act on the same recovery commit after a service has looked and before it decides (I3).
func (a *actor) race() {
	id, account := a.pick(`SELECT id, account_id FROM recoveries WHERE state IN ('awaiting_contact', 'approved', 'verified') ORDER BY started_at DESC LIMIT 6`)
	if id == "" {
		a.push()
		return
	}
	h := a.owner(account)
	acts := []func(){
		func() { a.told("disown", a.recovery.Disown(a.ctx, by(h), h.id)) },
		func() { a.told("it was me", a.recovery.WasMe(a.ctx, by(h), h.id)) },
		func() { a.told("the end of a recovery", a.recovery.Expire(a.ctx, id)) },
		func() {
			if asked, contact := a.pick(`SELECT id, contact_id FROM approvals WHERE object_id = $1`, id); asked != "" {
				a.told("reject", a.decisions.Reject(a.ctx, by(a.owner(contact)), contact, asked, trust.ReasonUnreachable))
			}
		},
	}
	for _, b := range a.recentBrowsers() {
		if r, err := a.of(b.secret); err == nil && r.ID == id {
			acts = append(acts,
				func() { a.pushOn(b.secret, r) },
				func() { a.pushOn(b.secret, r) },
				func() { a.told("cancel", a.recovery.Cancel(a.ctx, applicant(1), b.secret)) })
			break
		}
	}
	set := func(racer func()) {
		a.ledger.mu.Lock()
		defer a.ledger.mu.Unlock()
		a.ledger.between = racer
	}
	second := acts[a.dice.IntN(len(acts))]
	set(func() {
		a.ledger.saw("race")
		second()
	})
	acts[a.dice.IntN(len(acts))]()
	set(nil)
}

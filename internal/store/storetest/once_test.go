package storetest_test

import (
	"testing"
	"time"

	"doverie/internal/account"
	"doverie/internal/effect"
	"doverie/internal/fault"
	"doverie/internal/recovery"
	"doverie/internal/secret"
	"doverie/internal/session"
	"doverie/internal/store/storetest"
)

// uses is how many browsers use one secret at the same moment.
const uses = 50

// once is one secret that may be used once.
type once struct {
	use func(i int) error
	// done counts the change that a use makes.
	done func() int
	// silent secrets answer everybody alike, the stranger too (I6): only the change tells who won.
	silent bool
}

// Every one-time code, link and token: fifty parallel uses, one success, one change, and every loser is
// told that it is used up, in words for people (T23, I2).
func TestFiftyUsesOneSuccess(t *testing.T) {
	t.Parallel()
	for name, begin := range map[string]func(t *testing.T, p *storetest.People, w *world) once{
		"code of a registration":        onceRegistration,
		"code of a sign-in":             onceSignIn,
		"code of a code generator":      onceGenerator,
		"code of a step-up":             onceStepUp,
		"link to an e-mail address":     onceEmailLink,
		"first code of a recovery":      onceFirstCode,
		"second code of a recovery":     onceSecondCode,
		"new password of a recovery":    onceNewPassword,
		"code of the contact":           onceContactCode,
		"invitation":                    onceInvitation,
		"stop link of a notice":         onceStopLink,
		"stop code of a notice":         onceStopCode,
		"first code of two recoveries":  onceTwoRecoveries,
		"link to an e-mail, two of one": onceTwoEmailLinks,
		"code of a new phone":           onceNewPhone,
		"challenge of a passkey":        onceChallenge,
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			storetest.Each(t, func(t *testing.T, db *storetest.DB) {
				w := newWorld(t, db)
				one := begin(t, storetest.NewPeople(t, db), w)
				before := one.done()
				won := 0
				for _, err := range storetest.Parallel(uses, one.use) {
					switch f := fault.Of(err); {
					case err == nil:
						won++
					case f.Kind == fault.Internal || f.Kind == fault.Busy:
						t.Errorf("a loser was told %v", err)
					}
				}
				if n := one.done() - before; n != 1 || (!one.silent && won != 1) {
					t.Errorf("%d uses of %d succeeded, and changed %d things", won, uses, n)
				}
				w.auditClean()
			})
		})
	}
}

// events counts the events of a kind.
func (w *world) events(kind string) func() int {
	return func() int { return w.Count(w.t, `SELECT COUNT(seq) FROM events WHERE kind = $1`, kind) }
}

const heroPhone = "+79131234567"

func onceRegistration(t *testing.T, p *storetest.People, w *world) once {
	opened, err := p.Accounts.Register(t.Context(), storetest.Act(), account.RegisterInput{
		Family: "Петрова", Given: "Вера", Phone: heroPhone, Password: storetest.Password, Locale: "ru",
	})
	w.must(err)
	code := p.Code(t, "register.code")
	return once{func(int) error {
		_, err := p.Accounts.EnterRegistrationCode(t.Context(), storetest.Act(), opened.Token, code)
		return err
	}, func() int { return w.Count(t, `SELECT COUNT(id) FROM accounts`) }, false}
}

func sessionsOpen(w *world) func() int {
	return func() int { return w.Count(w.t, `SELECT COUNT(id) FROM sessions WHERE ended_at IS NULL`) }
}

func onceSignIn(t *testing.T, p *storetest.People, w *world) once {
	p.Register(t, "Вера", heroPhone)
	begun, err := p.Sessions.Begin(t.Context(), storetest.Act(), session.BeginInput{Identifier: heroPhone, Password: storetest.Password})
	w.must(err)
	code := p.Code(t, "sign_in.code")
	return once{func(int) error {
		_, err := p.Sessions.Enter(t.Context(), storetest.Act(), session.EnterInput{Token: begun.Token, Code: code})
		return err
	}, sessionsOpen(w), false}
}

// One number of a code generator is typed into eight sign-ins of one person, in fifty browsers.
func onceGenerator(t *testing.T, p *storetest.People, w *world) once {
	a := p.Register(t, "Вера", heroPhone)
	auth, _ := p.StepUp(t, p.SignIn(t, heroPhone).Auth)
	caller := account.Caller{Account: a.ID, Session: auth.Session.ID, StepUpAt: auth.Session.StepUpAt}
	_, err := p.Accounts.EnrolTOTP(t.Context(), storetest.ActOf(a.ID), caller)
	w.must(err)
	stored, err := p.Account(t.Context(), a.ID)
	w.must(err)
	key, err := p.Keys.Open("totp", []byte(a.ID), stored.TOTP.Key)
	w.must(err)
	w.must(p.Accounts.ConfirmTOTP(t.Context(), storetest.ActOf(a.ID), caller, secret.TOTPCode(key, p.Clock.Now())))
	p.Clock.Advance(time.Hour) // past the limits of its sign-ins, which are not what is tested here
	number := secret.TOTPCode(key, p.Clock.Now())
	tokens := make([]string, 8) // as many as one account may begin in an hour, almost
	for i := range tokens {
		begun, err := p.Sessions.Begin(t.Context(), storetest.Act(), session.BeginInput{Identifier: heroPhone, Password: storetest.Password})
		w.must(err)
		tokens[i] = begun.Token
	}
	return once{func(i int) error {
		_, err := p.Sessions.Enter(t.Context(), storetest.Act(), session.EnterInput{Token: tokens[i%len(tokens)], Code: number})
		return err
	}, sessionsOpen(w), false}
}

func onceStepUp(t *testing.T, p *storetest.People, w *world) once {
	a := p.Register(t, "Вера", heroPhone)
	auth := p.SignIn(t, heroPhone).Auth
	_, err := p.Sessions.BeginStepUp(t.Context(), storetest.ActOf(a.ID), auth, storetest.Password, session.SMS)
	w.must(err)
	auth, code := p.Reload(t, auth), p.Code(t, "step_up.code")
	return once{func(int) error {
		_, _, err := p.Sessions.EnterStepUp(t.Context(), storetest.ActOf(a.ID), auth, code)
		return err
	}, w.events("session.stepped_up"), false}
}

// emailLink asks for a link to the address and returns its token.
func emailLink(t *testing.T, p *storetest.People, w *world, email string) string {
	a, err := p.FindAccount(t.Context(), account.Identifier{Kind: account.ByPhone, Value: heroPhone})
	w.must(err)
	auth, _ := p.StepUp(t, p.SignIn(t, heroPhone).Auth)
	w.must(p.Accounts.RequestEmail(t.Context(), storetest.ActOf(a.ID),
		account.Caller{Account: a.ID, Session: auth.Session.ID, StepUpAt: auth.Session.StepUpAt}, email))
	sent := p.Sent("email.verify_link")
	const start = "/email/verify?t="
	return sent[len(sent)-1].Args["link"][len(start):]
}

func onceEmailLink(t *testing.T, p *storetest.People, w *world) once {
	p.Register(t, "Вера", heroPhone)
	token := emailLink(t, p, w, "vera@example.org")
	return once{func(int) error {
		return p.Accounts.VerifyEmail(t.Context(), storetest.Act(), token)
	}, w.events("account.email_verified"), false}
}

// Two people ask for one address, and both links are pressed: the mailbox goes to one of them.
func onceTwoEmailLinks(t *testing.T, p *storetest.People, w *world) once {
	p.Register(t, "Вера", heroPhone)
	first := emailLink(t, p, w, "vera@example.org")
	other := p.Register(t, "Анна", "+79131234568")
	auth, _ := p.StepUp(t, p.SignIn(t, other.Phone).Auth)
	w.must(p.Accounts.RequestEmail(t.Context(), storetest.ActOf(other.ID),
		account.Caller{Account: other.ID, Session: auth.Session.ID, StepUpAt: auth.Session.StepUpAt}, "vera@example.org"))
	sent := p.Sent("email.verify_link")
	second := sent[len(sent)-1].Args["link"][len("/email/verify?t="):]
	tokens := []string{first, second}
	return once{func(i int) error {
		return p.Accounts.VerifyEmail(t.Context(), storetest.Act(), tokens[i%2])
	}, w.events("account.email_verified"), false}
}

func onceFirstCode(t *testing.T, _ *storetest.People, w *world) once {
	vera := w.Add(t, 1, storetest.Person{Given: "Вера"})
	browser, err := w.recovery.Start(t.Context(), person, vera.Phone, "")
	w.must(err)
	code := w.code(vera.ID, "recovery.code")
	return once{func(int) error {
		return w.recovery.Prove(t.Context(), person, browser, code, "")
	}, func() int { return w.Count(t, `SELECT COUNT(id) FROM recoveries WHERE state = 'approved'`) }, false} // nobody guards her: the way is free at once
}

// Two browsers have each proved a code of their own: one recovery is open after that, not two.
func onceTwoRecoveries(t *testing.T, _ *storetest.People, w *world) once {
	vera := w.Add(t, 1, storetest.Person{Given: "Вера"})
	w.linked(vera, w.Add(t, 2, storetest.Person{Given: "Алексей"}))
	type proof struct{ browser, code string }
	var both [2]proof
	for i := range both {
		browser, err := w.recovery.Start(t.Context(), person, vera.Phone, "")
		w.must(err)
		both[i] = proof{browser, w.code(vera.ID, "recovery.code")}
	}
	return once{func(i int) error {
		return w.recovery.Prove(t.Context(), person, both[i%2].browser, both[i%2].code, "")
	}, func() int {
		return w.Count(t, `SELECT COUNT(id) FROM recoveries WHERE account_id = $1 AND state = 'awaiting_contact'`, vera.ID)
	}, true} // each of the two codes is used once: the later one supersedes the older
}

func onceSecondCode(t *testing.T, _ *storetest.People, w *world) once {
	s := w.scene(0)
	w.must(w.decisions.Approve(t.Context(), person, s.alexey.ID, "session-1", s.approval, s.code))
	w.must(w.recovery.SendCode(t.Context(), person, s.browser, ""))
	code := w.code(s.vera.ID, "recovery.finish_code")
	return once{func(int) error {
		return w.recovery.Verify(t.Context(), person, s.browser, code)
	}, w.events("recovery.verified"), false}
}

func onceNewPassword(t *testing.T, _ *storetest.People, w *world) once {
	s := w.scene(0)
	w.verified(s)
	return once{func(int) error {
		return w.recovery.Complete(t.Context(), person, s.browser, "new password")
	}, w.events("recovery.completed"), false}
}

func onceContactCode(t *testing.T, _ *storetest.People, w *world) once {
	s := w.scene(0)
	return once{func(int) error {
		return w.decisions.Approve(t.Context(), person, s.alexey.ID, "session-1", s.approval, s.code)
	}, w.events("approval.approved"), false}
}

func onceInvitation(t *testing.T, _ *storetest.People, w *world) once {
	vera := w.Add(t, 1, storetest.Person{Given: "Вера"})
	alexey := w.Add(t, 2, storetest.Person{Given: "Алексей"})
	id, err := w.links.Invite(t.Context(), person, vera.ID, alexey.Given, alexey.Phone)
	w.must(err)
	return once{func(int) error {
		return w.links.Accept(t.Context(), person, alexey.ID, id)
	}, w.events("trust.accepted"), false}
}

func (w *world) stops() *recovery.Stops {
	return &recovery.Stops{Recoveries: w.recovery, Freezes: w.protect}
}

func onceStopLink(t *testing.T, _ *storetest.People, w *world) once {
	s := w.scene(0)
	signed := recovery.NotMeLink(w.Keys, s.vera.ID, w.Clock.Now(), w.p)[len(recovery.NotMePath):]
	return once{func(int) error {
		_, err := w.stops().StopByLink(t.Context(), person, signed, true)
		return err
	}, w.events("recovery.disowned"), true}
}

func onceStopCode(t *testing.T, _ *storetest.People, w *world) once {
	s := w.scene(0)
	code := w.Keys.StopCode(s.vera.ID, w.Clock.Now())
	return once{func(int) error {
		return w.stops().Stop(t.Context(), person, s.vera.Phone, code, true)
	}, w.events("account.frozen"), true}
}

func onceNewPhone(t *testing.T, _ *storetest.People, w *world) once {
	vera := w.Add(t, 1, storetest.Person{Given: "Вера"})
	phones := w.phones()
	id, err := phones.Start(t.Context(), person, vera.ID, "hers", typedPhone)
	w.must(err)
	w.must(phones.SendCode(t.Context(), person, vera.ID, id))
	code := w.code(vera.ID, "change_phone.code")
	return once{func(int) error {
		return phones.Enter(t.Context(), person, vera.ID, "hers", id, code)
	}, w.events("action.done"), false}
}

func onceChallenge(t *testing.T, _ *storetest.People, w *world) once {
	vera := w.Add(t, 1, storetest.Person{Given: "Вера"})
	apply := func(effects ...effect.Effect) error {
		return w.Apply(t.Context(), person, w.Clock.Now(), w.p.Version, effects)
	}
	w.must(apply(effect.IssueChallenge{
		ID: "challenge", Purpose: "approval", Bound: "request in a session", Account: vera.ID, Sealed: []byte("sealed"), ExpiresAt: w.Clock.Now().Add(time.Minute),
	}))
	return once{func(int) error {
		return apply(effect.UseChallenge{ID: "challenge", Purpose: "approval", Bound: "request in a session"},
			effect.Record{Kind: "approval.approved", Object: "approval:x", Subjects: []string{vera.ID}})
	}, w.events("approval.approved"), false}
}

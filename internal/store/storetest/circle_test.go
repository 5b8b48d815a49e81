package storetest_test

import (
	"context"
	"strings"
	"testing"
	"time"

	"doverie/internal/account"
	"doverie/internal/effect"
	"doverie/internal/fault"
	"doverie/internal/jobs"
	"doverie/internal/policy"
	"doverie/internal/recovery"
	"doverie/internal/secret"
	"doverie/internal/session"
	"doverie/internal/store"
	"doverie/internal/store/storetest"
	"doverie/internal/trust"
)

// world is the trust and recovery services over one real database, without the web.
type world struct {
	*storetest.DB
	t         *testing.T
	p         policy.Policy
	links     *trust.Links
	decisions *trust.Decisions
	protect   *trust.Protect
	recovery  *recovery.Service
}

// owners answers for accounts as the composition root does.
type owners struct {
	db *storetest.DB
	of *store.Trust
}

func (o owners) ByIdentifier(ctx context.Context, typed string) (recovery.Owner, error) {
	id, wrong := account.ParseIdentifier(typed)
	if wrong != "" {
		return recovery.Owner{}, fault.BadFields(fault.Field{Name: "identifier", Key: wrong})
	}
	a, err := o.db.FindAccount(ctx, id)
	if fault.Is(err, fault.NotFound) {
		return recovery.Owner{}, nil
	}
	return recovery.Owner{Account: a.ID}, err
}

func (o owners) Arrive(ctx context.Context, area, typed string, device []byte) (recovery.Owner, error) {
	id, wrong := account.ParseIdentifier(typed)
	if wrong != "" {
		return recovery.Owner{}, fault.BadFields(fault.Field{Name: "identifier", Key: wrong})
	}
	return o.of.Arrive(ctx, area, id, device)
}

func (owners) SNILS(typed string) string { return typed }

func (owners) HashNew(_ context.Context, _ recovery.Owner, password string) (string, error) {
	return "hash of " + password, nil
}

func newWorld(t *testing.T, db *storetest.DB) *world {
	t.Helper()
	p := policy.Default()
	s := store.NewTrust(db.Store, p)
	return &world{
		DB: db, t: t, p: p,
		links: &trust.Links{Circles: s, Newcomers: s, Limits: s, Keys: db.Keys, Policy: p,
			ParseInvited: func(name, phone string) (string, string, string, error) {
				return account.FoldName(name), phone, name + ", " + account.MaskPhone(phone), nil
			}},
		decisions: &trust.Decisions{Circles: s, Keys: db.Keys, Policy: p},
		protect:   &trust.Protect{Circles: s, Limits: s, Keys: db.Keys, Policy: p},
		recovery:  &recovery.Service{Circles: s, Owners: owners{db, s}, Attempts: s, Limits: s, Keys: db.Keys, Policy: p, Now: db.Clock.Now},
	}
}

var person = effect.Act{Actor: effect.Person, Area: "91.221.0.0/16", Device: "Chrome, Android"}

func (w *world) must(err error) {
	w.t.Helper()
	if err != nil {
		w.t.Fatal(err)
	}
}

// refused checks the public key of a refusal.
func (w *world) refused(err error, key string) {
	w.t.Helper()
	if !fault.HasKey(err, key) {
		w.t.Fatalf("want fault %s, got %v", key, err)
	}
}

// code reads the newest code of a kind from the outbox, as the phone would show it.
func (w *world) code(to, kind string) string {
	w.t.Helper()
	found := ""
	for { // of one phone only the oldest undelivered message can be claimed
		some, err := w.ClaimMessages(w.t.Context(), w.Clock.Now(), "test", 1000, time.Minute)
		w.must(err)
		if len(some) == 0 {
			break
		}
		for _, m := range some {
			if m.Account == to && m.Kind == kind {
				found = m.Args["code"]
			}
			w.must(w.SettleMessage(w.t.Context(), w.Clock.Now(), "test", m, jobs.Settlement{Outcome: jobs.Sent}))
		}
	}
	if found == "" {
		w.t.Fatalf("no %s for %s", kind, to)
	}
	return found
}

// linked makes the contact guard the principal, settled.
func (w *world) linked(principal, contact account.Account) (linkID string) {
	w.t.Helper()
	id, err := w.links.Invite(w.t.Context(), person, principal.ID, contact.Given, contact.Phone)
	w.must(err)
	w.must(w.links.TellInvited(w.t.Context(), id))
	w.must(w.links.Accept(w.t.Context(), person, contact.ID, id))
	w.Clock.Advance(w.p.Settling)
	return id
}

// asked starts a recovery and proves it, and returns the browser's secret and the contact's request.
func (w *world) asked(principal, contact account.Account) (browser, approval string) {
	w.t.Helper()
	browser, err := w.recovery.Start(w.t.Context(), person, principal.Phone, "")
	w.must(err)
	w.must(w.recovery.Prove(w.t.Context(), person, browser, w.code(principal.ID, "recovery.code"), ""))
	err = w.Read(w.t.Context(), func(ctx context.Context, q store.Querier) error {
		return q.QueryRow(ctx, `SELECT id FROM approvals WHERE contact_id = $1 AND state = 'asked'`, contact.ID).Scan(&approval)
	})
	w.must(err)
	return browser, approval
}

var allYes = [trust.Questions]trust.Answer{trust.Yes, trust.Yes, trust.Yes, trust.Yes, trust.Yes}

// walked takes the contact to the step where his own code is typed, and returns that code.
func (w *world) walked(browser string, contact account.Account, approval string) string {
	w.t.Helper()
	ctx := w.t.Context()
	w.must(w.decisions.Answer(ctx, person, contact.ID, approval, allYes))
	v, err := w.recovery.View(ctx, browser)
	w.must(err)
	w.must(w.decisions.TypeMatch(ctx, person, contact.ID, approval, v.Match))
	w.must(w.decisions.SendCode(ctx, person, contact.ID, "session-1", approval))
	return w.code(contact.ID, "approval.code")
}

func TestTheLettersStory(t *testing.T) {
	storetest.Each(t, func(t *testing.T, db *storetest.DB) {
		w := newWorld(t, db)
		ctx := t.Context()
		vera := db.Add(t, 1, storetest.Person{Given: "Вера", Patronymic: "Петровна", Born: "1954-03-08", PasswordHash: "old"})
		alexey := db.Add(t, 2, storetest.Person{Given: "Алексей", PasswordHash: "his"})
		w.linked(vera, alexey)
		browser, approval := w.asked(vera, alexey)

		w.refused(w.recovery.Complete(ctx, person, browser, "new password"), "fault.recovery.state_awaiting_contact")
		w.refused(w.decisions.Approve(ctx, person, alexey.ID, "session-1", approval, "123456"), "fault.approval.state_asked")
		code := w.walked(browser, alexey, approval)
		w.refused(w.decisions.Approve(ctx, person, alexey.ID, "another session", approval, code), "fault.code.dead")
		w.refused(w.decisions.Approve(ctx, person, vera.ID, "session-1", approval, code), "fault.not_found")
		w.must(w.decisions.Approve(ctx, person, alexey.ID, "session-1", approval, code))
		w.refused(w.decisions.Approve(ctx, person, alexey.ID, "session-1", approval, code), "fault.approval.state_approved")

		w.must(w.recovery.SendCode(ctx, person, browser, ""))
		w.must(w.recovery.Verify(ctx, person, browser, w.code(vera.ID, "recovery.finish_code")))
		w.must(w.recovery.Complete(ctx, person, browser, "new password"))
		after, err := db.Account(ctx, vera.ID)
		w.must(err)
		if after.PasswordHash != "hash of new password" || !after.HoldUntil.Equal(db.Clock.Now().Add(w.p.Hold)) {
			t.Fatalf("after completion: hash %q, hold until %v", after.PasswordHash, after.HoldUntil)
		}
		w.refused(w.recovery.Complete(ctx, person, browser, "again"), "fault.recovery.state_completed")
		w.refused(w.decisions.Reject(ctx, person, alexey.ID, approval, trust.ReasonFraud), "fault.approval.over")
		// Was the contact deceived? Until the hold is over he may still freeze, as his own notice says.
		w.must(w.protect.FreezeForPrincipal(ctx, person, alexey.ID, approval))
		w.must(w.protect.ThawInPerson(ctx, person, vera.ID))
		w.Clock.Advance(w.p.Hold)
		w.refused(w.protect.FreezeForPrincipal(ctx, person, alexey.ID, approval), "fault.freeze.not_offered")
		w.auditClean()
	})
}

func TestFraudLocksAndFreezes(t *testing.T) {
	storetest.Each(t, func(t *testing.T, db *storetest.DB) {
		w := newWorld(t, db)
		ctx := t.Context()
		vera := db.Add(t, 1, storetest.Person{Given: "Вера", PasswordHash: "old"})
		alexey := db.Add(t, 2, storetest.Person{Given: "Алексей"})
		w.linked(vera, alexey)
		browser, approval := w.asked(vera, alexey)
		w.refused(w.protect.FreezeForPrincipal(ctx, person, alexey.ID, approval), "fault.freeze.not_offered")
		w.must(w.decisions.Reject(ctx, person, alexey.ID, approval, trust.ReasonFraud))
		v, err := w.recovery.View(ctx, browser)
		w.must(err)
		if v.State != recovery.Rejected || v.Match != "" {
			t.Fatalf("after the rejection: %+v", v)
		}
		w.must(w.protect.FreezeForPrincipal(ctx, person, alexey.ID, approval))

		// Another start proves itself and is told that the account is frozen; nobody is asked.
		again, err := w.recovery.Start(ctx, person, vera.Phone, "")
		w.must(err)
		w.must(w.recovery.Prove(ctx, person, again, w.code(vera.ID, "recovery.code"), ""))
		if v, err = w.recovery.View(ctx, again); err != nil || v.State != recovery.LockedOut || v.EndReason != recovery.WhyFrozen {
			t.Fatalf("recovery of a frozen account: %+v, %v", v, err)
		}

		// Lifting it takes the contact, by the same steps.
		id, err := w.protect.Unfreeze(ctx, person, vera.ID, "hers")
		w.must(err)
		waiting, ok, err := w.protect.Waiting(ctx, vera.ID, "hers", trust.ActionUnfreeze)
		if err != nil || !ok || waiting.Match == "" || waiting.Action.ID != id {
			t.Fatalf("waiting: %+v %v %v", waiting, ok, err)
		}
		if other, _, _ := w.protect.Waiting(ctx, vera.ID, "another", trust.ActionUnfreeze); other.Match != "" {
			t.Fatal("the match number is shown to another session")
		}
		var lift string
		w.must(w.Read(ctx, func(ctx context.Context, q store.Querier) error {
			return q.QueryRow(ctx, `SELECT id FROM approvals WHERE object_id = $1`, id).Scan(&lift)
		}))
		w.must(w.decisions.Answer(ctx, person, alexey.ID, lift, allYes))
		w.must(w.decisions.TypeMatch(ctx, person, alexey.ID, lift, waiting.Match))
		w.must(w.decisions.SendCode(ctx, person, alexey.ID, "s", lift))
		w.must(w.decisions.Approve(ctx, person, alexey.ID, "s", lift, w.code(alexey.ID, "approval.code")))
		after, err := db.Account(ctx, vera.ID)
		w.must(err)
		if after.State != account.Open {
			t.Fatalf("state after the approval: %s", after.State)
		}
	})
}

func TestSilenceNeverApproves(t *testing.T) {
	storetest.Each(t, func(t *testing.T, db *storetest.DB) {
		w := newWorld(t, db)
		vera := db.Add(t, 1, storetest.Person{Given: "Вера"})
		alexey := db.Add(t, 2, storetest.Person{Given: "Алексей"})
		w.linked(vera, alexey)
		browser, approval := w.asked(vera, alexey)
		r := db.Clock.Advance(w.p.RecoveryWait - time.Microsecond)
		w.must(w.recovery.Expire(t.Context(), w.only(`SELECT id FROM recoveries WHERE account_id = $1`, vera.ID)))
		if v, err := w.recovery.View(t.Context(), browser); err != nil || v.State != recovery.Awaiting {
			t.Fatalf("one microsecond early, at %v: %s", r, v.State)
		}
		db.Clock.Advance(time.Microsecond)
		w.refused(w.decisions.Answer(t.Context(), person, alexey.ID, approval, allYes), "fault.approval.over")
		w.must(w.recovery.Expire(t.Context(), w.only(`SELECT id FROM recoveries WHERE account_id = $1`, vera.ID)))
		if v, err := w.recovery.View(t.Context(), browser); err != nil || v.State != recovery.Expired {
			t.Fatalf("after 12 hours of silence: %s", v.State)
		}
	})
}

// only returns the one text a query gives.
func (w *world) only(query string, args ...any) (text string) {
	w.t.Helper()
	w.must(w.Read(w.t.Context(), func(ctx context.Context, q store.Querier) error {
		return q.QueryRow(ctx, query, args...).Scan(&text)
	}))
	return text
}

// The answers to a stranger are the same for a decoy: the same faults in the same order (I6).
func TestADecoyAnswersLikeAnybody(t *testing.T) {
	storetest.Each(t, func(t *testing.T, db *storetest.DB) {
		w := newWorld(t, db)
		vera := db.Add(t, 1, storetest.Person{Given: "Вера"})
		script := func(phone string) string {
			var log strings.Builder
			browser, err := w.recovery.Start(t.Context(), person, phone, "")
			note := func(err error) {
				if err == nil {
					log.WriteString("ok ")
					return
				}
				log.WriteString(fault.Of(err).Key + " ")
			}
			note(err)
			note(w.recovery.SendCode(t.Context(), person, browser, ""))
			db.Clock.Advance(w.p.CodeResend)
			note(w.recovery.SendCode(t.Context(), person, browser, ""))
			for range w.p.CodeTries + 1 {
				note(w.recovery.Prove(t.Context(), person, browser, "not a code", ""))
			}
			note(w.recovery.Cancel(t.Context(), person, browser))
			return log.String()
		}
		owner, decoy := script(vera.Phone), script("+79990000000")
		if owner != decoy {
			t.Fatalf("real:  %s\ndecoy: %s", owner, decoy)
		}
		// What is written for nobody costs the same and is over at once: nothing of it is kept, nothing is sent.
		if n := db.Count(t, `SELECT COUNT(id) FROM outbox WHERE account_id IS NULL AND (state <> 'expired' OR args IS NOT NULL OR address IS NOT NULL)`); n != 0 {
			t.Fatalf("%d messages go to nobody's account", n)
		}
	})
}

func TestThePhoneHoldsOneApprovalCodeAndNoOther(t *testing.T) {
	storetest.Each(t, func(t *testing.T, db *storetest.DB) {
		w := newWorld(t, db)
		vera := db.Add(t, 1, storetest.Person{Given: "Вера"})
		alexey := db.Add(t, 2, storetest.Person{Given: "Алексей"})
		w.linked(vera, alexey)
		browser, approval := w.asked(vera, alexey)
		w.walked(browser, alexey, approval)
		// The reverse attack (T04): somebody starts a recovery of the contact's own account now.
		_, err := w.recovery.Start(t.Context(), person, alexey.Phone, "")
		w.must(err) // the stranger learns nothing
		if n := db.Count(t, `SELECT COUNT(id) FROM outbox WHERE account_id = $1 AND kind = 'recovery.code'`, alexey.ID); n != 0 {
			t.Fatalf("%d recovery codes went to a phone with a live approval code", n)
		}
	})
}

// auditClean proves that the chain of events is whole.
func (w *world) auditClean() {
	w.t.Helper()
	report, err := w.VerifyEvents(w.t.Context())
	w.must(err)
	if !report.Intact() {
		w.t.Fatalf("events: %+v", report)
	}
}

func TestViewsShowEachSideItsOwn(t *testing.T) {
	storetest.Each(t, func(t *testing.T, db *storetest.DB) {
		w := newWorld(t, db)
		ctx := t.Context()
		s := store.NewTrust(db.Store, w.p)
		vera := db.Add(t, 1, storetest.Person{Given: "Вера", Patronymic: "Петровна"})
		alexey := db.Add(t, 2, storetest.Person{Given: "Алёна"})
		stranger := db.Add(t, 3, storetest.Person{Given: "Олег"})
		id, err := w.links.Invite(ctx, person, vera.ID, "алена", alexey.Phone)
		w.must(err)
		for _, who := range []struct {
			account account.Account
			want    int
		}{{alexey, 1}, {stranger, 0}, {vera, 0}} {
			views, err := s.InvitationsFor(ctx, who.account.ID)
			w.must(err)
			if len(views) != who.want {
				t.Fatalf("%s sees %d invitations, want %d", who.account.Given, len(views), who.want)
			}
		}
		w.refused(w.links.Accept(ctx, person, stranger.ID, id), "fault.not_found")
		w.must(w.links.Accept(ctx, person, alexey.ID, id))
		mine, err := s.LinksOf(ctx, vera.ID)
		w.must(err)
		his, err := s.LinksOf(ctx, alexey.ID)
		w.must(err)
		if len(mine) != 1 || len(his) != 1 || mine[0].Other.Given != "Алёна" || his[0].Other.Polite() != "Вера Петровна" || his[0].Side != trust.ContactSide {
			t.Fatalf("links: %+v %+v", mine, his)
		}
		db.Clock.Advance(w.p.Settling)
		w.asked(vera, alexey)
		asked, err := s.ApprovalsOf(ctx, alexey.ID)
		w.must(err)
		none, err := s.ApprovalsOf(ctx, vera.ID)
		w.must(err)
		if len(asked) != 1 || !asked[0].Open || len(none) != 0 {
			t.Fatalf("requests: %+v %+v", asked, none)
		}
	})
}

// What the door brings along is the list of whoever's session it is, and of nobody else; it opens nothing.
func TestTheDoorBringsAListAlong(t *testing.T) {
	storetest.Each(t, func(t *testing.T, db *storetest.DB) {
		w := newWorld(t, db)
		s := store.NewTrust(db.Store, w.p)
		vera, alexey := db.Add(t, 1, storetest.Person{Given: "Вера"}), db.Add(t, 2, storetest.Person{Given: "Алексей"})
		w.linked(vera, alexey)
		w.asked(vera, alexey)
		now := db.Clock.Now()
		of := func(a account.Account) []byte {
			x := session.Session{
				ID: account.NewID(), TokenHash: secret.HashToken(secret.Token()), Account: a.ID, Kind: session.Full, CreatedAt: now, SeenAt: now,
				ExpiresAt: now.Add(time.Hour), Version: 1,
			}
			w.must(db.CommitSession(t.Context(), person, now, session.Change{Rules: "test", NewSession: &x}, nil))
			return x.TokenHash
		}
		statements := func(act func()) int64 {
			before := db.Stats().Statements()
			act()
			return db.Stats().Statements() - before
		}
		list := func(ctx context.Context, of account.Account) int {
			views, err := s.ApprovalsOf(ctx, of.ID)
			w.must(err)
			return len(views)
		}
		his := of(alexey)
		ctx := s.ApprovalsAlong(t.Context())
		if n := statements(func() { _, _, err := db.Authenticated(ctx, his); w.must(err) }); n != 4 {
			t.Errorf("the door asked %d questions", n)
		}
		if n := statements(func() {
			if n := list(ctx, alexey); n != 1 {
				t.Errorf("his list has %d requests", n)
			}
		}); n != 0 {
			t.Errorf("his list was asked for again: %d questions", n)
		}
		if n := list(ctx, vera); n != 0 {
			t.Errorf("her list has %d requests, it is his", n)
		}
		if _, _, err := db.Authenticated(ctx, of(vera)); err != nil || list(ctx, vera) != 0 || list(ctx, alexey) != 1 {
			t.Errorf("another door, in the same context: %v", err)
		}
		if _, _, err := db.Authenticated(ctx, secret.HashToken("nobody's")); !fault.Is(err, fault.NotFound) {
			t.Errorf("nobody's session: %v", err)
		}
		for _, account := range []account.Account{alexey, vera} {
			if n := statements(func() { list(ctx, account) }); n != 2 {
				t.Errorf("nobody's session brought a list along")
			}
		}
		if n := statements(func() { _, _, err := db.Authenticated(t.Context(), his); w.must(err) }); n != 2 {
			t.Errorf("a page that wants none: %d questions", n)
		}
	})
}

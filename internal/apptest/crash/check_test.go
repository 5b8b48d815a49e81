package crash

import (
	"context"
	"strings"
	"testing"
	"time"

	"doverie/internal/jobs"
	"doverie/internal/store"
	"doverie/internal/store/storetest"
)

// kept says, for each step that was acknowledged, of which principals the database still knows it.
var kept = map[string]string{
	"start":          `SELECT account_id FROM recoveries WHERE account_id IS NOT NULL`,
	"prove":          `SELECT account_id FROM recoveries WHERE proven_at IS NOT NULL`,
	"cancel":         `SELECT account_id FROM recoveries WHERE state = 'cancelled'`,
	"sign-in":        `SELECT p.principal_id FROM approvals p JOIN sign_ins s ON s.account_id = p.contact_id`,
	"signed in":      `SELECT p.principal_id FROM approvals p JOIN sessions s ON s.account_id = p.contact_id`,
	"step-up":        `SELECT p.principal_id FROM approvals p JOIN codes c ON c.account_id = p.contact_id AND c.purpose = 'step_up'`,
	"stepped up":     `SELECT p.principal_id FROM approvals p JOIN sessions s ON s.account_id = p.contact_id AND s.step_up_at IS NOT NULL`,
	"answers":        ofApproval("checked"),
	"match":          ofApproval("matched"),
	"contact's code": ofApproval("code_sent"),
	"approve":        ofApproval("approved"),
	"reject":         ofApproval("rejected"),
	"second code":    `SELECT r.account_id FROM recoveries r JOIN codes c ON c.bound = r.id AND c.purpose = 'recovery_finish'`,
	"verify":         ofRecovery("verified"),
	"complete":       ofRecovery("completed"),
}

func ofApproval(event string) string {
	return `SELECT p.principal_id FROM approvals p JOIN events e ON e.object = 'approval:' || p.id AND e.kind = 'approval.` + event + `'`
}

func ofRecovery(event string) string {
	return `SELECT r.account_id FROM recoveries r JOIN events e ON e.object = 'recovery:' || r.id AND e.kind = 'recovery.` + event + `'`
}

const (
	eventsOfEnd = `(SELECT COUNT(e.seq) FROM events e WHERE e.object = 'recovery:' || r.id AND e.kind IN
		('recovery.completed', 'recovery.rejected', 'recovery.disowned', 'recovery.expired', 'recovery.cancelled', 'recovery.superseded', 'recovery.locked_out'))`
	timerOf   = `EXISTS (SELECT 1 FROM timers t WHERE t.kind = 'recovery.expire' AND t.object = r.id)`
	completed = `(SELECT COUNT(r.id) FROM recoveries r WHERE r.account_id = a.id AND r.state = 'completed')`
)

func noMessage(key string) string {
	return `NOT EXISTS (SELECT 1 FROM outbox o WHERE o.key = ` + key + `)`
}

// half counts what a commit that was cut in two would leave.
var half = map[string]string{
	"a recovery that ended without its one event": `SELECT COUNT(r.id) FROM recoveries r WHERE r.ended_at IS NOT NULL AND
		(` + eventsOfEnd + ` <> 1 OR NOT EXISTS (SELECT 1 FROM events e WHERE e.object = 'recovery:' || r.id AND e.kind = 'recovery.' || r.state))`,
	"an event of an end, and the recovery goes on": `SELECT COUNT(r.id) FROM recoveries r WHERE r.ended_at IS NULL AND ` + eventsOfEnd + ` <> 0`,
	"a proof without its event, or the reverse": `SELECT COUNT(r.id) FROM recoveries r WHERE (r.proven_at IS NOT NULL) <>
		EXISTS (SELECT 1 FROM events e WHERE e.object = 'recovery:' || r.id AND e.kind = 'recovery.proven')`,
	"a proof without its code, or the reverse": `SELECT COUNT(c.id) FROM codes c JOIN recoveries r ON r.id = c.bound
		WHERE c.purpose = 'recovery_prove' AND (c.state = 'used') <> (r.proven_at IS NOT NULL)`,
	"a recovery that goes on without its timer": `SELECT COUNT(r.id) FROM recoveries r WHERE r.ended_at IS NULL AND NOT ` + timerOf,
	"a timer of a recovery that ended":          `SELECT COUNT(r.id) FROM recoveries r WHERE r.ended_at IS NOT NULL AND ` + timerOf,
	"a request that nobody was asked":           `SELECT COUNT(p.id) FROM approvals p WHERE ` + noMessage(`p.id || ':asked'`),
	"an approval without its message":           `SELECT COUNT(e.seq) FROM events e JOIN recoveries r ON e.object = 'recovery:' || r.id WHERE e.kind = 'recovery.approved' AND ` + noMessage(`r.id || ':recovery.approved'`),
	"a completion the principal was not told":   `SELECT COUNT(r.id) FROM recoveries r WHERE r.state = 'completed' AND ` + noMessage(`r.id || ':recovery.completed'`),
	"a completion the contact was not told":     `SELECT COUNT(r.id) FROM recoveries r JOIN approvals p ON p.object_id = r.id WHERE r.state = 'completed' AND ` + noMessage(`r.id || ':completed:' || p.contact_id`),
	"a rejection the principal was not told":    `SELECT COUNT(r.id) FROM recoveries r WHERE r.state = 'rejected' AND ` + noMessage(`r.id || ':recovery.fraud'`),
	"a rejection that did not lock the account": `SELECT COUNT(r.id) FROM recoveries r JOIN accounts a ON a.id = r.account_id WHERE r.state = 'rejected' AND a.recovery_locked_until IS NULL`,
	"a completion without its hold":             `SELECT COUNT(a.id) FROM accounts a WHERE ` + completed + ` <> 0 AND a.hold_until IS NULL`,
	"a decision on a request without its one event": `SELECT COUNT(p.id) FROM approvals p WHERE p.state IN ('approved', 'rejected', 'closed') AND
		(SELECT COUNT(e.seq) FROM events e WHERE e.object = 'approval:' || p.id AND e.kind = 'approval.' || p.state) <> 1`,
	"a step-up without a session": `SELECT COUNT(c.id) FROM codes c WHERE c.purpose = 'step_up' AND NOT EXISTS (SELECT 1 FROM sessions s WHERE s.id = c.bound)`,
}

// check looks at what the crashes have left: no acknowledged decision is lost, nothing is half written,
// no message is lost, and the log of events is whole.
func check(t *testing.T, db *storetest.DB, heard *acknowledged, oldHash string) {
	t.Helper()
	for step := range heard.of {
		query, known := kept[step]
		if !known {
			t.Fatalf("no query looks after the step %q", step)
		}
		stored := texts(t, db, query)
		for principal := range heard.heardBy(step) {
			if !stored[principal] {
				t.Errorf("%s of %s was acknowledged, and is lost", step, principal)
			}
		}
	}
	for what, query := range half {
		if n := db.Count(t, query); n != 0 {
			t.Errorf("%d times %s", n, what)
		}
	}
	if n := db.Count(t, `SELECT COUNT(a.id) FROM accounts a WHERE (CASE WHEN a.password_hash <> $1 THEN 1 ELSE 0 END) <> `+completed, oldHash); n != 0 {
		t.Errorf("%d passwords changed without a completed recovery, or the reverse", n)
	}
	deliverRest(t, db)
	if n := db.Count(t, `SELECT COUNT(id) FROM outbox WHERE done_at IS NULL`); n != 0 {
		t.Errorf("%d messages are stuck", n)
	}
	if n := db.Count(t, `SELECT COUNT(id) FROM outbox WHERE carries_code = FALSE AND state <> 'sent'`); n != 0 {
		t.Errorf("%d messages that carry no code were not delivered", n)
	}
	t.Logf("messages: %d delivered, %d codes of unknown fate (their server died with them in its hands), %d codes too late to send",
		db.Count(t, `SELECT COUNT(id) FROM outbox WHERE state = 'sent'`), db.Count(t, `SELECT COUNT(id) FROM outbox WHERE state = 'unknown'`),
		db.Count(t, `SELECT COUNT(id) FROM outbox WHERE state = 'expired'`))
}

// deliverRest is another process that comes when the leases of the dead have run out.
func deliverRest(t *testing.T, db *storetest.DB) {
	t.Helper()
	now := time.Now().Add(30 * time.Minute)
	for {
		some, err := db.ClaimMessages(t.Context(), now, "the heir", 500, time.Minute)
		if err != nil {
			t.Fatal(err)
		}
		if len(some) == 0 {
			return
		}
		for _, m := range some {
			if err := db.SettleMessage(t.Context(), now, "the heir", m, jobs.Settlement{Outcome: jobs.Sent}); err != nil {
				t.Fatal(err)
			}
		}
	}
}

func texts(t *testing.T, db *storetest.DB, query string) map[string]bool {
	t.Helper()
	found := map[string]bool{}
	err := db.Read(t.Context(), func(ctx context.Context, q store.Querier) error {
		all, err := store.Collect(func(row func(...any) error) (text string, err error) { err = row(&text); return text, err })(q.Query(ctx, query))
		for _, one := range all {
			found[strings.TrimSpace(one)] = true
		}
		return err
	})
	if err != nil {
		t.Fatalf("%s: %v", query, err)
	}
	return found
}

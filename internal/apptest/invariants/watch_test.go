package invariants_test

import (
	"bytes"
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"doverie/internal/effect"
	"doverie/internal/fault"
	"doverie/internal/recovery"
	"doverie/internal/store"
)

func (c *city) exec(query string, args ...any) error {
	return c.InTx(c.ctx, func(ctx context.Context, tx *store.Tx) error {
		_, err := tx.Exec(ctx, query, args...)
		return err
	})
}

// answer is what a person is told: the kind, the key, the fields and the arguments of a fault.
func answer(err error) string {
	if err == nil {
		return "ok"
	}
	f := fault.Of(err)
	return fmt.Sprint(f.Kind, f.Key, f.Args, f.Fields)
}

// twins is I6: a recovery of an account and one of nobody are driven by the same acts of somebody who does not
// hold the phone; every answer, every page, every kind of effect and the number of statements are the same.
func (a *actor) twins() {
	h := a.anybody()
	identifiers := []string{[]string{h.phone, h.snils}[a.dice.IntN(2)], "+79990000000"}
	var cookies, told, effects [2]string
	var statements [2]int64
	from := [2]effect.Act{applicant(210), applicant(211)}
	a.mu.Lock()
	for i := range from { // networks that nobody came from before: the counters of a network are the stranger's own doing
		a.made++
		from[i].Area = fmt.Sprintf("172.%d.%d.0/24", a.made/250, a.made%250)
	}
	a.mu.Unlock()
	for i, identifier := range identifiers {
		ctx, stats := store.Measured(a.ctx)
		b, err := a.recovery.Start(ctx, from[i], identifier, "")
		cookies[i], told[i], effects[i], statements[i] = b, answer(err), a.kinds(), stats.Statements()
	}
	if told[0] != told[1] || effects[0] != effects[1] || statements[0] != statements[1] {
		a.ledger.faultf("I6", "start: %s with %s in %d statements, a decoy %s with %s in %d", told[0], effects[0], statements[0], told[1], effects[1], statements[1])
	}
	if told[0] != "ok" {
		return
	}
	a.ledger.saw("twin")
	a.ledger.secret(cookies[:]...)
	for range 1 + a.dice.IntN(8) {
		step := a.dice.IntN(3)
		for i, b := range cookies {
			ctx, stats := store.Measured(a.ctx)
			var err error
			switch step {
			case 0:
				err = a.recovery.Prove(ctx, from[i], b, "not a code", h.snils)
			case 1:
				err = a.recovery.SendCode(ctx, from[i], b, "")
			case 2:
				err = a.recovery.Verify(ctx, from[i], b, "123456")
			}
			v, errView := a.recovery.View(a.ctx, b)
			v.ID = "" // each has its own, and no page shows it
			told[i], statements[i] = answer(err)+fmt.Sprintf(" %+v ", v)+answer(errView), stats.Statements()
		}
		if told[0] != told[1] || statements[0] != statements[1] {
			a.ledger.faultf("I6", "act %d of a stranger, %d statements: %s\nof a decoy, %d statements: %s", step, statements[0], told[0], statements[1], told[1])
			return
		}
		a.Clock.Advance(time.Duration(a.dice.IntN(90)) * time.Second)
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	a.browsers = append(a.browsers, browser{cookies[0], h.id}, browser{cookies[1], ""})
}

func (c *city) kinds() string {
	c.ledger.mu.Lock()
	defer c.ledger.mu.Unlock()
	return c.ledger.judge.Kinds()
}

// look is I9: what a contact and an applicant are shown holds nobody's data beyond what they may know.
func (a *actor) look() {
	if id, contact := a.pick(anApproval); id != "" {
		principal := a.rows(1, `SELECT principal_id FROM approvals WHERE id = $1`, id)[0][0]
		for _, h := range a.folk {
			shown, err := a.decisions.Request(a.ctx, h.id, id)
			switch {
			case h.id != contact && !fault.Is(err, fault.NotFound):
				a.ledger.faultf("I9", "a stranger reads a request: %v", err)
			case h.id == contact && err != nil:
				a.ledger.faultf("I9", "the contact cannot read his request: %v", err)
			case h.id == contact:
				a.ledger.saw("looked")
				a.hidden("a request", shown, a.owner(principal))
			}
		}
	}
	some := a.recentBrowsers()
	if len(some) == 0 {
		return
	}
	b := some[a.dice.IntN(len(some))].secret
	v, err := a.recovery.View(a.ctx, b)
	if err != nil {
		a.ledger.faultf("I9", "the applicant's page: %v", err)
	}
	for _, h := range a.folk {
		a.hidden("the applicant's page", v, h, h.id)
	}
	if over := !v.EndedAt.IsZero(); (v.State == recovery.Proving || over) && (v.Match != "" || len(v.Contacts) > 0) {
		a.ledger.faultf("I9", "the applicant's page shows %q and %q while %s", v.Match, v.Contacts, v.State)
	}
}

func (a *actor) hidden(what string, shown any, h *citizen, more ...string) {
	text := fmt.Sprintf("%+v", shown)
	for _, datum := range append(more, h.phone, h.email, h.snils) {
		if datum != "" && strings.Contains(text, datum) {
			a.ledger.faultf("I9", "%s shows %s of %s", what, datum, h.given)
		}
	}
}

// loss loses the commit of one act: whoever acted must hear of it, and nothing may have changed (I8).
func (a *actor) loss() {
	before := a.versions()
	a.said = nil
	a.ledger.mu.Lock()
	a.ledger.fail = errLost
	a.ledger.mu.Unlock()
	[]func(){a.push, a.contactActs, a.linkActs, a.ownerActs}[a.dice.IntN(4)]()
	a.ledger.mu.Lock()
	lost := a.ledger.fail == nil
	a.ledger.fail = nil
	a.ledger.mu.Unlock()
	if !lost {
		return
	}
	a.ledger.saw("lost")
	if !slices.ContainsFunc(a.said, func(line string) bool { return strings.HasSuffix(line, errLost.Error()) }) {
		a.ledger.faultf("I8", "an act was acknowledged though its commit was lost: %v", a.said)
	}
	if len(a.said) == 1 && !slices.Equal(before, a.versions()) {
		a.ledger.faultf("I8", "a lost commit left something behind: %v", a.said)
	}
}

// versions is a fingerprint of every row that the judge judges, and of the history.
func (c *city) versions() []string {
	var out []string
	for _, table := range []string{"links", "approvals", "guarded_actions", "recoveries"} {
		out = append(out, c.rows(1, `SELECT CAST(COUNT(id) AS TEXT) || ':' || CAST(COALESCE(SUM(version), 0) AS TEXT) FROM `+table)[0][0])
	}
	return append(out, c.rows(1, `SELECT CAST(COUNT(seq) AS TEXT) FROM events`)[0][0])
}

// passwordsJudged is I1 in the tables themselves: a password changed only by a judged recovery or by its
// signed-in owner, and the newest one works.
func (c *city) passwordsJudged(before map[string]string) map[string]string {
	now := map[string]string{}
	for _, row := range c.rows(2, `SELECT id, password_hash FROM accounts`) {
		now[row[0]] = row[1]
	}
	c.ledger.mu.Lock()
	judged, changed := c.ledger.passwords, c.ledger.changed
	c.ledger.passwords, c.ledger.changed = map[string]int{}, map[string]bool{}
	completed := c.ledger.completed
	c.ledger.mu.Unlock()
	for id, hash := range now {
		if before == nil || before[id] == hash {
			continue
		}
		own := changed[id]
		if judged[id] == 0 || !own && !slices.Contains(completed, id) {
			c.ledger.faultf("I1", "the password of %s changed and nobody decided it", id)
		}
		if own {
			c.ledger.saw("password by its owner")
		}
		if ok, _, err := c.hasher.Verify(c.ctx, hash, c.owner(id).password); err != nil || !ok {
			c.ledger.faultf("I8", "the acknowledged password of %s does not work (%v)", id, err)
		}
	}
	return now
}

// nothingOldWorks is I4 at the doors: after a completed recovery no cookie, sign-in, device or code from before it works.
func (c *city) nothingOldWorks() {
	c.ledger.mu.Lock()
	completed := c.ledger.completed
	c.ledger.completed = nil
	c.ledger.mu.Unlock()
	for _, id := range completed {
		h := c.owner(id)
		if h == nil {
			continue
		}
		c.ledger.mu.Lock()
		at := c.ledger.judge.Recovered(id)
		c.ledger.mu.Unlock()
		c.mu.Lock()
		cookies := slices.Clone(h.cookies)
		c.mu.Unlock()
		for _, k := range cookies {
			if k.since.After(at) {
				continue
			}
			if _, err := c.sessions.Authenticate(c.ctx, k.token); !fault.Is(err, fault.SignIn) {
				c.ledger.faultf("I4", "a cookie of %s from before the recovery still works: %v", h.given, err)
			}
			c.ledger.saw("old cookie")
		}
		for what, query := range map[string]string{
			"session": `SELECT COUNT(id) FROM sessions WHERE account_id = $1 AND ended_at IS NULL AND created_at <= $2`,
			"sign-in": `SELECT COUNT(id) FROM sign_ins WHERE account_id = $1 AND state = 'pending' AND created_at <= $2`,
			"device":  `SELECT COUNT(id) FROM devices WHERE account_id = $1 AND ended_at IS NULL AND first_seen_at <= $2`,
			"action":  `SELECT COUNT(id) FROM guarded_actions WHERE account_id = $1 AND ended_at IS NULL AND started_at <= $2`,
		} {
			if n := c.Count(c.t, query, id, at.UnixMicro()); n > 0 {
				c.ledger.faultf("I4", "%d times a %s of %s survived the recovery", n, what, h.given)
			}
		}
	}
}

// checkpoint compares the ledger with the tables, verifies the history, and looks for secrets in every column (I3, I5, I7, I8).
func (c *city) checkpoint() {
	c.ledger.mu.Lock()
	if len(c.ledger.queue) > 0 {
		c.ledger.judge.Faultf("I8", "%d decisions have no end", len(c.ledger.queue))
	}
	want := map[string]string{}
	for _, x := range c.ledger.links {
		want["links "+x.ID] = fmt.Sprint(x.State, " ", x.Version)
	}
	for _, x := range c.ledger.approvals {
		want["approvals "+x.ID] = fmt.Sprint(x.State, " ", x.Version)
	}
	for _, x := range c.ledger.actions {
		want["guarded_actions "+x.ID] = fmt.Sprint(x.State, " ", x.Version)
	}
	for _, x := range c.ledger.recoveries {
		want["recoveries "+x.ID] = fmt.Sprint(x.State, " ", x.Version)
	}
	records, secrets := c.ledger.records, slices.Clone(c.ledger.secrets)
	c.ledger.mu.Unlock()

	found := 0
	for _, table := range []string{"links", "approvals", "guarded_actions", "recoveries"} {
		for _, row := range c.rows(3, `SELECT id, state, CAST(version AS TEXT) FROM `+table) {
			found++
			if got := row[1] + " " + row[2]; want[table+" "+row[0]] != got {
				c.ledger.faultf("I8", "%s %s is %s, and what was acknowledged is %q", table, row[0], got, want[table+" "+row[0]])
			}
		}
	}
	if found != len(want) {
		c.ledger.faultf("I8", "%d rows of %d acknowledged ones", found, len(want))
	}
	if n := c.Count(c.t, `SELECT COUNT(seq) FROM events`); n != records {
		c.ledger.faultf("I7", "%d events are stored, %d were committed", n, records)
	}
	if report, err := c.VerifyEvents(c.ctx); err != nil || !report.Intact() {
		c.ledger.faultf("I7", "the history is not whole: %+v, %v", report, err)
	}
	for query, what := range map[string]string{
		`SELECT account_id FROM recoveries WHERE state IN ('awaiting_contact', 'approved', 'verified') GROUP BY account_id HAVING COUNT(id) > 1`: "open recoveries of one account",
		`SELECT object FROM events WHERE kind IN ('recovery.completed', 'recovery.rejected', 'recovery.disowned', 'recovery.expired', 'recovery.cancelled',
			'recovery.superseded', 'recovery.locked_out') GROUP BY object HAVING COUNT(seq) > 1`: "ends of one recovery",
		`SELECT object FROM events WHERE kind = 'approval.approved' GROUP BY object HAVING COUNT(seq) > 1`: "times one approval was given",
	} {
		if rows := c.rows(1, query); len(rows) > 0 {
			c.ledger.faultf("I3", "several %s: %v", what, rows)
		}
	}
	c.noSecret(secrets)
}

// noSecret is I5: no column of no table holds a cookie, a password, or a code that has not been sent openly.
func (c *city) noSecret(secrets []string) {
	var everything bytes.Buffer
	for _, column := range []string{
		"events.facts", "events.object", "events.device", "links.label", "recoveries.end_reason", "recoveries.browser_hash", "sessions.token_hash", "sign_ins.token_hash",
		"devices.token_hash", "codes.hash", "codes.bound", "accounts.password_hash", "outbox.args", "outbox.address", "outbox.key", "timers.object", "guarded_actions.payload", "guarded_actions.session_id",
	} {
		table, name, _ := strings.Cut(column, ".")
		err := c.Read(c.ctx, func(ctx context.Context, q store.Querier) error {
			all, err := store.Collect(func(row func(...any) error) (b []byte, err error) {
				err = row(&b)
				return b, err
			})(q.Query(ctx, `SELECT `+name+` FROM `+table))
			for _, b := range all {
				everything.Write(b)
				everything.WriteByte('\n')
			}
			return err
		})
		if err != nil {
			c.t.Errorf("%s: %v", column, err)
		}
	}
	held := everything.Bytes()
	for _, one := range secrets {
		if len(one) > 6 && bytes.Contains(held, []byte(one)) {
			c.ledger.faultf("I5", "%q stands in the database in the clear", one)
		}
	}
	c.ledger.saw("secrets looked for")
}

// passwordsAfterMany judges the passwords after many acted at once: which of two acknowledged ones came last is
// then known to the store alone, but a change that nobody decided is still one.
func (c *city) passwordsAfterMany(before map[string]string) map[string]string {
	now := map[string]string{}
	for _, row := range c.rows(2, `SELECT id, password_hash FROM accounts`) {
		now[row[0]] = row[1]
	}
	c.ledger.mu.Lock()
	defer c.ledger.mu.Unlock()
	for id, hash := range now {
		if before[id] != hash && c.ledger.passwords[id] == 0 {
			c.ledger.judge.Faultf("I1", "the password of %s changed and nobody decided it", id)
		}
	}
	c.ledger.passwords, c.ledger.changed = map[string]int{}, map[string]bool{}
	return now
}

package storetest_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"doverie/internal/effect"
	"doverie/internal/fault"
	"doverie/internal/jobs"
	"doverie/internal/signals"
	"doverie/internal/store"
	"doverie/internal/store/storetest"
)

const logoutAddress = "https://water.example/logout"

// addClient registers a system with a stream of every event.
func addClient(t *testing.T, db *storetest.DB, id string, method signals.Method) signals.Stream {
	t.Helper()
	db.Exec(t, `INSERT INTO oidc_clients (id, name, kind, state, auth_method, secret_hash, redirect_uris, post_logout_uris, backchannel_logout_uri,
			subject_type, sector, scopes, id_token_alg, dpop_required, require_par, created_at, changed_at, version)
		VALUES ($1, $1, 'web', 'active', 'client_secret_basic', $2, 'https://water.example/callback', '', $3, 'pairwise', 'water.example', 'openid',
			'RS256', FALSE, FALSE, 1, 1, 1)`, id, []byte{1}, logoutAddress)
	x := signals.Stream{
		ID: "stream-" + id, Client: id, Status: signals.Enabled, Method: method, Requested: signals.Supported(),
		CreatedAt: db.Clock.Now(), ChangedAt: db.Clock.Now(), Version: 1,
	}
	if method == signals.Push {
		x.Endpoint, x.Authorization = "https://water.example/signals", "Bearer very-secret"
	}
	if err := db.CommitStream(t.Context(), effect.Act{Actor: effect.System}, db.Clock.Now(), signals.StreamChange{Rules: "1", After: &x}, nil); err != nil {
		t.Fatal(err)
	}
	return x
}

// agree gives the system a consent of the account, named by a subject of its own, and returns the consent's id.
func agree(t *testing.T, db *storetest.DB, client, account string) string {
	t.Helper()
	id := "grant-" + client + "-" + account
	db.Exec(t, `INSERT INTO oidc_grants (id, account_id, client_id, subject, scopes, claims, given_at, changed_at, expires_at, version)
		VALUES ($1, $2, $3, $4, 'openid', '', 1, 1, $5, 1)`, id, account, client, "sub-"+client+"-"+account, store.Micros(db.Clock.Now().Add(1000*time.Hour)))
	return id
}

func visit(t *testing.T, db *storetest.DB, sid, client, account string) {
	t.Helper()
	db.Exec(t, `INSERT INTO oidc_sessions (id, client_id, account_id, session_id, subject, started_at) VALUES ($1, $2, $3, $1, $4, 1)`,
		sid, client, account, "sub-"+client+"-"+account)
}

func tell(t *testing.T, db *storetest.DB, account, what, why string) {
	t.Helper()
	mustApply(t, db, effect.TellSystems{Account: account, What: what, Why: why})
}

// receivers takes deliveries as they come and may be told to fail.
type receivers struct {
	mu   sync.Mutex
	got  []signals.Delivery
	fail func(d signals.Delivery) (jobs.Outcome, error)
}

func (r *receivers) Deliver(_ context.Context, m jobs.Message) (jobs.Outcome, error) {
	d, err := signals.DeliveryOf(m)
	if err != nil {
		return jobs.Failed, err
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.fail != nil {
		if outcome, err := r.fail(d); outcome != jobs.Sent {
			return outcome, err
		}
	}
	r.got = append(r.got, d)
	return jobs.Sent, nil
}

// said lists what a system took: the last word of each event.
func (r *receivers) said(client string, kind signals.Kind) (all []string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, d := range r.got {
		if d.Client == client && d.Kind == kind {
			all = append(all, string(d.Event[strings.LastIndex(string(d.Event), "/")+1:])+" "+d.Subject)
		}
	}
	return all
}

func engine(t *testing.T, db *storetest.DB, r *receivers) *jobs.Engine {
	t.Helper()
	e, err := jobs.New(jobs.Config{Queue: store.SignalQueue{Store: db.Store}, Deliverer: r, Now: db.Clock.Now, Workers: 4, Poll: 10 * time.Millisecond})
	if err != nil {
		t.Fatal(err)
	}
	return e
}

func run(t *testing.T, e *jobs.Engine) {
	t.Helper()
	if _, err := e.RunDue(t.Context()); err != nil {
		t.Fatal(err)
	}
}

// Each system hears, in order and once, of the people who agreed to sign in to it, under its own name for them.
func TestSignalsReachWhomTheyConcern(t *testing.T) {
	t.Parallel()
	storetest.Each(t, func(t *testing.T, db *storetest.DB) {
		vera, other := db.Add(t, 1, storetest.Person{}), db.Add(t, 2, storetest.Person{})
		addClient(t, db, "water", signals.Push)
		addClient(t, db, "light", signals.Push)
		poll := addClient(t, db, "post", signals.Poll)
		agree(t, db, "water", vera.ID)
		agree(t, db, "light", other.ID)
		agree(t, db, "post", vera.ID)
		tell(t, db, vera.ID, "recovery-activated", "")
		tell(t, db, vera.ID, "account-disabled", "self")
		tell(t, db, vera.ID, "nobody knows this word", "")
		r := &receivers{}
		e := engine(t, db, r)
		run(t, e)
		run(t, e)
		sub := "sub-water-" + vera.ID
		if got, want := r.said("water", signals.SET), []string{"recovery-activated " + sub, "account-disabled " + sub, "session-revoked " + sub}; !slices.Equal(got, want) {
			t.Errorf("the system got %v, want %v", got, want)
		}
		if got := r.said("light", signals.SET); len(got) != 0 {
			t.Errorf("a system that does not know her got %v", got)
		}
		if open := db.Count(t, `SELECT COUNT(id) FROM system_notices WHERE drained_at IS NULL`); open != 0 {
			t.Errorf("%d notices are open", open)
		}
		if r.got[1].Txn == "" || r.got[1].Txn != r.got[2].Txn || r.got[0].Txn == r.got[1].Txn {
			t.Errorf("what belongs together is not told by txn: %+v", r.got)
		}
		waiting, more, err := db.WaitingFor(t.Context(), poll.ID, 2)
		if err != nil || len(waiting) != 2 || !more {
			t.Fatalf("the poll has %d, more %t, %v", len(waiting), more, err)
		}
		if err := db.Acknowledge(t.Context(), db.Clock.Now(), "stream-water", []string{waiting[0].ID}, nil); err != nil {
			t.Fatal(err)
		}
		if again, _, _ := db.WaitingFor(t.Context(), poll.ID, 2); again[0].ID != waiting[0].ID {
			t.Error("another stream acknowledged it")
		}
		if err := db.Acknowledge(t.Context(), db.Clock.Now(), poll.ID, []string{waiting[0].ID, "unknown\x00"}, map[string]string{waiting[1].ID: "jws"}); err != nil {
			t.Fatal(err)
		}
		if rest, more, _ := db.WaitingFor(t.Context(), poll.ID, 50); len(rest) != 1 || more || rest[0].Seq < waiting[1].Seq {
			t.Errorf("after the acknowledgement: %+v", rest)
		}
		lanes, err := db.SignalLanes(t.Context())
		if err != nil || len(lanes) != 1 || lanes[0].Client != "post" || lanes[0].Failed != 1 || lanes[0].Waiting != 1 {
			t.Errorf("an operator sees %+v, %v", lanes, err)
		}
	})
}

// A receiver that is down delays itself only, and gets everything in order when it is back.
func TestSignalsWaitForAReceiverThatIsDown(t *testing.T) {
	t.Parallel()
	storetest.Each(t, func(t *testing.T, db *storetest.DB) {
		vera := db.Add(t, 1, storetest.Person{})
		for _, client := range []string{"water", "light"} {
			addClient(t, db, client, signals.Push)
			agree(t, db, client, vera.ID)
		}
		r := &receivers{fail: func(d signals.Delivery) (jobs.Outcome, error) {
			if d.Client == "water" {
				return jobs.Retry, fault.New(fault.Busy, "fault.signals.unreachable", nil)
			}
			return jobs.Sent, nil
		}}
		e := engine(t, db, r)
		tell(t, db, vera.ID, "recovery-activated", "")
		run(t, e)
		tell(t, db, vera.ID, "credential-change", "recovery")
		tell(t, db, vera.ID, "session-revoked", "recovery")
		for range 20 {
			run(t, e)
			db.Clock.Advance(10 * time.Minute)
		}
		if got := r.said("light", signals.SET); len(got) != 3 {
			t.Errorf("the other system got %v", got)
		}
		if tried := db.Count(t, `SELECT COUNT(id) FROM signal_deliveries WHERE client_id = 'water' AND attempt > 0`); tried != 1 {
			t.Errorf("%d tokens were tried: the first must be taken before the next is sent", tried)
		}
		r.fail = nil
		for range 4 {
			db.Clock.Advance(20 * time.Minute)
			run(t, e)
		}
		sub := " sub-water-" + vera.ID
		if got, want := r.said("water", signals.SET), []string{"recovery-activated" + sub, "credential-change" + sub, "session-revoked" + sub}; !slices.Equal(got, want) {
			t.Errorf("when it is back it gets %v, want %v", got, want)
		}
	})
}

// What was given up does not hold up the rest, and an operator may send it again.
func TestSignalsGivenUp(t *testing.T) {
	t.Parallel()
	storetest.Each(t, func(t *testing.T, db *storetest.DB) {
		vera := db.Add(t, 1, storetest.Person{})
		addClient(t, db, "water", signals.Push)
		agree(t, db, "water", vera.ID)
		r := &receivers{fail: func(d signals.Delivery) (jobs.Outcome, error) {
			if d.Event == signals.RecoveryActivated {
				return jobs.Failed, fault.New(fault.Refused, "fault.signals.refused", nil)
			}
			return jobs.Sent, nil
		}}
		e := engine(t, db, r)
		tell(t, db, vera.ID, "recovery-activated", "")
		tell(t, db, vera.ID, "account-enabled", "")
		run(t, e)
		lanes, err := db.SignalLanes(t.Context())
		if err != nil || len(lanes) != 1 || lanes[0].Failed != 1 || lanes[0].Waiting != 0 || lanes[0].Problem != "fault.signals.refused" {
			t.Errorf("an operator sees %+v, %v", lanes, err)
		}
		r.fail = nil
		if n, err := db.RetrySignals(t.Context(), db.Clock.Now(), "water"); n != 1 || err != nil {
			t.Fatalf("%d are sent again, %v", n, err)
		}
		run(t, e)
		sub := " sub-water-" + vera.ID
		if got := r.said("water", signals.SET); !slices.Equal(got, []string{"account-enabled" + sub, "recovery-activated" + sub}) {
			t.Errorf("the system got %v", got)
		}
	})
}

// Consent decides who hears: not before it, not after it was withdrawn, but on after a recovery or a freeze cut it.
func TestSignalsFollowConsent(t *testing.T) {
	t.Parallel()
	storetest.Each(t, func(t *testing.T, db *storetest.DB) {
		vera := db.Add(t, 1, storetest.Person{})
		addClient(t, db, "water", signals.Push)
		r := &receivers{}
		e := engine(t, db, r)
		hears := func(when string, want int) {
			t.Helper()
			before := len(r.said("water", signals.SET))
			db.Clock.Advance(time.Second)
			tell(t, db, vera.ID, "account-enabled", "")
			run(t, e)
			if got := len(r.said("water", signals.SET)) - before; got != want {
				t.Errorf("%s: %d events, want %d", when, got, want)
			}
		}
		hears("before any consent", 0)
		id := agree(t, db, "water", vera.ID)
		hears("consented", 1)
		db.Exec(t, `UPDATE oidc_grants SET ended_at = $1, ended_why = 'recovery' WHERE id = $2`, store.Micros(db.Clock.Now()), id)
		hears("cut by a recovery", 1)
		db.Exec(t, `UPDATE oidc_grants SET ended_why = 'withdrawn' WHERE id = $1`, id)
		hears("withdrawn", 0)
		db.Exec(t, `UPDATE oidc_grants SET ended_at = NULL, ended_why = NULL WHERE id = $1`, id)
		if err := db.SetSubject(t.Context(), db.Clock.Now(), "stream-water", "sub-water-"+vera.ID, true, 2); err != nil {
			t.Fatal(err)
		}
		hears("removed by the receiver", 0)
		if err := db.SetSubject(t.Context(), db.Clock.Now(), "stream-water", "sub-water-"+vera.ID, false, 2); err != nil {
			t.Fatal(err)
		}
		hears("taken back in", 1)
		db.Exec(t, `UPDATE signal_streams SET status = 'disabled' WHERE client_id = 'water'`)
		hears("disabled", 0)
		db.Exec(t, `UPDATE signal_streams SET status = 'enabled' WHERE client_id = 'water'`)
		db.Exec(t, `UPDATE oidc_clients SET state = 'disabled' WHERE id = 'water'`)
		hears("the system is not served", 0)
	})
}

// Every ended visit becomes one logout token with its sid.
func TestEndedVisitsBecomeLogoutTokens(t *testing.T) {
	t.Parallel()
	storetest.Each(t, func(t *testing.T, db *storetest.DB) {
		vera := db.Add(t, 1, storetest.Person{})
		addClient(t, db, "water", signals.Poll)
		addClient(t, db, "mute", signals.Poll)
		db.Exec(t, `UPDATE oidc_clients SET backchannel_logout_uri = NULL WHERE id = 'mute'`)
		for _, sid := range []string{"a", "b"} {
			visit(t, db, sid, "water", vera.ID)
		}
		visit(t, db, "c", "mute", vera.ID)
		r := &receivers{}
		e := engine(t, db, r)
		run(t, e)
		if len(r.got) != 0 {
			t.Fatalf("live visits were told of: %+v", r.got)
		}
		mustApply(t, db, effect.EndSessions{Account: vera.ID, Why: "sign_out_everywhere"})
		run(t, e)
		run(t, e)
		var sids []string
		for _, d := range r.got {
			sids = append(sids, d.SID+" "+d.Subject+" "+d.Client)
		}
		slices.Sort(sids)
		want := []string{"a sub-water-" + vera.ID + " water", "b sub-water-" + vera.ID + " water"}
		if !slices.Equal(sids, want) {
			t.Errorf("told %v, want %v", sids, want)
		}
		if untold := db.Count(t, `SELECT COUNT(id) FROM oidc_sessions WHERE told_at IS NULL`); untold != 0 {
			t.Errorf("%d visits stay untold", untold)
		}
	})
}

// Four processes fan out and deliver at the same time, one of them dying before it settles: each token is made once,
// arrives in order, and is sent again under its own jti by another.
func TestSignalsRace(t *testing.T) {
	t.Parallel()
	storetest.Each(t, func(t *testing.T, db *storetest.DB) {
		vera := db.Add(t, 1, storetest.Person{})
		for _, client := range []string{"water", "light", "post"} {
			addClient(t, db, client, signals.Push)
			agree(t, db, client, vera.ID)
		}
		const n = 40
		r := &receivers{}
		var engines []*jobs.Engine
		for range 4 {
			engines = append(engines, engine(t, db, r))
		}
		ctx, stop := context.WithCancel(t.Context())
		var all sync.WaitGroup
		for _, e := range engines {
			all.Go(func() { e.Run(ctx) })
		}
		for _, err := range storetest.Parallel(n, func(i int) error {
			return db.Apply(ctx, effect.Act{Actor: effect.System}, db.Clock.Now(), "1", []effect.Effect{
				effect.TellSystems{Account: vera.ID, What: "credential-change", Why: fmt.Sprintf("%03d", i)},
			})
		}) {
			if err != nil {
				t.Error(err)
			}
		}
		deadline := time.After(40 * time.Second)
		for db.Count(t, `SELECT COUNT(id) FROM signal_deliveries WHERE state = 'delivered'`) < 3*n {
			select {
			case <-deadline:
				t.Fatalf("only %d of %d arrived", len(r.got), 3*n)
			case <-time.After(20 * time.Millisecond):
			}
		}
		stop()
		all.Wait()
		if made := db.Count(t, `SELECT COUNT(id) FROM signal_deliveries`); made != 3*n {
			t.Errorf("%d tokens were made, want %d", made, 3*n)
		}
		last, seen := map[string]int64{}, map[string]bool{}
		for _, d := range r.got {
			if d.Seq <= last[d.Client] {
				t.Errorf("%s got %d after %d", d.Client, d.Seq, last[d.Client])
			}
			if seen[d.ID] {
				t.Errorf("jti %s came twice, and nobody had died", d.ID)
			}
			last[d.Client], seen[d.ID] = d.Seq, true
		}
	})
}

// A process that dies between sending and settling leaves its token to another, which sends it under the same jti.
func TestSignalsAfterADeath(t *testing.T) {
	t.Parallel()
	storetest.Each(t, func(t *testing.T, db *storetest.DB) {
		vera := db.Add(t, 1, storetest.Person{})
		addClient(t, db, "water", signals.Push)
		agree(t, db, "water", vera.ID)
		tell(t, db, vera.ID, "account-enabled", "")
		tell(t, db, vera.ID, "account-purged", "")
		q := store.SignalQueue{Store: db.Store}
		dead, err := q.ClaimMessages(t.Context(), db.Clock.Now(), "dead", 8, time.Minute)
		if err != nil || len(dead) != 1 {
			t.Fatalf("claimed %v, %v: the second of the lane must wait", dead, err)
		}
		if again, err := q.ClaimMessages(t.Context(), db.Clock.Now(), "other", 8, time.Minute); len(again) != 0 || err != nil {
			t.Fatalf("claimed twice: %v, %v", again, err)
		}
		db.Clock.Advance(61 * time.Second)
		taken, err := q.ClaimMessages(t.Context(), db.Clock.Now(), "other", 8, time.Minute)
		if err != nil || len(taken) != 1 || taken[0].ID != dead[0].ID || taken[0].Attempt != 2 {
			t.Fatalf("the other takes over %+v, %v", taken, err)
		}
		if err := q.SettleMessage(t.Context(), db.Clock.Now(), "dead", dead[0], jobs.Settlement{Outcome: jobs.Failed}); !errors.Is(err, store.ErrGuard) {
			t.Errorf("the dead one settled: %v", err)
		}
		if err := q.SettleMessage(t.Context(), db.Clock.Now(), "other", taken[0], jobs.Settlement{Outcome: jobs.Sent}); err != nil {
			t.Fatal(err)
		}
		r := &receivers{}
		run(t, engine(t, db, r))
		if len(r.got) != 1 || r.got[0].Event != signals.AccountPurged {
			t.Errorf("next came %+v", r.got)
		}
	})
}

// A stream's secret is sealed, a change needs the version it was decided on, and what was deleted sends nothing more.
func TestSignalStreams(t *testing.T) {
	t.Parallel()
	storetest.Each(t, func(t *testing.T, db *storetest.DB) {
		vera := db.Add(t, 1, storetest.Person{})
		x := addClient(t, db, "water", signals.Push)
		agree(t, db, "water", vera.ID)
		read, err := db.StreamOf(t.Context(), "water")
		if err != nil || read.Authorization != x.Authorization || read.Endpoint != x.Endpoint || !slices.Equal(read.Requested, x.Requested) {
			t.Fatalf("read %+v, %v", read, err)
		}
		if n := db.Count(t, `SELECT COUNT(id) FROM signal_streams WHERE CAST(authorization_sealed AS TEXT) = 'Bearer very-secret'`); n != 0 {
			t.Error("the secret lies open")
		}
		act := effect.Act{Actor: effect.System}
		if err := db.CommitStream(t.Context(), act, db.Clock.Now(), signals.StreamChange{Rules: "1", After: &x}, nil); !fault.Is(err, fault.Conflict) {
			t.Errorf("a second stream of one system: %v", err)
		}
		stale := read
		stale.Version = 7
		after := read
		after.Status = signals.Paused
		if err := db.CommitStream(t.Context(), act, db.Clock.Now(), signals.StreamChange{Rules: "1", Before: &stale, After: &after}, nil); !fault.Is(err, fault.Conflict) {
			t.Errorf("a change decided on another version: %v", err)
		}
		if err := db.CommitStream(t.Context(), act, db.Clock.Now(), signals.StreamChange{Rules: "1", Before: &read, After: &after}, nil); err != nil {
			t.Fatal(err)
		}
		r := &receivers{}
		e := engine(t, db, r)
		tell(t, db, vera.ID, "account-enabled", "")
		run(t, e)
		if kept := db.Count(t, `SELECT COUNT(id) FROM signal_deliveries WHERE state = 'pending'`); kept != 1 || len(r.got) != 0 {
			t.Errorf("paused: %d kept, %d sent", kept, len(r.got))
		}
		paused, _ := db.StreamOf(t.Context(), "water")
		if err := db.CommitStream(t.Context(), act, db.Clock.Now(), signals.StreamChange{Rules: "1", Before: &paused}, nil); err != nil {
			t.Fatal(err)
		}
		run(t, e)
		if n := db.Count(t, `SELECT COUNT(id) FROM signal_deliveries WHERE state = 'dropped'`); n != 1 || len(r.got) != 0 {
			t.Errorf("deleted: %d dropped, %d sent", n, len(r.got))
		}
		if _, err := db.StreamOf(t.Context(), "water"); !fault.Is(err, fault.NotFound) {
			t.Errorf("deleted, and read: %v", err)
		}
	})
}

package storetest_test

import (
	"context"
	"os"
	"os/exec"
	"strings"
	"testing"
	"time"

	"doverie/internal/account"
	"doverie/internal/fault"
	"doverie/internal/secret"
	"doverie/internal/store"
	"doverie/internal/store/storetest"
)

// zoneOfChild names the variable that makes this test binary a process of another time zone.
const zoneOfChild = "DOVERIE_TEST_ZONE"

// TestZonesOfProcessAndSession keeps accounts, sessions, links and recoveries in processes of other time
// zones, whose connections to PostgreSQL have those zones too: every moment comes back as it was, in UTC, and
// ages are counted in the policy's zone. One process at a time, because a process has one zone.
func TestZonesOfProcessAndSession(t *testing.T) {
	t.Parallel()
	if zone := os.Getenv(zoneOfChild); zone != "" {
		storetest.Each(t, func(t *testing.T, db *storetest.DB) { inZone(t, zone, db) })
		return
	}
	for _, zone := range []string{"Pacific/Kiritimati", "America/St_Johns"} { // 14 h before UTC, 3.5 h after it
		child := exec.CommandContext(t.Context(), os.Args[0], "-test.run=^TestZonesOfProcessAndSession$", "-test.v")
		child.Env = append(os.Environ(), zoneOfChild+"="+zone, "TZ="+zone)
		out, err := child.CombinedOutput()
		if err != nil || !strings.Contains(string(out), "--- PASS: TestZonesOfProcessAndSession/postgres") {
			t.Errorf("%s: %v\n%s", zone, err, out)
		}
	}
}

func inZone(t *testing.T, zone string, db *storetest.DB) {
	noon := time.Date(2028, time.February, 29, 12, 0, 0, 0, time.UTC)
	elsewhere, err := time.LoadLocation(zone)
	if err != nil {
		t.Fatal(err)
	}
	if got, want := noon.In(time.Local).Format(time.RFC3339), noon.In(elsewhere).Format(time.RFC3339); got != want { //nolint:gosmopolitan // the process's zone is the subject
		t.Fatalf("the process shows noon as %s, want %s", got, want)
	}
	if db.Engine() == "postgres" {
		separator := "?"
		if strings.Contains(db.DSN, "?") {
			separator = "&"
		}
		db = storetest.Open(t, db.DSN+separator+"timezone="+zone)
		if got := lines(t, db, 1, `SELECT current_setting('TimeZone')`)[0][0]; got != zone {
			t.Fatalf("the database's session is in the zone %s", got)
		}
	}
	// an hour before the first of March in a leap year.
	db.Clock.Advance(time.Date(2028, time.February, 29, 20, 0, 0, 123456000, time.UTC).Sub(db.Clock.Now()))
	people, w := storetest.NewPeople(t, db), newWorld(t, db)
	same := func(what string, got, want time.Time) {
		t.Helper()
		if !got.Equal(want) || got.Location() != time.UTC {
			t.Errorf("%s: %s, want %s", what, got, want)
		}
	}
	began := db.Clock.Now()
	vera := people.Confirmed(t, "Вера", "+79131234567", storetest.SNILS(1), "29.02.1952")
	young := people.Confirmed(t, "Алексей", "+79139876543", storetest.SNILS(2), "2010-03-01")
	same("registered", vera.CreatedAt, began)
	same("phone verified", vera.PhoneVerifiedAt, began)
	if want := (account.Date{Year: 1952, Month: time.February, Day: 29}); vera.BirthDate != want {
		t.Errorf("born %s", vera.BirthDate)
	}
	in := people.SignIn(t, "+79131234567")
	kept, err := db.Session(t.Context(), secret.HashToken(in.Token))
	w.must(err)
	same("signed in", kept.CreatedAt, began)
	same("session ends", kept.ExpiresAt, began.Add(w.p.SessionTTL))

	link, err := w.links.Invite(t.Context(), person, vera.ID, "Алексей", "+79139876543")
	w.must(err)
	db.Clock.Advance(time.Hour - time.Microsecond - 123456*time.Microsecond) // the last microsecond before midnight in Moscow
	if err := w.links.Accept(t.Context(), person, young.ID, link); !fault.HasKey(err, "fault.trust.not_eligible") {
		t.Errorf("a day too young: %v", err)
	}
	accepted := db.Clock.Advance(time.Microsecond)
	w.must(w.links.Accept(t.Context(), person, young.ID, link))
	views, err := store.NewTrust(db.Store, w.p).LinksOf(t.Context(), vera.ID)
	w.must(err)
	if len(views) != 1 {
		t.Fatalf("%d links", len(views))
	}
	same("accepted", views[0].Link.AcceptedAt, accepted)
	same("settles", views[0].Link.SettlesAt, accepted.Add(w.p.Settling))

	browser, err := w.recovery.Start(t.Context(), person, "+79131234567", "")
	w.must(err)
	view, err := w.recovery.View(t.Context(), browser)
	w.must(err)
	same("recovery ends", view.ExpiresAt, accepted.Add(w.p.RecoveryProving))
	var raw int64
	w.must(db.Read(t.Context(), func(ctx context.Context, q store.Querier) error {
		return q.QueryRow(ctx, `SELECT created_at FROM accounts WHERE id = $1`, vera.ID).Scan(&raw)
	}))
	if raw != began.UnixMicro() {
		t.Errorf("stored as %d, want %d", raw, began.UnixMicro())
	}
}

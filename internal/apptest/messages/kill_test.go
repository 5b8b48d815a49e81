package messages

import (
	"fmt"
	"math/rand/v2"
	"testing"
	"time"

	"doverie/internal/effect"
	"doverie/internal/policy"
	"doverie/internal/secret"
	"doverie/internal/store/storetest"
)

const (
	noticesARound = 6
	codesARound   = 3
	shortLife     = 3 * time.Second // of every third code: it often ends while nobody lives to send it
	longLife      = 2 * time.Minute
)

// TestAProcessIsKilledOverAMessage kills the program between a message's going out and its being settled, again and
// again. No notice is lost, and none comes twice but when nobody could know that it had gone; that is marked. No code
// comes twice, and none after its life.
func TestAProcessIsKilledOverAMessage(t *testing.T) {
	db := storetest.Postgres(t)
	s := newSink(t, 3*time.Millisecond)
	config := configuration(t, db.DSN, s.url, "2s")

	arrivals, forced := map[string]int{}, map[string]int{} // how often a key came; how often its process was killed after it
	alive := map[string]bool{}                             // keys that came to the process that lives
	deadlines := map[string]time.Time{}
	var victim *node
	var killAt, came int
	killed := make(chan struct{})
	s.arrive = func(l letter) bool {
		if alive[l.Key] {
			t.Errorf("%s came twice from one process", l.Key)
		}
		arrivals[l.Key]++
		alive[l.Key] = true
		if end, isCode := deadlines[l.Key]; isCode && time.Now().After(end) {
			t.Errorf("%s came %s after its life", l.Key, time.Since(end))
		}
		switch came++; {
		case victim == nil || came < killAt:
			return true
		case came > killAt: // it was on the line when its sender died
			forced[l.Key]++
			return false
		}
		victim.kill()
		for key := range alive { // whatever of these is not settled yet has to go out again
			forced[key]++
		}
		close(killed)
		return false
	}
	notices, codes := 0, 0
	for round := range *kills {
		db.Clock.Advance(time.Since(db.Clock.Now()))
		var sends []effect.Effect
		for range noticesARound {
			sends = append(sends, effect.Send{
				Kind: "password.changed", Via: []effect.Channel{effect.SMS}, Locale: "ru",
				Address: fmt.Sprintf("+7916%07d", notices), Key: fmt.Sprintf("notice %d", notices),
			})
			notices++
		}
		s.mu.Lock()
		for range codesARound {
			life := longLife
			if codes%codesARound == 0 {
				life = shortLife
			}
			id, phone, until := fmt.Sprintf("code %d", codes), fmt.Sprintf("+7917%07d", codes), db.Clock.Now().Add(life)
			sends = append(sends,
				effect.IssueCode{ID: id, Purpose: string(secret.SignIn), Bound: id, Phone: phone, Hash: []byte(id), ExpiresAt: until},
				effect.Send{
					Kind: "sign_in.code", Via: []effect.Channel{effect.SMS}, Locale: "ru", Address: phone, Key: id, NotAfter: until,
					Args: map[string]string{"code": "123456"},
				})
			deadlines[id] = until
			codes++
		}
		clear(alive)
		came, killAt, killed = 0, 1+rand.IntN(noticesARound), make(chan struct{}) // a short code may never come
		s.mu.Unlock()
		if err := db.Apply(t.Context(), effect.Act{Actor: effect.System}, db.Clock.Now(), policy.Default().Version, sends); err != nil {
			t.Fatal(err)
		}
		s.mu.Lock()
		victim = start(t, config)
		s.mu.Unlock()
		select {
		case <-killed:
		case <-time.After(time.Minute):
			t.Fatalf("round %d: nothing came: %s", round, victim.out.String())
		}
		victim.gone()
		time.Sleep(100 * time.Millisecond) // what was on the line comes in
	}
	s.mu.Lock()
	victim = nil
	clear(alive)
	s.mu.Unlock()
	heir := start(t, config)
	open := func() int { return db.Count(t, `SELECT COUNT(*) FROM outbox WHERE done_at IS NULL`) }
	for end := time.Now().Add(time.Minute); open() > 0 && time.Now().Before(end); {
		time.Sleep(100 * time.Millisecond)
	}
	heir.stop()
	if n := open(); n > 0 {
		t.Errorf("%d claims are stuck", n)
	}

	s.mu.Lock()
	defer s.mu.Unlock()
	twice := 0
	for n := range notices {
		key := fmt.Sprintf("notice %d", n)
		switch times := arrivals[key]; {
		case times == 0:
			t.Errorf("%s is lost", key)
		case times-1 > forced[key]:
			t.Errorf("%s came %d times, and %d times nobody could know that it had gone", key, times, forced[key])
		case times > 1:
			twice++
			if db.Count(t, `SELECT COUNT(*) FROM outbox WHERE key = $1 AND repeated = TRUE AND state = 'sent'`, key) != 1 {
				t.Errorf("%s came %d times and is not marked", key, times)
			}
		}
	}
	silent := 0
	for n := range codes {
		key := fmt.Sprintf("code %d", n)
		if arrivals[key] > 1 {
			t.Errorf("%s came %d times", key, arrivals[key])
		}
		if arrivals[key] == 0 {
			silent++
			// A process died before it was sent, or nobody lived in its time. Its reader is told to ask for another.
			if db.Count(t, `SELECT COUNT(*) FROM outbox WHERE key = $1 AND state IN ('unknown', 'expired')`, key) != 1 {
				t.Errorf("%s never came, and nobody says so", key)
			}
		} else if db.Count(t, `SELECT COUNT(*) FROM outbox WHERE key = $1 AND state IN ('sent', 'unknown')`, key) != 1 {
			t.Errorf("%s came, and its state says otherwise", key)
		}
	}
	t.Logf("%d kills: %d notices, none lost, %d of them twice and marked; %d codes, none twice, %d not sent and told so", *kills, notices, twice, codes, silent)
}

package messages

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"doverie/internal/effect"
	"doverie/internal/policy"
	"doverie/internal/store/storetest"
)

const perPhone = 10 // messages to one phone, whose order is watched

// queue writes notices for as many phones as it takes; the key of each tells its phone and its place.
func queue(t *testing.T, db *storetest.DB, total int) {
	t.Helper()
	const together = 500
	var sends []effect.Effect
	flush := func() {
		t.Helper()
		if err := db.Apply(t.Context(), effect.Act{Actor: effect.System}, db.Clock.Now(), policy.Default().Version, sends); err != nil {
			t.Fatal(err)
		}
		sends = nil
	}
	for n := range total {
		phone := n / perPhone
		sends = append(sends, effect.Send{
			Kind: "password.changed", Via: []effect.Channel{effect.SMS}, Locale: "ru",
			Address: fmt.Sprintf("+7916%07d", phone), Key: fmt.Sprintf("%07d/%03d", phone, n%perPhone),
		})
		if len(sends) == together || n == total-1 {
			flush()
		}
	}
}

// drain lets so many processes empty a queue of so many messages, and returns how many a second went out.
func drain(t *testing.T, processes, total int) float64 {
	t.Helper()
	db := storetest.Postgres(t)
	db.Clock.Advance(time.Since(db.Clock.Now()) - time.Minute)
	queue(t, db, total)
	s := newSink(t, 2*time.Millisecond)
	held := map[string]bool{}   // keys in work just now
	seen := map[string]int{}    // how often a key came
	last := map[string]string{} // the latest key of a phone
	busy := map[string]bool{}   // phones to which something is under way
	var began, ended time.Time
	all := make(chan struct{})
	s.arrive = func(l letter) bool {
		if began.IsZero() {
			began = time.Now()
		}
		if held[l.Key] {
			t.Errorf("%s is claimed twice at once", l.Key)
		}
		if busy[l.To] {
			t.Errorf("two messages to one phone are under way at once: %s", l.Key)
		}
		if seen[l.Key]++; seen[l.Key] > 1 {
			t.Errorf("%s came %d times", l.Key, seen[l.Key])
		}
		if l.Key <= last[l.To] {
			t.Errorf("%s came after %s", l.Key, last[l.To])
		}
		if phone, _, _ := strings.Cut(l.Key, "/"); !strings.HasSuffix(l.To, phone) {
			t.Errorf("%s came to %s", l.Key, l.To)
		}
		held[l.Key], busy[l.To], last[l.To] = true, true, l.Key
		return true
	}
	s.leave = func(l letter) {
		delete(held, l.Key)
		delete(busy, l.To)
		if ended = time.Now(); len(seen) == total && len(held) == 0 {
			close(all)
		}
	}
	config := configuration(t, db.DSN, s.url, "1m")
	var nodes []*node
	for range processes {
		nodes = append(nodes, start(t, config))
	}
	select {
	case <-all:
	case <-time.After(10 * time.Minute):
		s.mu.Lock()
		t.Errorf("%d of %d messages came", len(seen), total)
		s.mu.Unlock()
	}
	for _, n := range nodes {
		n.stop()
	}
	if n := db.Count(t, `SELECT COUNT(*) FROM outbox WHERE state = 'sent' AND attempt = 1 AND repeated = FALSE AND address IS NULL`); n != total {
		t.Errorf("%d of %d messages are sent at the first attempt", n, total)
	}
	if n := db.Count(t, `SELECT COUNT(*) FROM message_parts WHERE carrier = 'sink' AND state = 'submitted'`); n != total {
		t.Errorf("%d of %d messages are in the ledger", n, total)
	}
	return float64(total) / ended.Sub(began).Seconds()
}

// TestProcessesShareAQueue is B3 of the messages: nothing is claimed twice at once, the order of a phone is kept.
func TestProcessesShareAQueue(t *testing.T) {
	alone := drain(t, 1, *howMany/4) // its speed is wanted, not its patience
	together := drain(t, 4, *howMany)
	t.Logf("%d messages (a quarter of them for one): one process %.0f a second, four processes %.0f a second (%.1f times)", *howMany, alone, together, together/alone)
}

package storetest_test

import (
	"fmt"
	"testing"
	"time"

	"doverie/internal/effect"
	"doverie/internal/jobs"
	"doverie/internal/secret"
	"doverie/internal/store"
	"doverie/internal/store/storetest"
)

// coded asks for one code by SMS and returns its message, claimed.
func coded(t *testing.T, db *storetest.DB, id, bound, phone string) jobs.Message {
	t.Helper()
	c := code(db, id, secret.SignIn, bound, phone)
	m := sms("sign_in.code", phone, map[string]string{"code": "123456"})
	m.Key, m.NotAfter = "code:"+id, c.ExpiresAt
	mustApply(t, db, c, m)
	got := claim(t, db, "w", 1)
	if len(got) != 1 {
		t.Fatalf("claimed %d messages", len(got))
	}
	return got[0]
}

func delivery(t *testing.T, db *storetest.DB, bound string) effect.Delivery {
	t.Helper()
	d, err := db.CodeDelivery(t.Context(), string(secret.SignIn), bound, db.Clock.Now())
	if err != nil {
		t.Fatal(err)
	}
	return d
}

func (l handed) submitted(t *testing.T, db *storetest.DB, part int, id string) {
	t.Helper()
	if err := db.Submitted(t.Context(), store.Submission{
		Message: l.message.ID, Carrier: "main", CarrierID: id, Part: part, Parts: l.parts, At: db.Clock.Now(),
	}); err != nil {
		t.Fatal(err)
	}
}

type handed struct {
	message jobs.Message
	parts   int
}

func reported(t *testing.T, db *storetest.DB, state store.PartState, phone string, ids ...string) {
	t.Helper()
	if err := db.Reported(t.Context(), store.Receipt{
		Carrier: "main", CarrierIDs: ids, Phone: phone, State: state, Code: "000", At: db.Clock.Now(),
	}); err != nil {
		t.Fatal(err)
	}
}

func TestLedgerFollowsEachPart(t *testing.T) {
	t.Parallel()
	storetest.Each(t, func(t *testing.T, db *storetest.DB) {
		const phone = "+79161230001"
		if d := delivery(t, db, "s"); d.State != effect.NoDelivery {
			t.Fatalf("a message before it was asked for: %+v", d)
		}
		l := handed{coded(t, db, "c1", "s", phone), 2}
		if d := delivery(t, db, "s"); d.State != effect.Waiting || d.Kind != "sign_in.code" || d.Channel != effect.SMS {
			t.Errorf("claimed: %+v", d)
		}
		l.submitted(t, db, 1, "A1")
		l.submitted(t, db, 2, "A2")
		l.submitted(t, db, 2, "A2") // once more: nothing happens
		settle(t, db, "w", l.message, jobs.Settlement{Outcome: jobs.Sent})
		if d := delivery(t, db, "s"); d.State != effect.Underway || len(d.Carriers) != 1 || d.Carriers[0] != "main" {
			t.Errorf("sent: %+v", d)
		}
		reported(t, db, store.PartUnderway, "", "A1")
		reported(t, db, store.PartArrived, "", "A1")
		if d := delivery(t, db, "s"); d.State != effect.Underway {
			t.Errorf("half of it arrived: %+v", d)
		}
		db.Clock.Advance(7 * time.Second)
		reported(t, db, store.PartArrived, phone, "A2")
		at := db.Clock.Now()
		db.Clock.Advance(time.Minute)
		reported(t, db, store.PartArrived, phone, "A2") // a repeated receipt
		reported(t, db, store.PartLost, phone, "A2")    // and one that contradicts
		if d := delivery(t, db, "s"); d.State != effect.Arrived || !d.At.Equal(at) {
			t.Errorf("arrived at %s: %+v", at, d)
		}
	})
}

func TestLedgerStatesOfACode(t *testing.T) {
	t.Parallel()
	storetest.Each(t, func(t *testing.T, db *storetest.DB) {
		for n, c := range []struct {
			end  jobs.Settlement
			says store.PartState
			want effect.DeliveryState
		}{
			{jobs.Settlement{Outcome: jobs.Sent}, store.PartLost, effect.Undone},
			{jobs.Settlement{Outcome: jobs.Sent}, store.PartTimedOut, effect.TooLate},
			{jobs.Settlement{Outcome: jobs.Sent}, store.PartUncertain, effect.Uncertain},
			{jobs.Settlement{Outcome: jobs.Sent, Arrived: true}, "", effect.Arrived},
			{jobs.Settlement{Outcome: jobs.Unknown}, "", effect.Uncertain},
			{jobs.Settlement{Outcome: jobs.Unknown}, store.PartArrived, effect.Arrived}, // only our answer was lost
			{jobs.Settlement{Outcome: jobs.Failed, Problem: "fault.message.range"}, "", effect.Undone},
			{jobs.Settlement{Outcome: jobs.Expired}, "", effect.TooLate},
			{jobs.Settlement{Outcome: jobs.Retry, RetryAt: db.Clock.Now().Add(time.Second)}, "", effect.Waiting},
			{jobs.Settlement{Outcome: jobs.Retry, RetryAt: db.Clock.Now().Add(time.Hour)}, "", effect.TooLate}, // after the code's life
		} {
			bound, phone := fmt.Sprint("s", n), fmt.Sprintf("+7916124%04d", n)
			l := handed{coded(t, db, fmt.Sprint("c", n), bound, phone), 1}
			if c.says != "" {
				l.submitted(t, db, 1, fmt.Sprint("B", n))
			}
			settle(t, db, "w", l.message, c.end)
			if c.says != "" {
				reported(t, db, c.says, phone, fmt.Sprint("B", n))
			}
			if d := delivery(t, db, bound); d.State != c.want {
				t.Errorf("%+v and %q: %q, want %q", c.end, c.says, d.State, c.want)
			}
		}
	})
}

// A receipt may be quicker than the line it belongs to, name the message in two ways, and belong to another message
// that had the same name before.
func TestReceiptsFindTheirLine(t *testing.T) {
	t.Parallel()
	storetest.Each(t, func(t *testing.T, db *storetest.DB) {
		const older, newer = "+79161250001", "+79161250002"
		first := handed{coded(t, db, "c1", "s1", older), 1}
		first.submitted(t, db, 1, "17")
		settle(t, db, "w", first.message, jobs.Settlement{Outcome: jobs.Sent})
		db.Clock.Advance(time.Second)
		second := handed{coded(t, db, "c2", "s2", newer), 1}
		reported(t, db, store.PartArrived, newer, "11", "17") // quicker; 0x11 is 17
		if d := delivery(t, db, "s1"); d.State != effect.Underway {
			t.Errorf("the receipt of another phone was taken: %+v", d)
		}
		second.submitted(t, db, 1, "17")
		settle(t, db, "w", second.message, jobs.Settlement{Outcome: jobs.Sent})
		if d := delivery(t, db, "s2"); d.State != effect.Arrived {
			t.Errorf("the quick receipt was lost: %+v", d)
		}
		if d := delivery(t, db, "s1"); d.State != effect.Underway {
			t.Errorf("the older message with the same name: %+v", d)
		}
		reported(t, db, store.PartLost, older, "17")
		if d := delivery(t, db, "s1"); d.State != effect.Undone {
			t.Errorf("its own receipt came later: %+v", d)
		}
	})
}

// Lines and receipts are written at the same time by many: none is lost.
func TestNoReceiptIsLost(t *testing.T) {
	t.Parallel()
	storetest.Each(t, func(t *testing.T, db *storetest.DB) {
		const messages = 60
		var all []handed
		for n := range messages {
			l := handed{coded(t, db, fmt.Sprint("c", n), fmt.Sprint("s", n), fmt.Sprintf("+7916126%04d", n)), 1}
			settle(t, db, "w", l.message, jobs.Settlement{Outcome: jobs.Sent})
			all = append(all, l)
		}
		for _, err := range storetest.Parallel(2*messages, func(i int) error {
			n := i / 2
			if i%2 == 0 {
				return db.Submitted(t.Context(), store.Submission{
					Message: all[n].message.ID, Carrier: "main", CarrierID: fmt.Sprint("C", n), Part: 1, Parts: 1, At: db.Clock.Now(),
				})
			}
			return db.Reported(t.Context(), store.Receipt{
				Carrier: "main", CarrierIDs: []string{fmt.Sprint("C", n)}, State: store.PartArrived, At: db.Clock.Now(),
			})
		}) {
			if err != nil {
				t.Error(err)
			}
		}
		if n := db.Count(t, `SELECT COUNT(*) FROM message_parts WHERE state = 'arrived'`); n != messages {
			t.Errorf("%d of %d arrived", n, messages)
		}
	})
}

// What may have gone out is marked before it is sent again, also when a process died over it.
func TestRepeatsAreMarked(t *testing.T) {
	t.Parallel()
	storetest.Each(t, func(t *testing.T, db *storetest.DB) {
		who := db.Add(t, 1, storetest.Person{Given: "Вера", Phone: "+79161270001"})
		tell := func(key string) jobs.Message {
			t.Helper()
			mustApply(t, db, effect.Send{Kind: "password.changed", To: who.ID, Via: []effect.Channel{effect.SMS}, Key: key})
			got := claim(t, db, "w", 1)
			if len(got) != 1 || got[0].Repeated {
				t.Fatalf("claimed %+v", got)
			}
			return got[0]
		}
		again := func(want bool, why string) jobs.Message {
			t.Helper()
			got := claim(t, db, "heir", 1)
			if len(got) != 1 || got[0].Repeated != want {
				t.Fatalf("%s: claimed %+v, repeated should be %t", why, got, want)
			}
			return got[0]
		}
		m := tell("sure")
		settle(t, db, "w", m, jobs.Settlement{Outcome: jobs.Retry, RetryAt: db.Clock.Now()})
		settle(t, db, "heir", again(false, "it surely did not go out"), jobs.Settlement{Outcome: jobs.Sent})
		m = tell("unsure")
		settle(t, db, "w", m, jobs.Settlement{Outcome: jobs.Retry, RetryAt: db.Clock.Now(), Unsure: true})
		m = again(true, "its answer was lost")
		settle(t, db, "heir", m, jobs.Settlement{Outcome: jobs.Retry, RetryAt: db.Clock.Now()})
		settle(t, db, "heir", again(true, "once marked, marked"), jobs.Settlement{Outcome: jobs.Sent})
		tell("dead")
		db.Clock.Advance(lease + time.Second)
		settle(t, db, "heir", again(true, "its process died"), jobs.Settlement{Outcome: jobs.Sent})

		log, err := db.MessagesOf(t.Context(), who.ID, 10, db.Clock.Now())
		if err != nil || len(log) != 3 {
			t.Fatalf("%d messages in the log, %v", len(log), err)
		}
		for i, want := range []bool{true, true, false} { // newest first
			if log[i].Repeated != want || log[i].State != effect.Underway {
				t.Errorf("message %d of the log: %+v", i, log[i])
			}
		}
	})
}

func TestMessageFigures(t *testing.T) {
	t.Parallel()
	storetest.Each(t, func(t *testing.T, db *storetest.DB) {
		life := 5 * time.Minute
		for n := range 4 {
			l := handed{coded(t, db, fmt.Sprint("c", n), fmt.Sprint("s", n), fmt.Sprintf("+7916128%04d", n)), 1}
			settle(t, db, "w", l.message, jobs.Settlement{Outcome: jobs.Sent})
		}
		mustApply(t, db, effect.UseCode{ID: "c2"})
		waiting := sms("notice", "+79161289999", nil)
		mustApply(t, db, waiting, effect.Send{Kind: "notice", Via: []effect.Channel{effect.Email}, Address: "a@example.test", Locale: "ru"})
		figures := func() store.MessageFigures {
			t.Helper()
			f, err := db.MessageFigures(t.Context(), db.Clock.Now(), life)
			if err != nil {
				t.Fatal(err)
			}
			return f
		}
		if f := figures(); f.CodesSent != 0 || f.RecentSent != 4 || f.RecentLate != 0 {
			t.Errorf("while the codes live: %+v", f)
		}
		db.Clock.Advance(life + 30*time.Second)
		f := figures()
		if f.CodesSent != 4 || f.CodesEntered != 1 {
			t.Errorf("conversion: %+v", f)
		}
		if len(f.Queues) != 2 || f.Queues[0].Channel != effect.Email || f.Queues[1].Waiting != 1 || f.Queues[1].Late != life+30*time.Second {
			t.Errorf("queues: %+v", f.Queues)
		}
		late := code(db, "c9", secret.SignIn, "s9", "+79161289998")
		m := sms("sign_in.code", "+79161289998", map[string]string{"code": "123456"})
		m.Key, m.NotAfter = "code:c9", late.ExpiresAt
		mustApply(t, db, late, m)
		db.Clock.Advance(2 * time.Minute)
		if f = figures(); f.RecentLate != 1 {
			t.Errorf("a code waits for two minutes: %+v", f)
		}
		db.Clock.Advance(6 * time.Minute)
		claim(t, db, "w", 9)
		if f = figures(); f.RecentLate != 1 || f.RecentSent != 0 {
			t.Errorf("a code ended unsent: %+v", f)
		}
	})
}

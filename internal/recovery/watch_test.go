package recovery_test

import (
	"fmt"
	"reflect"
	"strings"
	"time"

	"doverie/internal/effect"
	"doverie/internal/fault"
	"doverie/internal/recovery"
	"doverie/internal/secret"
	"doverie/internal/trust"
)

// kinds names the effects of the newest commit, but messages: whether one goes out is what a stranger
// cannot see (I6).
func (j *judge) kinds() string {
	var out []string
	for _, e := range j.last.effects {
		if _, ok := e.(effect.Send); !ok {
			out = append(out, reflect.TypeOf(e).Name())
		}
	}
	return strings.Join(out, " ")
}

// answer is what a person is told: the key, the fields and the arguments of a fault.
func answer(err error) string {
	if err == nil {
		return "ok"
	}
	f := fault.Of(err)
	return fmt.Sprint(f.Kind, f.Key, f.Args, f.Fields)
}

// twins is I6: a recovery of an account and one of nobody are driven by the same acts of somebody who
// does not hold the phone; every answer, every page and every kind of effect is the same.
func (w *world) twins() {
	h := w.anybody()
	identifiers := []string{[]string{h.phone, h.email, h.snils}[w.choose(3, "identifier")], "+79990000000"}
	var cookies, answers, effects [2]string
	for i, identifier := range identifiers {
		b, err := w.service.Start(ctx, applicant(60+i), identifier, "")
		cookies[i], answers[i], effects[i] = b, answer(err), w.judge.kinds()
	}
	if answers[0] != answers[1] || effects[0] != effects[1] {
		w.judge.fault("I6", "start: %s with %s, a decoy %s with %s", answers[0], effects[0], answers[1], effects[1])
	}
	if answers[0] != "ok" {
		return
	}
	for range 1 + w.choose(12, "twin steps") {
		act := w.choose(4, "twin act")
		for i, b := range cookies {
			var err error
			switch act {
			case 0:
				err = w.service.Prove(ctx, applicant(60+i), b, w.wrongCode(b), h.snils)
			case 1:
				err = w.service.SendCode(ctx, applicant(60+i), b, "")
			case 2:
				err = w.service.Verify(ctx, applicant(60+i), b, "123456")
			}
			v, errView := w.service.View(ctx, b)
			v.ID = "" // names the row of its own messages, and is shown nowhere
			answers[i] = answer(err) + fmt.Sprintf(" %+v ", v) + answer(errView)
		}
		if answers[0] != answers[1] {
			w.judge.fault("I6", "act %d of a stranger: %s\nof a decoy: %s", act, answers[0], answers[1])
			return
		}
		w.judge.seen["twin"]++
		w.now = w.now.Add(time.Duration(w.choose(90, "twin seconds")) * time.Second)
	}
	w.browsers = append(w.browsers, browser{cookies[0], identifiers[0]}, browser{cookies[1], identifiers[1]})
}

// wrongCode is six digits that are not the right ones.
func (w *world) wrongCode(b string) string {
	r, err := w.Of(ctx, secret.HashToken(b))
	if err == nil && w.typed(secret.RecoveryProve, r.ID) == "111111" {
		return "222222"
	}
	return "111111"
}

// look is I9: what a contact and an applicant are shown holds nobody's data beyond what they may know.
func (w *world) look() {
	if len(w.approvals) > 0 {
		a := w.approvals[w.recent(len(w.approvals), "request")]
		w.lookAtRequest(a)
		for _, a := range w.approvals { // a quiet exit is rare: look whenever there is one
			if l := w.model.links[w.linkAt(a.Link)]; l.State == trust.Leaving && l.Quiet {
				w.lookAtRequest(a)
				break
			}
		}
	}
	if len(w.browsers) > 0 {
		b := w.browsers[w.recent(len(w.browsers), "page")].secret
		v, err := w.service.View(ctx, b)
		if err != nil {
			w.judge.fault("I9", "the applicant's page: %v", err)
		}
		w.judge.seen["looked"]++
		for _, h := range w.people {
			w.hidden("the applicant's page", v, h, h.id)
		}
		r, _ := w.Of(ctx, secret.HashToken(b))
		if (r.State == recovery.Proving || r.Over()) && (v.Match != "" || len(v.Contacts) > 0) {
			w.judge.fault("I9", "the applicant's page shows %q and %q while %s", v.Match, v.Contacts, v.State)
		}
	}
	h := w.anybody()
	if alarm, ok, err := w.service.AlarmFor(ctx, h.id); err != nil {
		w.judge.fault("I9", "the alarm: %v", err)
	} else if ok {
		if id, _ := w.OpenOf(ctx, h.id); id != alarm.ID {
			w.judge.fault("I9", "the alarm of %s tells of another's recovery", h.id)
		}
	}
	for _, a := range w.actions {
		got, ok, err := w.protect.Waiting(ctx, a.Account, "a session that did not start it", a.Kind)
		if err == nil && ok && got.Match != "" {
			w.judge.fault("I9", "a match number shows outside the session that started the action")
		}
	}
}

func (w *world) lookAtRequest(a trust.Approval) {
	for _, h := range w.people {
		req, err := w.decisions.Request(ctx, h.id, a.ID)
		if h.id != a.Contact {
			if !fault.Is(err, fault.NotFound) {
				w.judge.fault("I9", "%s reads a request to %s: %v", h.id, a.Contact, err)
			}
			continue
		}
		if err != nil {
			w.judge.fault("I9", "the contact cannot read his request: %v", err)
			continue
		}
		w.judge.seen["looked"]++
		w.hidden("a request", req, w.person(a.Principal))
		if i := w.linkAt(a.Link); w.model.links[i].State == trust.Leaving && w.model.links[i].Quiet {
			w.judge.seen["quiet"]++
			if req.Link.State == trust.Leaving || req.Link.Quiet || !req.Link.LeavesAt.IsZero() {
				w.judge.fault("I9", "a quiet exit shows to the contact")
			}
		}
	}
}

func (w *world) hidden(what string, shown any, h *person, more ...string) {
	text := fmt.Sprintf("%+v", shown)
	for _, secret := range append(more, h.phone, h.email, h.snils) {
		if secret != "" && strings.Contains(text, secret) {
			w.judge.fault("I9", "%s shows %s of %s", what, secret, h.id)
		}
	}
	for _, secret := range w.secrets[max(0, len(w.secrets)-10):] {
		if len(secret) > 6 && strings.Contains(text, secret) {
			w.judge.fault("I5", "%s shows a secret", what)
		}
	}
}

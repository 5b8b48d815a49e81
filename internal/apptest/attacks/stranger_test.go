package attacks

import (
	"flag"
	"fmt"
	"math/rand/v2"
	"net/http"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"doverie/internal/account"
	"doverie/internal/apptest"
	"doverie/internal/policy"
	"doverie/internal/store/storetest"
)

var (
	samples = flag.Int("samples", 25, "requests measured for each class of T16; 1000 for the figures of the documentation")
	engine  = flag.String("engine", "sqlite", "where T16 is measured: sqlite or postgres")
)

// strangersPace is shorter than a server's own, for the sake of the samples, and much longer than anything asked here takes.
const strangersPace = 10 * time.Millisecond

// class is one kind of person a stranger asks about. target makes one and returns the number the stranger types.
type class struct {
	name   string
	target func(i int) string
}

// question is what a stranger can ask the service about a number. prepare is not measured, ask is.
type question struct {
	name    string
	classes []class
	prepare func(target string) *apptest.Client
	between func() // after all were prepared and before all are asked
	ask     func(c *apptest.Client, target string) apptest.Answer
	after   func(c *apptest.Client, target string) apptest.Answer // the page the answer leads to
}

// strangers are the classes of people, made anew for each sample so that no limit of one sample touches the next.
type strangers struct {
	*scene

	made int
}

func (s *strangers) phone() string {
	s.made++
	return fmt.Sprintf("+7917%07d", 1_000_000+s.made)
}

func (s *strangers) person(change func(*storetest.Person)) account.Account {
	p := storetest.Person{Given: "Ольга", Phone: s.phone()}
	if change != nil {
		change(&p)
	}
	return s.Add(p)
}

func (s *strangers) absent() class {
	return class{"absent", func(int) string { return s.phone() }}
}

func (s *strangers) with(name string, change func(*storetest.Person), then func(account.Account)) class {
	return class{name, func(int) string {
		a := s.person(change)
		if then != nil {
			then(a)
		}
		return a.Phone
	}}
}

func (s *strangers) set(column string, value any) func(account.Account) {
	return func(a account.Account) {
		s.DB.Exec(s.t, `UPDATE accounts SET `+column+` = $1 WHERE id = $2`, value, a.ID)
	}
}

func (s *strangers) freeze(a account.Account) {
	s.DB.Exec(s.t, `UPDATE accounts SET state = 'frozen', frozen_at = $1, freeze_reason = 'self' WHERE id = $2`, s.Clock.Now().UnixMicro(), a.ID)
}

// kinds are the classes every question is asked about.
func (s *strangers) kinds() []class {
	return []class{
		s.absent(),
		s.with("unconfirmed", func(p *storetest.Person) { p.Level = account.Standard }, nil),
		s.with("ineligible", func(p *storetest.Person) { p.Citizenship = "BLR" }, nil),
		s.with("matching", nil, nil),
		s.with("frozen", nil, s.freeze),
	}
}

// used starts recoveries of the number until its codes of the day are used up.
func (s *strangers) used(phone string) {
	for range s.Policy.CodesPerPhoneDay {
		c := s.Client().From(fmt.Sprintf("10.%d.0.1", s.made%250))
		c.Want(c.Post("/recovery", "identifier", phone), "/recovery/code")
		c.Leave()
	}
	s.Settle()
}

func (s *strangers) recoveryKinds() []class {
	locked := s.set("recovery_locked_until", s.Clock.Now().Add(1000*time.Hour).UnixMicro())
	return append(s.kinds(),
		s.with("guarded", nil, func(a account.Account) {
			guard := s.person(func(p *storetest.Person) { p.Given = "Пётр" })
			s.link(a, guard)
		}),
		s.with("locked", nil, locked),
		s.with("SIM changed", nil, s.set("sim_changed_at", s.Clock.Now().UnixMicro())),
		s.with("phone given up, e-mail", func(p *storetest.Person) { p.Email = fmt.Sprintf("olga%d@example.test", s.made) }, s.set("phone_confirmed_at", s.Clock.Now().Add(-400*24*time.Hour).UnixMicro())),
		class{"at its limit", func(int) string { a := s.person(nil); s.used(a.Phone); return a.Phone }},
		class{"absent, at its limit", func(int) string { phone := s.phone(); s.used(phone); return phone }},
	)
}

func start(s *strangers) question {
	return question{
		name: "start of recovery", classes: s.recoveryKinds(),
		prepare: func(string) *apptest.Client { return s.Client() },
		ask: func(c *apptest.Client, target string) apptest.Answer {
			return c.Post("/recovery", "identifier", target)
		},
		after: func(c *apptest.Client, _ string) apptest.Answer { return c.Get("/recovery/code") },
	}
}

func resend(s *strangers) question {
	q := start(s)
	q.name = "resend"
	q.prepare = func(target string) *apptest.Client {
		c := s.Client()
		c.Want(c.Post("/recovery", "identifier", target), "/recovery/code")
		return c
	}
	q.between = func() { s.Settle(); s.Clock.Advance(pause) }
	q.ask = func(c *apptest.Client, _ string) apptest.Answer { return c.Post("/recovery/code/resend") }
	return q
}

func firstCode(s *strangers) question {
	q := resend(s)
	q.name = "a wrong first code"
	q.ask = func(c *apptest.Client, _ string) apptest.Answer { return c.Post("/recovery/code", "code", "not it") }
	return q
}

func signIn(s *strangers) question {
	return question{
		name: "sign-in", classes: s.kinds(),
		prepare: func(string) *apptest.Client { return s.Client() },
		ask: func(c *apptest.Client, target string) apptest.Answer {
			return c.Post("/sign-in", "identifier", target, "password", "не тот пароль")
		},
		after: func(c *apptest.Client, _ string) apptest.Answer { return c.Get("/sign-in") },
	}
}

func registration(s *strangers) question {
	return question{
		name: "registration", classes: s.kinds(),
		prepare: func(string) *apptest.Client { return s.Client() },
		ask: func(c *apptest.Client, target string) apptest.Answer {
			return c.Post("/register", "family", "Новикова", "given", "Ольга", "phone", target, "password", apptest.NewPassword)
		},
		after: func(c *apptest.Client, _ string) apptest.Answer { return c.Get("/register/code") },
	}
}

func registrationResend(s *strangers) question {
	q := registration(s)
	first := q.ask
	q.name = "resend of a registration"
	q.prepare = func(target string) *apptest.Client {
		c := s.Client()
		c.Want(first(c, target), "/register/code")
		return c
	}
	q.between = func() { s.Settle(); s.Clock.Advance(pause) }
	q.ask = func(c *apptest.Client, _ string) apptest.Answer { return c.Post("/register/resend") }
	return q
}

func invitation(s *strangers) question {
	full := func(a account.Account) {
		for range s.Policy.MaxPrincipals {
			s.link(s.person(func(p *storetest.Person) { p.Given = "Пётр" }), a)
		}
	}
	var vera *apptest.Client
	return question{
		name: "invitation",
		classes: append(s.kinds(),
			s.with("guards five", nil, full),
			s.with("blocked me", nil, func(a account.Account) {
				s.DB.Exec(s.t, `INSERT INTO invitation_blocks (contact_id, principal_id, at) VALUES ($1, $2, 1)`, a.ID, s.Vera.ID)
			}),
			s.with("another name", func(p *storetest.Person) { p.Given = "Ирина" }, nil),
		),
		prepare: func(string) *apptest.Client {
			if vera == nil || vera.Get("/settings/account").Status != http.StatusOK {
				s.Clock.Advance(pause)
				vera = s.steppedUp(s.Vera)
			}
			return vera
		},
		ask: func(c *apptest.Client, target string) apptest.Answer {
			return c.Post(contactsHome+"/add", "name", "Ольга", "phone", target)
		},
		after: func(c *apptest.Client, target string) apptest.Answer {
			s.Settle() // whoever is meant is told now, and the sender's page must not change by it
			page := c.Get(contactsHome)
			id := s.text(`SELECT id FROM links WHERE principal_id = $1 AND state = 'invited'`, s.Vera.ID)
			if err := s.Links.Withdraw(s.t.Context(), byPerson, s.Vera.ID, id); err != nil {
				s.t.Fatal(err)
			}
			s.DB.Exec(s.t, `DELETE FROM links WHERE id = $1`, id) // the next question begins with the same page
			s.DB.Exec(s.t, `DELETE FROM rate_limits`)
			return page
		},
	}
}

// tables whose rows a stranger could learn of: by a page, by a limit, by a message to himself. What is sent to
// others (outbox) and who it concerns (event_subjects) he never sees.
var visible = []string{"recoveries", "codes", "events", "timers", "rate_limits", "registrations", "links", "sign_ins", "sessions"}

func (s *strangers) rows() (n [9]int) {
	for i, table := range visible {
		n[i] = s.count(`SELECT COUNT(*) FROM ` + table)
	}
	return n
}

var uuids = regexp.MustCompile(`[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}`)

// told is everything the stranger was told, with his own words (the number he typed) taken out.
func told(target string, answers ...apptest.Answer) string {
	var b strings.Builder
	for _, a := range answers {
		var names []string
		for name := range a.Header {
			names = append(names, name)
		}
		slices.Sort(names)
		for _, name := range names {
			value := strings.Join(a.Header[name], " ")
			switch name {
			case "Date":
				continue
			case "Set-Cookie":
				value = regexp.MustCompile(`=[^;]*;`).ReplaceAllString(value, "=…;")
			}
			fmt.Fprintf(&b, "%s: %s\n", name, value)
		}
		fmt.Fprintf(&b, "%d %s\n%s\n", a.Status, a.Location, a.Body)
	}
	text := strings.NewReplacer("&#43;", "+", "\u00a0", " ", "\u2011", "-").Replace(uuids.ReplaceAllString(b.String(), "…"))
	for _, form := range []string{target, strings.TrimPrefix(target, "+"), account.ShowPhone(target), account.MaskPhone(target)} {
		text = strings.ReplaceAll(text, strings.NewReplacer("\u00a0", " ", "\u2011", "-").Replace(form), "number")
	}
	return text
}

// T16: to a stranger everybody looks the same: byte-equal pages, equal statements and visible writes, equal times.
func TestT16_StrangersLearnNothing(t *testing.T) {
	for _, ask := range []func(*strangers) question{start, resend, firstCode, signIn, registration, registrationResend, invitation} {
		s := &strangers{scene: on(t, *engine, apptest.Options{Quiet: true, Pace: strangersPace, Policy: func(p *policy.Policy) {
			p.RecoveriesPerArea, p.SignInsPerArea = 100_000, 100_000
		}})}
		q := ask(s)
		t.Run(q.name, func(t *testing.T) {
			s.World.T, s.t = t, t
			s.compare(q)
		})
	}
}

func (s *strangers) compare(q question) {
	random := rand.New(rand.NewPCG(16, uint64(len(q.name))))
	times := make([][]float64, len(q.classes))
	said, cost := make([]string, len(q.classes)), make([]string, len(q.classes))
	for round := range *samples + 3 {
		targets, clients := make([]string, len(q.classes)), make([]*apptest.Client, len(q.classes))
		for i, c := range q.classes {
			targets[i] = c.target(round)
		}
		for i := range q.classes {
			clients[i] = q.prepare(targets[i])
		}
		s.Settle()
		if q.between != nil {
			q.between()
		}
		for _, i := range random.Perm(len(q.classes)) {
			rows, statements, commits := s.rows(), s.Store.Stats().Statements(), s.Store.Stats().Commits()
			began := time.Now()
			answer := q.ask(clients[i], targets[i])
			took := time.Since(began)
			statements, commits = s.Store.Stats().Statements()-statements, s.Store.Stats().Commits()-commits
			after := s.rows()
			for n := range after {
				after[n] -= rows[n]
			}
			page := q.after(clients[i], targets[i])
			clients[i].Leave()
			if took < strangersPace {
				s.t.Fatalf("%s was answered after %v, before the step of %v: it is not paced", q.name, took, strangersPace)
			}
			if round < 3 { // warm
				continue
			}
			times[i] = append(times[i], took.Seconds())
			text, spent := told(targets[i], answer, page), fmt.Sprintf("%d statements, %d commits, rows %v", statements, commits, after)
			if round == 3 {
				said[i], cost[i] = text, spent
			}
		}
	}
	for i, c := range q.classes {
		if said[i] != said[0] {
			s.t.Errorf("%s looks different from %s:\n%s", c.name, q.classes[0].name, firstDifference(said[0], said[i]))
		}
		if cost[i] != cost[0] {
			s.t.Errorf("%s costs %s; %s costs %s", c.name, cost[i], q.classes[0].name, cost[0])
		}
	}
	// One test a pair with the first class; Bonferroni over the pairs of all questions (about 50).
	const suspicious = 0.01 / 50
	for i, c := range q.classes[1:] {
		p := mannWhitney(times[0], times[i+1])
		s.t.Logf("%-26s %-22s median %7.0f µs, %-12s %7.0f µs, p = %.3f (n = %d)", q.name, c.name, 1e6*median(times[i+1]),
			q.classes[0].name, 1e6*median(times[0]), p, *samples)
		if p < suspicious {
			s.t.Errorf("the time tells %s from %s: p = %.2g", c.name, q.classes[0].name, p)
		}
	}
}

func firstDifference(a, b string) string {
	x, y := strings.Split(a, "\n"), strings.Split(b, "\n")
	for i := range min(len(x), len(y)) {
		if x[i] != y[i] {
			return fmt.Sprintf("line %d\n- %.300s\n+ %.300s", i, x[i], y[i])
		}
	}
	return fmt.Sprintf("%d and %d lines", len(x), len(y))
}

package recovery_test

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"strings"
	"time"

	"doverie/internal/effect"
	"doverie/internal/fault"
	"doverie/internal/policy"
	"doverie/internal/recovery"
	"doverie/internal/secret"
	"doverie/internal/trust"
)

// model is the store in memory, as the ports promise it: one decision at a time, each changed row
// under the version it was read at, everything or nothing. It exists for the property tests alone;
// the real stores have suites of their own.
type model struct {
	now        time.Time
	keys       *secret.Keyring
	p          policy.Policy
	people     []*person
	links      []trust.Link
	approvals  []trust.Approval
	actions    []trust.Action
	recoveries []attempt
	codes      []code
	timers     []timer
	plain      map[string]string // code id → code: what stands on a phone, not in the store
	secrets    []string          // every code, password and browser secret ever made
	taken      map[string][]time.Time
	blocks     map[string]bool

	between func()       // runs once, after a service has looked and before it decides: the racer
	fail    error        // the next commit is lost with this error
	watch   func(commit) // sees every commit, before and after
	careful bool         // false: versions are not compared (a defect the tests must notice)
}

type person struct {
	id, given, phone, email, snils, password string
	citizenship                              string
	confirmed, current                       bool
	age, quorum                              int
	simAt, passwordAt, recoveredAt           time.Time
	frozenAt, lockedUntil, holdUntil         time.Time
	sessions                                 []session
}

type session struct {
	id    string
	since time.Time
}

type attempt struct {
	recovery.Recovery
	browser []byte
}

type code struct {
	effect.IssueCode
	issued time.Time
	tries  int
	live   bool
	used   int
}

type timer struct {
	effect.Arm
}

// commit is one committed decision, for the invariants to judge.
type commit struct {
	act     effect.Act
	rows    []change
	effects []effect.Effect
}

// change is one row, before (nil when new) and after.
type change struct {
	object        string // as in Record.Object
	before, after any
}

func newModel(p policy.Policy, now time.Time) *model {
	keys, err := secret.NewKeyring([]byte("a master key for property tests, 32+ bytes"))
	if err != nil {
		panic(err)
	}
	return &model{
		now: now, keys: keys, p: p, plain: map[string]string{}, taken: map[string][]time.Time{}, blocks: map[string]bool{},
		careful: true, watch: func(commit) {},
	}
}

func (m *model) person(id string) *person {
	for _, h := range m.people {
		if h.id == id {
			return h
		}
	}
	return nil
}

func latest(times ...time.Time) time.Time {
	var out time.Time
	for _, t := range times {
		if t.After(out) {
			out = t
		}
	}
	return out
}

func (m *model) facts(h *person) trust.Facts {
	f := trust.Facts{
		Account: h.id, Given: h.given, Patronymic: "Ивановна", FamilyLetter: "П", Citizenship: h.citizenship, Confirmed: h.confirmed,
		Open: h.frozenAt.IsZero(), Frozen: !h.frozenAt.IsZero(), Age: h.age, Phone: h.phone, PhoneCurrent: h.current,
		SNILS: h.snils, SimChangedAt: h.simAt, ChangedAt: latest(h.passwordAt, h.recoveredAt),
	}
	for _, r := range m.recoveries {
		f.Recovering = f.Recovering || r.Account == h.id && r.Open()
	}
	return f
}

func (m *model) circle(around trust.Around) (trust.Circle, error) {
	c := trust.Circle{Now: m.now}
	missing := fault.New(fault.NotFound, "fault.not_found", nil)
	principal, wanted, found := around.Principal, around.Recovery+around.Action, around.Principal != ""
	for _, l := range m.links {
		if l.ID == around.Link {
			principal, c.Link, found = l.Principal, l, true
		}
	}
	for _, a := range m.approvals {
		if a.ID == around.Approval {
			principal, c.Approval, wanted, found = a.Principal, a, a.Object, true
		}
	}
	for _, r := range m.recoveries {
		if r.ID == wanted || len(around.Browser) > 0 && bytes.Equal(r.browser, around.Browser) {
			principal, c.Subject, found = r.Account, r.Recovery, true
		}
	}
	for _, a := range m.actions {
		if a.ID == wanted {
			principal, c.Subject, found = a.Account, a, true
		}
	}
	if !found {
		return c, missing
	}
	if h := m.person(principal); h != nil {
		c.Principal = m.facts(h)
		c.Protection = trust.Protection{
			Quorum: h.quorum, LockedUntil: h.lockedUntil, HoldUntil: h.holdUntil, FrozenAt: h.frozenAt, Email: h.email,
			PasswordChangedAt: h.passwordAt, RecoveredAt: h.recoveredAt, Asks: m.asks(h.id),
		}
	}
	for _, l := range m.links {
		switch {
		case l.Principal != principal:
		case l.Guards():
			c.Guardians = append(c.Guardians, trust.Guardian{Link: l, Contact: m.facts(m.person(l.Contact))})
		case l.State == trust.Invited:
			c.Invitations = append(c.Invitations, l)
		}
	}
	pending := func(p trust.Parent) {
		open := trust.Pending{Action: p}
		for _, a := range m.approvals {
			if a.Object == p.ActionID() {
				open.Approvals = append(open.Approvals, a)
			}
		}
		c.Pending = append(c.Pending, open)
	}
	for _, r := range m.recoveries {
		if r.Account == principal && principal != "" && r.Open() {
			pending(r.Recovery)
		}
	}
	for _, a := range m.actions {
		if a.Account == principal && (a.State == trust.Waiting || a.State == trust.ActionApproved) {
			pending(a)
		}
	}
	if around.Newcomer != "" {
		m.newcomer(&c, around.Newcomer, principal)
	}
	return c, nil
}

func (m *model) newcomer(c *trust.Circle, id, principal string) {
	h := m.person(id)
	c.Newcomer = trust.Newcomer{
		Facts: m.facts(h), NameHash: m.keys.Lookup(trust.LookupName, h.given), PhoneHash: m.keys.Lookup(trust.LookupPhone, h.phone),
		Blocked: m.blocks[id+" "+principal],
	}
	for _, l := range m.links {
		if l.Contact == id && l.Guards() {
			c.Newcomer.Principals++
		}
	}
}

func (m *model) asks(principal string) int {
	seen := map[string]bool{}
	for _, a := range m.approvals {
		if a.Principal == principal && a.Action == trust.ActionRecovery && a.AskedAt.After(m.now.Add(-24*time.Hour)) {
			seen[a.Object] = true
		}
	}
	return len(seen)
}

// Look implements trust.Circles.
func (m *model) Look(_ context.Context, around trust.Around) (trust.Circle, error) {
	return m.circle(around)
}

// Decide implements trust.Circles. Each decision is asked twice, the first time for nothing, with
// whatever a racer commits in between: it must be pure.
func (m *model) Decide(_ context.Context, act effect.Act, around trust.Around, decide func(trust.Circle) (trust.Outcome, error)) error {
	var try trust.Try
	if t := around.Try; t != nil { // counted once, however often the decision is asked
		try = m.attempt(around)
	}
	if c, err := m.circle(around); err == nil {
		c.Try = try
		_, _ = decide(c) // its answer was overtaken by an engine's retry
	}
	if racer := m.between; racer != nil {
		m.between = nil
		racer()
	}
	c, err := m.circle(around)
	if err != nil {
		return err
	}
	c.Try = try
	out, err := decide(c)
	if err != nil {
		return err
	}
	return m.commit(act, out, nil)
}

// attempt counts the attempt that goes ahead of a decision.
func (m *model) attempt(around trust.Around) trust.Try {
	bound := around.Try.Bound
	if bound == "" {
		r, _ := m.Of(ctx, around.Browser)
		bound = r.ID
	}
	p := m.p
	p.CodeTries = around.Try.Most
	try, err := m.CountTry(ctx, around.Try.Purpose, bound, p)
	try.Why = err
	return try
}

// Begin implements recovery.Attempts.
func (m *model) Begin(_ context.Context, act effect.Act, r recovery.Recovery, _ recovery.Owner, browser []byte, effects []effect.Effect) error {
	return m.commit(act, trust.Outcome{Actions: []trust.Parent{r}, Effects: effects}, browser)
}

// WithOwner implements recovery.Attempts.
func (m *model) WithOwner(_ context.Context, browser []byte) (recovery.Recovery, recovery.Owner, error) {
	r, err := m.Of(ctx, browser)
	if h := m.person(r.Account); h != nil {
		return r, m.owner(h), err
	}
	return r, recovery.Owner{}, err
}

// Of finds the recovery of a browser.
func (m *model) Of(_ context.Context, browser []byte) (recovery.Recovery, error) {
	for _, r := range m.recoveries {
		if bytes.Equal(r.browser, browser) {
			return r.Recovery, nil
		}
	}
	return recovery.Recovery{}, fault.New(fault.NotFound, "fault.not_found", nil)
}

// OpenOf implements recovery.Attempts.
func (m *model) OpenOf(_ context.Context, account string) (string, error) {
	for _, r := range m.recoveries {
		if r.Account == account && r.Open() {
			return r.ID, nil
		}
	}
	return "", nil
}

// Arrive, ByIdentifier, SNILS and HashNew implement recovery.Owners.
func (m *model) Arrive(_ context.Context, area, typed string, _ []byte) (recovery.Owner, error) {
	if err := m.Allow(ctx, "recovery_area", area, m.p.RecoveriesPerArea, time.Hour); err != nil {
		return recovery.Owner{}, err
	}
	return m.ByIdentifier(ctx, typed)
}

func (m *model) ByIdentifier(_ context.Context, typed string) (recovery.Owner, error) {
	for _, h := range m.people {
		if typed == h.phone || typed == h.snils || (h.email != "" && typed == h.email) {
			return m.owner(h), nil
		}
	}
	return recovery.Owner{}, nil
}

func (m *model) owner(h *person) recovery.Owner {
	return recovery.Owner{Account: h.id, Phone: h.phone, PhoneCurrent: h.current, Email: h.email}
}

func (m *model) SNILS(typed string) string { return typed }

func (m *model) HashNew(_ context.Context, _ recovery.Owner, password string) (string, error) {
	sum := sha256.Sum256([]byte(password))
	return hex.EncodeToString(sum[:]), nil
}

// CountTry and MaySend implement trust.Codes.
func (m *model) CountTry(_ context.Context, purpose, bound string, p policy.Policy) (trust.Try, error) {
	c := m.live(purpose, bound)
	if c == nil || c.tries >= p.CodeTries {
		return trust.Try{}, fault.New(fault.Refused, "fault.code.dead", nil)
	}
	c.tries++
	return trust.Try{CodeID: c.ID, Hash: c.Hash, Left: p.CodeTries - c.tries}, nil
}

func (m *model) live(purpose, bound string) *code {
	for i := len(m.codes) - 1; i >= 0; i-- {
		if c := &m.codes[i]; c.Purpose == purpose && c.Bound == bound && c.live && m.now.Before(c.ExpiresAt) {
			return c
		}
	}
	return nil
}

func (m *model) MaySend(_ context.Context, purpose, bound string, p policy.Policy) error {
	for _, c := range m.codes {
		if wait := c.issued.Add(p.CodeResend).Sub(m.now); c.Purpose == purpose && c.Bound == bound && wait > 0 {
			return fault.New(fault.Limited, "fault.code.too_soon", fault.Args{"After": wait})
		}
	}
	return nil
}

// Allow implements trust.Limiter.
func (m *model) Allow(_ context.Context, name, subject string, burst int, per time.Duration) error {
	key := name + " " + subject
	var recent []time.Time
	for _, at := range m.taken[key] {
		if at.After(m.now.Add(-per)) {
			recent = append(recent, at)
		}
	}
	if len(recent) >= burst {
		return fault.New(fault.Limited, "fault.limited."+name, fault.Args{"After": per})
	}
	m.taken[key] = append(recent, m.now)
	return nil
}

// Matching and Block implement trust.Newcomers.
func (m *model) Matching(_ context.Context, name, phone []byte) (string, error) {
	for _, h := range m.people {
		if h.current && bytes.Equal(phone, m.keys.Lookup(trust.LookupPhone, h.phone)) && bytes.Equal(name, m.keys.Lookup(trust.LookupName, h.given)) {
			return h.id, nil
		}
	}
	return "", nil
}

func (m *model) Block(_ context.Context, contact, principal string) error {
	m.blocks[contact+" "+principal] = true
	return nil
}

// parseInvited is what package account does for Links: here every name and phone is already folded.
func parseInvited(name, phone string) (key, e164, label string, err error) {
	if name == "" || !strings.HasPrefix(phone, "+7") {
		return "", "", "", fault.BadFields(fault.Field{Name: "phone", Key: "fault.phone"})
	}
	return name, phone, name + ", +7 ••• •••-••-" + phone[len(phone)-2:], nil
}

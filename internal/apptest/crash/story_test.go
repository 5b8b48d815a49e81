package crash

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"net/http"
	"regexp"
	"strings"
	"sync"
	"time"

	"doverie/internal/account"
	"doverie/internal/apptest"
)

// How long a code may take to reach a phone before its reader gives up. When the program was killed
// meanwhile, the code may have been on its pages already, which it has forgotten: no use in waiting long.
const (
	codeWait      = 10 * time.Second
	codeWaitAfter = 700 * time.Millisecond
)

// errGivenUp ends a story that a crash made impossible to go on with; its people take no further part.
var errGivenUp = errors.New("given up")

// acknowledged is everything the server has said yes to, by the name of the step.
type acknowledged struct {
	mu       sync.Mutex
	of       map[string]map[string]bool // step → account of the principal
	unknown  int                        // requests without an answer
	again    int                        // of them, those pressed again and then answered with a yes
	refused  int                        // of them, those pressed again and then told how things stand
	finished int                        // stories walked to an end
	fiveXX   map[string]int             // answers that say "try later"
}

func newAcknowledged() *acknowledged {
	return &acknowledged{of: map[string]map[string]bool{}, fiveXX: map[string]int{}}
}

func (a *acknowledged) yes(step, principal string) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.of[step] == nil {
		a.of[step] = map[string]bool{}
	}
	a.of[step][principal] = true
}

func (a *acknowledged) count(n *int) {
	a.mu.Lock()
	defer a.mu.Unlock()
	*n++
}

func (a *acknowledged) String() string {
	a.mu.Lock()
	defer a.mu.Unlock()
	steps := 0
	for _, who := range a.of {
		steps += len(who)
	}
	return fmt.Sprintf("%d stories walked to an end, %d decisions acknowledged, %d requests unanswered (%d of them pressed again with success, %d told how things stand), later: %v",
		a.finished, steps, a.unknown, a.again, a.refused, a.fiveXX)
}

// pair is one principal and his settled contact. Number gives them a network address of their own.
type pair struct {
	principal, contact account.Account
	number             int
}

// story walks one pair through one recovery, over HTTP, and writes down every yes it hears.
type story struct {
	pair
	node      *node
	heard     *acknowledged
	ctx       context.Context //nolint:containedctx // of one walk, not of a service
	lastCodes map[string]string
	starts    int64 // of the node, when the latest button was pressed

	pressedTwice bool // the latest button
}

// anywhere is the next page of a step that leads to wherever its person was going.
const anywhere = "anywhere"

// ends of a story: what its people do once the request is with the contact.
const (
	endApproved = iota
	endRejected
	endCancelled
	endForgotten // nobody does anything more
	endings
)

func (s *story) walk() error {
	applicant, contact := s.client(), s.client()
	s.lastCodes = map[string]string{}
	if err := s.step("start", applicant, "/recovery", "/recovery/code", "identifier", s.principal.Phone); err != nil {
		return err
	}
	if err := s.withCode("prove", applicant, s.principal, "/recovery/code", "/recovery"); err != nil {
		return err
	}
	switch s.number % (2 * endings) {
	case endCancelled:
		return s.step("cancel", applicant, "/recovery/cancel", "/recovery")
	case endForgotten:
		return nil
	}
	match, err := s.find(applicant, "/recovery/wait", matchNumber)
	if err != nil {
		return err
	}
	request, err := s.enter(contact)
	if err != nil {
		return err
	}
	if s.number%(2*endings) == endRejected {
		return s.step("reject", contact, request+"/reject", request, "reason", "fraud")
	}
	if err := s.step("answers", contact, request+"/questions", request, apptest.Answers(0)...); err != nil {
		return err
	}
	if err := s.step("match", contact, request+"/match", request, "number", match); err != nil {
		return err
	}
	if err := s.step("contact's code", contact, request+"/confirm", request+"/code"); err != nil {
		return err
	}
	if err := s.withCode("approve", contact, s.contact, request+"/code", request); err != nil {
		return err
	}
	if err := s.step("second code", applicant, "/recovery/finish/send", "/recovery/finish"); err != nil {
		return err
	}
	if err := s.withCode("verify", applicant, s.principal, "/recovery/finish", "/recovery"); err != nil {
		return err
	}
	return s.step("complete", applicant, "/recovery/password", "/recovery", "password", apptest.NewPassword)
}

// enter signs the contact in, with the step-up, and returns the address of his request.
func (s *story) enter(contact *apptest.Client) (request string, err error) {
	if err := s.step("sign-in", contact, "/sign-in", "/sign-in/code", "identifier", s.contact.Phone, "password", apptest.Password); err != nil {
		return "", err
	}
	if err := s.withCode("signed in", contact, s.contact, "/sign-in/code", anywhere); err != nil {
		return "", err
	}
	if err := s.step("step-up", contact, "/step-up", "/step-up/code", "password", apptest.Password); err != nil {
		return "", err
	}
	if err := s.withCode("stepped up", contact, s.contact, "/step-up/code", anywhere); err != nil {
		return "", err
	}
	return s.find(contact, "/approvals", requestLink)
}

func (s *story) client() *apptest.Client {
	return (&apptest.World{T: s.node.t, URL: s.node.url}).Client()
}

// from gives the pair its own network address, as the proxy in front would tell it.
func (s *story) from(r *http.Request) {
	r.Header.Set("X-Forwarded-For", fmt.Sprintf("10.%d.%d.1", s.number>>8, s.number&0xff))
}

// ask sends one request. ok is false when there was no answer, or one that says "try later".
func (s *story) ask(c *apptest.Client, method, path string, form ...string) (a apptest.Answer, ok bool) {
	values := apptest.Form(form...)
	if method == http.MethodGet {
		values = nil
	}
	a, err := c.Try(s.ctx, method, path, values, s.from)
	if err == nil && a.Status >= http.StatusInternalServerError {
		s.heard.mu.Lock()
		s.heard.fiveXX[fmt.Sprint(a.Status)]++
		s.heard.mu.Unlock()
	}
	return a, err == nil && a.Status < http.StatusInternalServerError
}

// step presses one button. A yes is the redirect to the next page. Whoever hears nothing waits for the
// server and presses once more: that must be safe, and either is a yes or tells how things stand.
func (s *story) step(name string, c *apptest.Client, path, want string, form ...string) error {
	s.starts = s.node.starts.Load()
	a, ok := s.ask(c, http.MethodPost, path, form...)
	s.pressedTwice = !ok
	again := false
	if !ok {
		s.heard.count(&s.heard.unknown)
		if !s.node.ready(s.ctx) {
			return errGivenUp
		}
		s.starts = s.node.starts.Load()
		if a, again = s.ask(c, http.MethodPost, path, form...); !again {
			return errGivenUp
		}
	}
	if a.Status != http.StatusSeeOther || !strings.HasPrefix(a.Location, "/") || a.Location == path || (want != anywhere && a.Location != want) {
		if again {
			s.heard.count(&s.heard.refused)
			return errGivenUp
		}
		return fmt.Errorf("%s: %d to %q, want %s: %s", name, a.Status, a.Location, want, apptest.Words(a.Body))
	}
	if again {
		s.heard.count(&s.heard.again)
	}
	s.heard.yes(name, s.principal.ID)
	return nil
}

func (s *story) withCode(name string, c *apptest.Client, reader account.Account, path, want string) error {
	code, err := s.code(c, reader.Phone)
	if err != nil {
		return err
	}
	pressedTwice := s.pressedTwice
	err = s.step(name, c, path, want, "code", code)
	if err == nil || errors.Is(err, errGivenUp) || !pressedTwice {
		return err
	}
	// The button that sent the code was pressed twice, and both were heard: the first code may have
	// come to the phone, and the second one counts.
	if code, err = s.code(c, reader.Phone); err != nil {
		return err
	}
	return s.step(name, c, path, want, "code", code)
}

var (
	matchNumber = regexp.MustCompile(`(?s)class="match-number[^"]*".*?(\d\d)`)
	requestLink = regexp.MustCompile(`href="(/approvals/[0-9a-f-]{36})"`)
	shownCode   = regexp.MustCompile(`\b(\d{3}\x{00a0}\d{3})\b`)
)

// find reads a page, in spite of one crash, and finds something on it.
func (s *story) find(c *apptest.Client, path string, what *regexp.Regexp) (string, error) {
	a, ok := s.ask(c, http.MethodGet, path)
	if !ok && s.node.ready(s.ctx) {
		a, ok = s.ask(c, http.MethodGet, path)
	}
	if !ok {
		return "", errGivenUp
	}
	m := what.FindStringSubmatch(a.Body)
	if m == nil {
		return "", fmt.Errorf("%s: %d, nothing like %s: %s", path, a.Status, what, apptest.Words(a.Body))
	}
	return m[1], nil
}

// code waits for the next code on a phone. The pages of phones forget when the program dies; whoever
// misses a code by that gives up.
func (s *story) code(c *apptest.Client, phone string) (string, error) {
	end := time.Now().Add(codeWait)
	for ; time.Now().Before(end); time.Sleep(15 * time.Millisecond) {
		if now := s.node.starts.Load(); now != s.starts {
			s.starts, end = now, time.Now().Add(codeWaitAfter)
		}
		a, ok := s.ask(c, http.MethodGet, "/demo/phones/"+strings.TrimPrefix(phone, "+"))
		if !ok {
			if !s.node.ready(s.ctx) {
				return "", errGivenUp
			}
			continue
		}
		if m := shownCode.FindStringSubmatch(a.Body); m != nil && m[1] != s.lastCodes[phone] {
			s.lastCodes[phone] = m[1]
			return m[1], nil
		}
	}
	return "", errGivenUp
}

// heardBy copies who was told yes at a step.
func (a *acknowledged) heardBy(step string) map[string]bool {
	a.mu.Lock()
	defer a.mu.Unlock()
	return maps.Clone(a.of[step])
}

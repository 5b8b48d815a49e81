package waterworks

import (
	"slices"
	"sync"
	"time"

	"doverie/internal/secret"
)

// session is one signed-in browser.
type session struct {
	id, sub, sid string
	idToken      string
	claims       map[string]any
	acr          string
	at           time.Time
	news         []news // newest first
	ended        *ending
}

// news is one thing that the service told about the person.
type news struct {
	event string // the last word of the event's URI
	words map[string]string
	at    time.Time
}

// ending is why somebody was signed out.
type ending struct {
	event string // of the signal; empty: a logout token said it alone
	words map[string]string
	at    time.Time
}

// login is a sign-in on its way through the service.
type login struct {
	state, nonce, verifier string
	began                  time.Time
}

// The bounds of what is kept.
const (
	mostKept  = 1000
	keepLogin = 15 * time.Minute
	keepEnded = 2 * time.Hour
	mostNews  = 5
)

// book is everything the site remembers. It is safe for concurrent use.
type book struct {
	mu       sync.Mutex
	sessions map[string]*session
	logins   map[string]login
	seen     []string // jti of tokens, newest last
	bells    map[chan struct{}]bool
}

func newBook() *book {
	return &book{sessions: map[string]*session{}, logins: map[string]login{}, bells: map[chan struct{}]bool{}}
}

// begin keeps a sign-in and gives the cookie that belongs to it.
func (b *book) begin(l login) (cookie string) {
	b.mu.Lock()
	defer b.mu.Unlock()
	for id, old := range b.logins {
		if len(b.logins) >= mostKept || l.began.Sub(old.began) > keepLogin {
			delete(b.logins, id)
		}
	}
	cookie = secret.Token()
	b.logins[cookie] = l
	return cookie
}

// take gives the sign-in of a cookie, once.
func (b *book) take(cookie string, now time.Time) (login, bool) {
	b.mu.Lock()
	defer b.mu.Unlock()
	l, ok := b.logins[cookie]
	delete(b.logins, cookie)
	return l, ok && now.Sub(l.began) <= keepLogin
}

// enter keeps a signed-in browser.
func (b *book) enter(s session) (cookie string) {
	b.mu.Lock()
	defer b.mu.Unlock()
	for id, old := range b.sessions {
		if len(b.sessions) >= mostKept || old.ended != nil && s.at.Sub(old.ended.at) > keepEnded {
			delete(b.sessions, id)
		}
	}
	s.id = secret.Token()
	b.sessions[s.id] = &s
	return s.id
}

// find gives a copy of the session of a cookie.
func (b *book) find(cookie string) (session, bool) {
	b.mu.Lock()
	defer b.mu.Unlock()
	s, ok := b.sessions[cookie]
	if !ok {
		return session{}, false
	}
	found := *s
	found.news = slices.Clone(s.news)
	return found, true
}

// leave forgets a session.
func (b *book) leave(cookie string) {
	b.mu.Lock()
	defer b.mu.Unlock()
	delete(b.sessions, cookie)
}

// fresh notes a token's id and reports whether it came for the first time: what comes twice was sent twice.
func (b *book) fresh(jti string) bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	if jti == "" || slices.Contains(b.seen, jti) {
		return false
	}
	b.seen = append(b.seen, jti)
	if len(b.seen) > mostKept {
		b.seen = slices.Delete(b.seen, 0, len(b.seen)-mostKept)
	}
	return true
}

// end signs people out: the session of the sid, or without one every session of the sub. A signal that comes after the
// logout token says why.
func (b *book) end(sub, sid string, why ending) {
	b.each(sub, sid, func(s *session) {
		if s.ended == nil || s.ended.event == "" || why.words != nil && s.ended.words == nil {
			at := why.at
			if s.ended != nil {
				at = s.ended.at
			}
			why.at = at
			ended := why
			s.ended = &ended
		}
	})
}

// tell shows news to a person's sessions.
func (b *book) tell(sub string, n news) {
	b.each(sub, "", func(s *session) {
		if s.ended == nil {
			s.news = append([]news{n}, s.news...)
			s.news = s.news[:min(len(s.news), mostNews)]
		}
	})
}

func (b *book) each(sub, sid string, do func(*session)) {
	b.mu.Lock()
	defer b.mu.Unlock()
	for _, s := range b.sessions {
		if s.sub == sub && (sid == "" || s.sid == sid) {
			do(s)
		}
	}
	for bell := range b.bells {
		select {
		case bell <- struct{}{}:
		default:
		}
	}
}

// listen gives a channel that rings when anything changed.
func (b *book) listen() (bell chan struct{}, stop func()) {
	bell = make(chan struct{}, 1)
	b.mu.Lock()
	defer b.mu.Unlock()
	b.bells[bell] = true
	return bell, func() {
		b.mu.Lock()
		defer b.mu.Unlock()
		delete(b.bells, bell)
	}
}

package waterworks

import (
	"net/http"
	"time"

	"doverie/internal/i18n"
)

// view is what the page shows.
type view struct {
	Lang, Other string
	Service     string // address of the service
	Failed      bool   // signing in did not work
	Ended       *shownNews
	Person      *person
}

// person is a signed-in person: what was told of him.
type person struct {
	Name      string // how he is greeted
	Facts     []fact
	Recovered *time.Time
	News      []shownNews
	Sent, Due time.Time // of the made-up bill
}

// When the readings of the made-up bill were sent, and when it is due.
const (
	sentAgo = 48 * time.Hour
	dueIn   = 18 * 24 * time.Hour
)

// fact is one claim: its label is the locale key "waterworks.claim."+Name.
type fact struct {
	Name, Value string
	Key         string // of the value, when it has words of its own
}

// shownNews is one thing that the service told, in the reader's language.
type shownNews struct {
	Event string
	Words string // of the service; may be empty
	At    time.Time
}

func (s *Site) home(w http.ResponseWriter, r *http.Request) {
	found, ok := s.book.find(valueOf(r, sessionCookie))
	lang := s.lang(r)
	switch {
	case !ok:
		s.send(w, r, http.StatusOK, view{})
	case found.ended != nil:
		e := found.ended
		s.send(w, r, http.StatusOK, view{Ended: &shownNews{Event: e.event, Words: e.words[lang], At: e.at}})
	default:
		s.send(w, r, http.StatusOK, view{Person: s.shown(found, lang)})
	}
}

// shown is the person as his own page shows him.
func (s *Site) shown(x session, lang string) *person {
	text := func(name string) string {
		v, _ := x.claims[name].(string)
		return v
	}
	p := &person{Name: text("given_name"), Sent: x.at.Add(-sentAgo), Due: x.at.Add(dueIn)}
	if more := text("middle_name"); more != "" && lang == i18n.Russian {
		p.Name += " " + more
	}
	for _, f := range []fact{
		{Name: "name", Value: text("name")}, {Name: "phone", Value: i18n.Phone(text("phone_number"))}, {Name: "email", Value: text("email")},
		{Name: "level", Value: text("account_level"), Key: "waterworks.level." + text("account_level")}, {Name: "sub", Value: x.sub},
	} {
		if f.Value != "" {
			p.Facts = append(p.Facts, f)
		}
	}
	if at, ok := x.claims["recovered_at"].(float64); ok {
		recovered := time.Unix(int64(at), 0)
		p.Recovered = &recovered
	}
	for _, n := range x.news {
		p.News = append(p.News, shownNews{Event: n.event, Words: n.words[lang], At: n.at})
	}
	return p
}

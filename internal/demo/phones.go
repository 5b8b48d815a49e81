package demo

import (
	"net/http"
	"regexp"
	"slices"
	"strings"
	"time"

	"doverie/internal/account"
	"doverie/internal/effect"
	"doverie/internal/fault"
	"doverie/internal/httpx"
	"doverie/internal/notify"
	"doverie/internal/ui"
)

// PhonesPath is the page of all phones.
const PhonesPath = "/demo/phones"

// Phones shows what the development phone received, as each one's phone and mailbox.
type Phones struct {
	Kit    *httpx.Kit
	Device *notify.DevPhone
	Site   string   // address of the site: links to it can be pressed
	People []Person // shown first and by name; other addresses follow
	Clock  bool     // the page of all phones offers to set the clock forward
}

// How much one page shows, newest first.
const (
	shownOfOne = 60
	shownOfAll = 6
	refresh    = 4 // seconds, without JavaScript
	aliveEvery = 15 * time.Second
)

// Mount adds the pages.
func (p Phones) Mount(mux *http.ServeMux) {
	mux.Handle("GET /demo/phones", p.Kit.Handle(p.all))
	mux.Handle("GET /demo/phones/stream", p.Kit.Handle(p.stream))
	mux.Handle("GET /demo/phones/{key}", p.Kit.Handle(p.one))
}

func (p Phones) all(w http.ResponseWriter, r *http.Request) error {
	page := ui.DemoPhones{Clock: p.Clock}
	for _, o := range p.owners() {
		page.Phones = append(page.Phones, p.phone(o, shownOfAll))
	}
	return p.Kit.Page(w, r, page, httpx.Live(PhonesPath+"/stream", refresh), wide)
}

func wide(l *ui.Layout) { l.BodyClass = "wide" }

func (p Phones) one(w http.ResponseWriter, r *http.Request) error {
	key := r.PathValue("key")
	for _, o := range p.owners() {
		if o.key == key {
			return p.Kit.Page(w, r, ui.DemoPhonePage{Phone: p.phone(o, shownOfOne)}, httpx.Live(PhonesPath+"/stream", refresh))
		}
	}
	return fault.New(fault.NotFound, "fault.not_found", nil)
}

// stream rings whenever anybody received something.
func (p Phones) stream(w http.ResponseWriter, r *http.Request) error {
	bell, stop := p.Device.Subscribe("")
	defer stop()
	return httpx.Ring(w, r, bell)
}

// owner is somebody with a phone, a mailbox or both.
type owner struct {
	key, name, phone, email string
}

// owners lists the people, then every other address that received anything: whoever registers himself in
// the demonstration needs his codes too.
func (p Phones) owners() []owner {
	var out []owner
	known := map[string]bool{}
	for _, person := range p.People {
		out = append(out, owner{person.Key, person.Polite(), person.Phone, person.Email})
		known[person.Phone], known[person.Email] = true, true
	}
	for _, address := range p.Device.Addresses() {
		switch {
		case known[address]:
		case strings.Contains(address, "@"):
			out = append(out, owner{key: address, name: address, email: address})
		default:
			out = append(out, owner{key: strings.TrimPrefix(address, "+"), name: account.ShowPhone(address), phone: address})
		}
	}
	return out
}

func (p Phones) phone(o owner, limit int) ui.DemoPhone {
	shown := ui.DemoPhone{Name: o.name, Email: o.email, Href: PhonesPath + "/" + o.key}
	if o.phone != "" {
		shown.Number = account.ShowPhone(o.phone)
	}
	var all []notify.Received
	for _, address := range []string{o.phone, o.email} {
		if address != "" {
			all = append(all, p.Device.Messages(address)...)
		}
	}
	slices.SortFunc(all, func(a, b notify.Received) int { return int(b.Seq - a.Seq) })
	shown.More = max(0, len(all)-limit)
	for _, m := range all[:min(limit, len(all))] {
		shown.Messages = append(shown.Messages, ui.DemoMessage{
			Mail: m.Channel == effect.Email, From: m.Sender, Subject: m.Text.Subject, At: m.At, Lines: p.lines(m.Text.Body),
		})
	}
	return shown
}

// groups are the halves of a code, which must not part at the end of a line.
var groups = regexp.MustCompile(`\b(\d{3}) (\d{3})\b`)

// lines splits a text and finds the addresses of this site in it.
func (p Phones) lines(body string) []ui.DemoLine {
	var out []ui.DemoLine
	for text := range strings.Lines(body) {
		text = strings.TrimSpace(text)
		if text == "" {
			continue
		}
		line := ui.DemoLine{Text: groups.ReplaceAllString(text, "$1\u00a0$2")}
		if at := strings.Index(text, p.Site+"/"); p.Site != "" && at >= 0 {
			link, _, _ := strings.Cut(text[at:], " ")
			line.Text, line.Link = strings.TrimSpace(text[:at]), strings.TrimPrefix(link, p.Site)
		}
		out = append(out, line)
	}
	return out
}

package messages

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"mime"
	"net/http"
	"net/http/httptest"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"doverie/internal/account"
	"doverie/internal/app"
	"doverie/internal/apptest"
	"doverie/internal/apptest/mailserver"
	"doverie/internal/apptest/smsc"
	"doverie/internal/effect"
	"doverie/internal/i18n"
	"doverie/internal/notify"
	"doverie/internal/notify/httpsms"
	"doverie/internal/notify/smpp"
	"doverie/internal/notify/smtp"
	"doverie/internal/secret"
	"doverie/internal/trust"
)

// reader reads phones: what the SMS centre was given, put together as a phone does it.
type reader struct {
	t      *testing.T
	w      *apptest.World
	centre *smsc.Centre
	texts  *notify.Texts
}

// messages are the whole messages of a phone, oldest first. A concatenated one is joined by its reference (3GPP TS
// 23.040 §9.2.3.24.1: 00 03 reference parts part).
func (r *reader) messages(phone string) []string {
	r.t.Helper()
	var out []string
	halves := map[string][]string{}
	for _, e := range r.centre.Submits(phone) {
		if e.From != "Doverie" {
			r.t.Errorf("the sender is %q", e.From)
		}
		if len(e.UDH) == 0 {
			out = append(out, e.Text)
			continue
		}
		header := strings.Join(e.UDH, "")
		if len(header) < 10 || !strings.HasPrefix(header, "0003") {
			r.t.Fatalf("the header %q joins nothing", header)
		}
		reference := header[4:6]
		parts, _ := strconv.ParseInt(header[6:8], 16, 8)
		part, _ := strconv.ParseInt(header[8:10], 16, 8)
		if int(part) != len(halves[reference])+1 {
			r.t.Errorf("part %d of %d came as number %d", part, parts, len(halves[reference])+1)
		}
		if halves[reference] = append(halves[reference], e.Text); len(halves[reference]) == int(parts) {
			out = append(out, strings.Join(halves[reference], ""))
			delete(halves, reference)
		}
	}
	if len(halves) > 0 {
		r.t.Errorf("%d messages to %s are half there", len(halves), phone)
	}
	return out
}

// code is the code of the newest message of a kind. The whole text is compared byte for byte with what the templates
// make of that code.
func (r *reader) code(who account.Account, kind notify.Kind, args ...string) string {
	r.t.Helper()
	r.w.Settle()
	all := r.messages(who.Phone)
	for _, text := range slices.Backward(all) {
		code := secret.NormalizeCode(digits(text))
		if len(code) != 6 {
			continue
		}
		filled := map[string]string{"code": code}
		for i := 0; i+1 < len(args); i += 2 {
			filled[args[i]] = args[i+1]
		}
		want, err := r.texts.Render(kind, effect.SMS, "ru", filled)
		if err != nil {
			r.t.Fatal(err)
		}
		if text == want.Body {
			return code
		}
	}
	r.t.Fatalf("no %s on the phone of %s: %q", kind, who.Given, all)
	return ""
}

// digits are the digits of the one code in a text, with what parts their groups.
func digits(text string) string {
	_, rest, found := strings.Cut(text, "Код")
	if !found {
		_, rest, _ = strings.Cut(text, "код")
	}
	from := strings.IndexAny(rest, "0123456789")
	if from < 0 {
		return ""
	}
	end := from
	for end < len(rest) && strings.ContainsRune("0123456789- ", rune(rest[end])) {
		end++
	}
	return rest[from:end]
}

// gateway is a second carrier of SMS, which also sends signed delivery reports.
type gateway struct {
	mu   sync.Mutex
	got  []letter
	busy bool
}

func (g *gateway) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	var l letter
	if err := json.NewDecoder(r.Body).Decode(&l); err != nil {
		w.WriteHeader(http.StatusBadRequest)
		return
	}
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.busy {
		w.WriteHeader(http.StatusServiceUnavailable)
		return
	}
	g.got = append(g.got, l)
	_, _ = fmt.Fprintf(w, `{"id": "gw-%d"}`, len(g.got))
}

var reportSecret = []byte("0123456789abcdef0123456789abcdef")

// world is the whole server with every carrier real: SMPP first, an HTTP gateway for recovery codes, and a mail server.
func world(t *testing.T) (*reader, *mailserver.Server, *gateway) {
	t.Helper()
	centre := smsc.Start(t, "--receipts", "tlv")
	mail := mailserver.Start(t, mailserver.Options{})
	spare := &gateway{}
	server := httptest.NewServer(spare)
	t.Cleanup(server.Close)
	w := apptest.New(t, "postgres", apptest.Options{Carriers: app.Carriers{
		SMPP: []smpp.Config{{Name: "main", Address: centre.Address, SystemID: smsc.SystemID, Password: smsc.Password, Sender: "Doverie", Rate: 200}},
		HTTP: []app.Gateway{{
			Config: httpsms.Config{Name: "spare", URL: server.URL, Body: `{"to":"{to}","text":"{text}","key":"{key}"}`, Sender: "Doverie", IDPath: "id"},
			Reports: &httpsms.ReportConfig{
				Secrets: [][]byte{reportSecret}, IDPath: "id", StatePath: "state", States: map[string]notify.State{"done": notify.Arrived, "gone": notify.Lost},
			},
		}},
		SMTP:  []smtp.Config{{Name: "mail", Address: mail.Address, CAFile: mail.CA, From: "no-reply@doverie.example"}},
		SMS:   []string{"main", "spare"},
		Email: []string{"mail"},
		Kinds: map[notify.Kind][]string{notify.RegisterCode: {"spare", "main"}},
	}})
	lines, hangUp := context.WithCancel(context.WithoutCancel(t.Context()))
	done := make(chan struct{})
	go func() { defer close(done); w.Connect(lines) }()
	t.Cleanup(func() { hangUp(); <-done })
	waiting, enough := context.WithTimeout(t.Context(), time.Minute)
	defer enough()
	if _, err := centre.Wait(waiting, func(e smsc.Event) bool { return e.Event == "bind" && e.OK }); err != nil {
		t.Fatalf("the line to the centre: %v", err)
	}
	texts, err := notify.NewTexts(w.Texts, w.URL, w.Policy.Location())
	if err != nil {
		t.Fatal(err)
	}
	return &reader{t: t, w: w, centre: centre, texts: texts}, mail, spare
}

// TestTheStoryWithRealCarriers is B1 of the messages: a whole recovery with a contact, every SMS through an SMS centre and every
// letter through a mail server that nobody here wrote.
func TestTheStoryWithRealCarriers(t *testing.T) {
	r, mail, _ := world(t)
	w, people := r.w, r.w.AddFamily()
	vera, alexey := people.Vera, people.Alexey
	signedIn := func(who account.Account) *apptest.Client {
		c := w.Client()
		c.Want(c.Post("/sign-in", "identifier", who.Phone, "password", apptest.Password), "/sign-in/code")
		code := r.code(who, notify.SignInCode)
		if page := arrived(t, c, "/sign-in/code"); !strings.Contains(page, "Доставлено") {
			t.Errorf("the page does not say that the code has arrived: %s", page)
		}
		c.Want(c.Post("/sign-in/code", "code", code), "/settings")
		c.Want(c.Post("/step-up", "password", apptest.Password, "next", "/settings/account"), "/step-up/code")
		c.Want(c.Post("/step-up/code", "code", r.code(who, notify.StepUpCode), "next", "/settings/account"), "/settings/account")
		return c
	}
	owner := signedIn(vera)
	owner.Want(owner.Post("/settings/safety/trusted-contacts/add", "name", alexey.Given, "phone", alexey.Phone), "/settings/safety/trusted-contacts")
	w.Settle()
	link := linkOf(t, w, vera)
	contact := signedIn(alexey)
	contact.Want(contact.Post("/invitations/"+link+"/accept"), "/settings/safety/trusted-contacts")
	w.Advance(w.Policy.Settling)

	contact = signedIn(alexey)
	applicant := w.Client()
	applicant.Want(applicant.Post("/recovery", "identifier", vera.Phone), "/recovery/code")
	first := r.code(vera, notify.RecoveryCode)
	if page := arrived(t, applicant, "/recovery/code"); strings.Contains(page, "Доставлено") || strings.Contains(page, "Отправлено") {
		t.Errorf("the page of a stranger tells of a delivery (I6): %s", page)
	}
	applicant.Want(applicant.Post("/recovery/code", "code", first), "/recovery")
	match := applicant.Match()
	request := contact.Request()
	contact.Want(contact.Post(request+"/questions", apptest.Answers(0)...), request)
	contact.Want(contact.Post(request+"/match", "number", match), request)
	contact.Want(contact.Post(request+"/confirm"), request+"/code")
	approval := r.code(alexey, notify.ApprovalCode, "first_name", "Вера С.", "action", "recovery")
	if page := arrived(t, contact, request+"/code"); !strings.Contains(page, "Доставлено") {
		t.Errorf("the contact is not told that his code has arrived: %s", page)
	}
	contact.Want(contact.Post(request+"/code", "code", approval), request)
	applicant.Want(applicant.Post("/recovery/finish/send"), "/recovery/finish")
	applicant.Want(applicant.Post("/recovery/finish", "code", r.code(vera, notify.RecoveryFinishCode)), "/recovery")
	applicant.Want(applicant.Post("/recovery/password", "password", apptest.NewPassword), "/recovery")
	w.Settle()

	// Every text of every phone is within two parts, in UCS-2, from the fixed sender, without an address.
	for _, who := range []account.Account{vera, alexey} {
		all := r.messages(who.Phone)
		long := 0
		for _, text := range all {
			n, ucs2 := notify.Segments(text)
			if n > 2 || !ucs2 || !strings.HasPrefix(text, "Доверие: ") || strings.Contains(text, "http") {
				t.Errorf("%d parts, UCS-2 %t: %q", n, ucs2, text)
			}
			if n == 2 {
				long++
			}
		}
		if long == 0 {
			t.Errorf("%s got no concatenated message: nothing is proved about them", who.Given)
		}
		t.Logf("%s: %d SMS, %d of them of two parts", who.Given, len(all), long)
	}
	// The letters, both alternatives, with the words of the templates.
	printer := w.Texts.Printer(i18n.Russian, w.Policy.Location())
	for who, kinds := range map[string][]notify.Kind{
		vera.Email:   {notify.RecoveryAttempt, notify.RecoveryCompleted},
		alexey.Email: {notify.RecoveryAsked},
	} {
		letters := mail.WaitFor(t, who, len(kinds))
		for _, kind := range kinds {
			subject := printer.Named("message."+string(kind)+".title", map[string]any{})
			i := slices.IndexFunc(letters, func(m mailserver.Message) bool {
				return strings.Contains(m.Raw, "doverie.example") && subjectOf(m) == subject
			})
			if i < 0 {
				t.Errorf("no letter %q to %s", subject, who)
				continue
			}
			if m := letters[i]; !strings.Contains(m.Text, printer.T("message.mail.never")) || !strings.Contains(m.HTML, printer.T("message.mail.greeting")) || !strings.Contains(m.HTML, "<html") || m.Header.Get("List-Unsubscribe") != "" {
				t.Errorf("the letter %q: %q", subject, m.Text)
			}
		}
	}
	// The ledger knows of each part, and nothing is left over.
	parts := 0
	for _, e := range r.centre.Events() {
		if e.Event == "submit" {
			parts++
		}
	}
	deadline := time.Now().Add(10 * time.Second)
	known := func() int {
		return w.DB.Count(t, `SELECT COUNT(*) FROM message_parts WHERE carrier = 'main' AND state = 'arrived'`)
	}
	for known() < parts && time.Now().Before(deadline) {
		time.Sleep(20 * time.Millisecond)
	}
	if n := known(); n != parts {
		t.Errorf("%d of %d parts have arrived in the ledger", n, parts)
	}
	if n := w.DB.Count(t, `SELECT COUNT(*) FROM outbox WHERE done_at IS NULL OR repeated = TRUE`); n != 0 {
		t.Errorf("%d messages are open or repeated", n)
	}
}

// arrived reloads a page until its receipt is written, at most five seconds.
func arrived(t *testing.T, c *apptest.Client, path string) string {
	t.Helper()
	page := ""
	for range 50 {
		if page = apptest.Words(c.Get(path).Body); strings.Contains(page, "Доставлено") {
			break
		}
		time.Sleep(20 * time.Millisecond)
	}
	return page
}

func linkOf(t *testing.T, w *apptest.World, who account.Account) (id string) {
	t.Helper()
	links, err := w.Links.Circles.Look(t.Context(), trust.Around{Principal: who.ID})
	if err != nil || len(links.Invitations) != 1 {
		t.Fatalf("%d invitations, %v", len(links.Invitations), err)
	}
	return links.Invitations[0].ID
}

func subjectOf(m mailserver.Message) string {
	subject, err := new(mime.WordDecoder).DecodeHeader(m.Header.Get("Subject"))
	if err != nil {
		return ""
	}
	return subject
}

// TestFallBackAndReports: the SMS centre is gone, the gateway takes over; its signed report reaches the page, and a
// forged or repeated one changes nothing.
func TestFallBackAndReports(t *testing.T) {
	r, _, spare := world(t)
	w := r.w
	spare.busy = true
	c := w.Client()
	form := []string{"family", "Орлова", "given", "Анна", "phone", "+79161230011", "password", apptest.NewPassword}
	c.Want(c.Post("/register", form...), "/register/code")
	if r.code(account.Account{Phone: "+79161230011", Given: "Анна"}, notify.RegisterCode) == "" || len(spare.got) != 0 {
		t.Error("the order of this kind names the gateway first, and the centre when it is busy")
	}
	spare.busy = false
	w.Clock.Advance(2 * time.Minute)
	c = w.Client()
	form[5] = "+79161230012"
	c.Want(c.Post("/register", form...), "/register/code")
	w.Settle()
	if len(spare.got) != 1 || spare.got[0].To != "+79161230012" {
		t.Fatalf("the gateway got %+v", spare.got)
	}
	page := apptest.Words(c.Get("/register/code").Body)
	if !strings.Contains(page, "Отправлено") {
		t.Errorf("the page does not say that it was sent: %s", page)
	}
	report := func(body string, sign []byte, at time.Time) int {
		t.Helper()
		stamp := strconv.FormatInt(at.Unix(), 10)
		post, err := http.NewRequestWithContext(t.Context(), http.MethodPost, w.URL+app.ReportsPath("spare"), bytes.NewReader([]byte(body)))
		if err != nil {
			t.Fatal(err)
		}
		post.Header.Set("Content-Type", "application/json")
		post.Header.Set("Origin", "https://gateway.example") // a machine on another site: no cookie, and its signature counts
		post.Header.Set("X-Timestamp", stamp)
		post.Header.Set("X-Signature", fmt.Sprintf("%x", httpsms.Sign(sign, stamp, []byte(body))))
		answer, err := http.DefaultClient.Do(post)
		if err != nil {
			t.Fatal(err)
		}
		defer answer.Body.Close()
		return answer.StatusCode
	}
	now := w.Clock.Now()
	for _, c := range []struct {
		what string
		got  int
		want int
	}{
		{"forged", report(`{"id":"gw-1","state":"gone"}`, []byte("another secret of sixteen"), now), http.StatusUnauthorized},
		{"stale", report(`{"id":"gw-1","state":"gone"}`, reportSecret, now.Add(-time.Hour)), http.StatusUnauthorized},
		{"unreadable", report(`{"state":"gone"}`, reportSecret, now), http.StatusBadRequest},
		{"good", report(`{"id":"gw-1","state":"done"}`, reportSecret, now), http.StatusNoContent},
		{"repeated", report(`{"id":"gw-1","state":"done"}`, reportSecret, now), http.StatusNoContent},
		{"contradicting", report(`{"id":"gw-1","state":"gone"}`, reportSecret, now), http.StatusNoContent},
	} {
		if c.got != c.want {
			t.Errorf("%s: status %d, want %d", c.what, c.got, c.want)
		}
	}
	page = apptest.Words(c.Get("/register/code").Body)
	if want := "Доставлено " + w.Clock.Now().In(w.Policy.Location()).Format("15:04"); !strings.Contains(page, want) {
		t.Errorf("the page does not say %q: %s", want, page)
	}
	if answer, err := http.Post(w.URL+app.ReportsPath("main"), "application/json", strings.NewReader("{}")); err != nil || answer.StatusCode != http.StatusNotFound {
		t.Errorf("a carrier without reports: %v %v", answer.StatusCode, err)
	}
}

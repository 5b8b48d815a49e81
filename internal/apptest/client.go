package apptest

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"io"
	"net/http"
	"net/http/cookiejar"
	"net/url"
	"regexp"
	"strings"
	"testing"
	"time"

	"doverie/internal/account"
	"doverie/internal/notify"
)

// Client is a browser without a screen: cookies, forms, no scripts. It shows each redirect instead of
// following it, so that a test sees what the server said.
type Client struct {
	t    testing.TB
	w    *World
	http *http.Client
	lang string

	address string
}

// From makes the client's requests come from that network address: the world must believe its proxy (Options.Proxies).
func (c *Client) From(address string) *Client {
	c.address = address
	return c
}

// Answer is one response, read to its end.
type Answer struct {
	Status   int
	Location string // path of a redirect
	Body     string
	Header   http.Header
}

// Client gives somebody a fresh browser without a screen.
func (w *World) Client() *Client {
	w.T.Helper()
	jar, err := cookiejar.New(nil)
	if err != nil {
		w.T.Fatal(err)
	}
	transport := &http.Transport{MaxIdleConnsPerHost: 4}
	if w.server != nil && w.server.TLS != nil { // nil: a program that runs elsewhere
		transport.TLSClientConfig = &tls.Config{RootCAs: x509.NewCertPool(), MinVersion: tls.VersionTLS13}
		transport.TLSClientConfig.RootCAs.AddCert(w.server.Certificate())
	}
	return &Client{t: w.T, w: w, lang: "ru", http: &http.Client{
		Jar: jar, Timeout: time.Minute, Transport: transport,
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}}
}

// Leave closes the client's connections, for tests with more clients than a process may open files.
func (c *Client) Leave() { c.http.CloseIdleConnections() }

// Cookies are the names and values of the client's cookies.
func (c *Client) Cookies() map[string]string {
	base, err := url.Parse(c.w.URL)
	if err != nil {
		c.t.Fatal(err)
	}
	all := map[string]string{}
	for _, one := range c.http.Jar.Cookies(base) {
		all[one.Name] = one.Value
	}
	return all
}

// SetCookie puts a cookie into the client's jar: a stolen or a planted one. An empty value takes it out.
func (c *Client) SetCookie(name, value string) {
	base, err := url.Parse(c.w.URL)
	if err != nil {
		c.t.Fatal(err)
	}
	one := &http.Cookie{Name: name, Value: value, Path: "/", Secure: base.Scheme == "https"}
	if value == "" {
		one.MaxAge = -1
	}
	c.http.Jar.SetCookies(base, []*http.Cookie{one})
}

// Do sends one request; change may alter it before it goes.
func (c *Client) Do(method, path string, form url.Values, change ...func(*http.Request)) Answer {
	c.t.Helper()
	a, err := c.Try(context.Background(), method, path, form, change...)
	if err != nil {
		c.t.Fatalf("%s %s: %v", method, path, err)
	}
	return a
}

// Try is Do that returns its error: for parallel use and for servers that die.
func (c *Client) Try(ctx context.Context, method, path string, form url.Values, change ...func(*http.Request)) (Answer, error) {
	var body io.Reader
	if form != nil {
		body = strings.NewReader(form.Encode())
	}
	r, err := http.NewRequestWithContext(ctx, method, c.w.URL+path, body)
	if err != nil {
		return Answer{}, err
	}
	r.Header.Set("Accept-Language", c.lang)
	r.Header.Set("User-Agent", "Mozilla/5.0 (Linux; Android 10) AppleWebKit/537.36 Chrome/120.0 Mobile Safari/537.36")
	if form != nil {
		r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
		r.Header.Set("Origin", c.w.URL)
		r.Header.Set("Sec-Fetch-Site", "same-origin")
	}
	if c.address != "" {
		r.Header.Set("X-Forwarded-For", c.address)
	}
	for _, f := range change {
		f(r)
	}
	response, err := c.http.Do(r)
	if err != nil {
		return Answer{}, err
	}
	defer response.Body.Close()
	text, err := io.ReadAll(response.Body)
	return Answer{
		Status: response.StatusCode, Location: strings.TrimPrefix(response.Header.Get("Location"), c.w.URL), Body: string(text), Header: response.Header,
	}, err
}

// Get reads a page.
func (c *Client) Get(path string) Answer {
	c.t.Helper()
	return c.Do(http.MethodGet, path, nil)
}

// Post sends a form of name, value, name, value ….
func (c *Client) Post(path string, fields ...string) Answer {
	c.t.Helper()
	return c.Do(http.MethodPost, path, Form(fields...))
}

// Form makes a form of name, value, name, value ….
func Form(fields ...string) url.Values {
	form := url.Values{}
	for i := 0; i+1 < len(fields); i += 2 {
		form.Add(fields[i], fields[i+1])
	}
	return form
}

// Want fails unless the answer is a redirect to that path.
func (c *Client) Want(a Answer, path string) {
	c.t.Helper()
	if a.Status != http.StatusSeeOther || !strings.HasPrefix(a.Location, path) {
		c.t.Fatalf("got %d to %q, want a redirect to %s\n%s", a.Status, a.Location, path, Words(a.Body))
	}
}

var tags = regexp.MustCompile(`(?s)<style.*?</style>|<svg.*?</svg>|<[^>]*>`)

// Words is the text of a page without its markup.
func Words(page string) string {
	return strings.Join(strings.Fields(tags.ReplaceAllString(page, " ")), " ")
}

// SignIn signs a person in with password and SMS code.
func (c *Client) SignIn(who account.Account, password string) {
	c.t.Helper()
	c.Want(c.Post("/sign-in", "identifier", who.Phone, "password", password), "/sign-in/code")
	a := c.Post("/sign-in/code", "code", c.w.Code(who.Phone, notify.SignInCode))
	if a.Status != http.StatusSeeOther || strings.HasPrefix(a.Location, "/sign-in") {
		c.t.Fatalf("sign-in of %s: %d to %q: %s", who.Given, a.Status, a.Location, Words(a.Body))
	}
}

// StepUp answers the repeated check of password and SMS code.
func (c *Client) StepUp(who account.Account, password string) {
	c.t.Helper()
	c.Want(c.Post("/step-up", "password", password, "next", "/settings/account"), "/step-up/code")
	c.Want(c.Post("/step-up/code", "code", c.w.Code(who.Phone, notify.StepUpCode), "next", "/settings/account"), "/settings/account")
}

// StartRecovery walks an applicant to the page after the first code, and returns the address he was led to.
func (c *Client) StartRecovery(who account.Account) (led string) {
	c.t.Helper()
	c.Want(c.Post("/recovery", "identifier", who.Phone), "/recovery/code")
	return c.Post("/recovery/code", "code", c.w.Code(who.Phone, notify.RecoveryCode)).Location
}

var matchNumber = regexp.MustCompile(`(?s)class="match-number[^"]*".*?(\d\d)`)

// Match reads the match number of the applicant's waiting page.
func (c *Client) Match() string {
	c.t.Helper()
	page := c.Get("/recovery/wait")
	m := matchNumber.FindStringSubmatch(page.Body)
	if m == nil {
		c.t.Fatalf("no match number on the waiting page (%d): %s", page.Status, Words(page.Body))
	}
	return m[1]
}

var requestLink = regexp.MustCompile(`href="(/approvals/[0-9a-f-]{36})"`)

// Request finds the address of the contact's one open request.
func (c *Client) Request() string {
	c.t.Helper()
	page := c.Get("/approvals")
	m := requestLink.FindStringSubmatch(page.Body)
	if m == nil {
		c.t.Fatalf("no request on the contact's list (%d): %s", page.Status, Words(page.Body))
	}
	return m[1]
}

// Answers are the form of five answers; bad is the number of the one that is not yes, or 0.
func Answers(bad int) []string {
	var form []string
	for n := 1; n <= 5; n++ {
		answer := "yes"
		if n == bad {
			answer = "no"
		}
		form = append(form, "q"+string(rune('0'+n)), answer)
	}
	return form
}

// Approve walks a signed-in contact through the request at that address; he has just stepped up.
func (c *Client) Approve(who account.Account, request, match string) {
	c.t.Helper()
	c.Want(c.Post(request+"/questions", Answers(0)...), request)
	c.Want(c.Post(request+"/match", "number", match), request)
	c.Want(c.Post(request+"/confirm"), request+"/code")
	c.Want(c.Post(request+"/code", "code", c.w.Code(who.Phone, notify.ApprovalCode)), request)
}

// FinishRecovery walks the applicant from the approval to the end.
func (c *Client) FinishRecovery(who account.Account, password string) {
	c.t.Helper()
	c.Want(c.Post("/recovery/finish/send"), "/recovery/finish")
	c.Want(c.Post("/recovery/finish", "code", c.w.Code(who.Phone, notify.RecoveryFinishCode)), "/recovery")
	c.Want(c.Post("/recovery/password", "password", password), "/recovery")
}

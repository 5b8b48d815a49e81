package app

import (
	"bytes"
	"context"
	"errors"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/url"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"doverie/internal/account"
	"doverie/internal/effect"
	"doverie/internal/fault"
	"doverie/internal/jobs"
	"doverie/internal/notify"
	"doverie/internal/policy"
	"doverie/internal/recovery"
	"doverie/internal/secret"
	"doverie/internal/trust"
)

var noon = time.Date(2026, 11, 21, 12, 0, 0, 0, time.UTC)

func keyring(t *testing.T) *secret.Keyring {
	t.Helper()
	keys, err := secret.NewKeyring(bytes.Repeat([]byte("0123456789abcdef"), 2))
	if err != nil {
		t.Fatal(err)
	}
	return keys
}

// config is a whole server on a fresh SQLite file.
func config(t *testing.T, log io.Writer) (Config, *notify.DevPhone) {
	t.Helper()
	now := func() time.Time { return noon }
	phone := notify.NewDevPhone(now)
	return Config{
		Database: filepath.Join(t.TempDir(), "doverie.db"), Migrate: true, Keys: keyring(t), Policy: policy.Default(),
		BaseURL: &url.URL{Scheme: "http", Host: "127.0.0.1:8080"}, Now: now, Log: slog.New(slog.NewJSONHandler(log, nil)),
		Hashing:  secret.HasherOptions{Params: secret.CheapParams()},
		Channels: map[effect.Channel]notify.Channel{effect.SMS: phone.On(effect.SMS), effect.Email: phone.On(effect.Email)},
		Metrics:  prometheus.NewRegistry(),
	}, phone
}

func start(t *testing.T, c Config) *App {
	t.Helper()
	a, err := New(t.Context(), c)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := a.Close(); err != nil {
			t.Error(err)
		}
	})
	return a
}

func ask(a *App, method, path string, body string) *httptest.ResponseRecorder {
	r := httptest.NewRequest(method, "http://127.0.0.1:8080"+path, strings.NewReader(body))
	if method == http.MethodPost {
		r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	}
	w := httptest.NewRecorder()
	a.Handler().ServeHTTP(w, r)
	return w
}

func TestConfigIsChecked(t *testing.T) {
	_, err := New(t.Context(), Config{})
	for _, what := range []string{"Database", "Keys", "BaseURL", "Now", "Log", "policy."} {
		if err == nil || !strings.Contains(err.Error(), what) {
			t.Errorf("%s is not asked for: %v", what, err)
		}
	}
}

func TestSchemaIsAskedFor(t *testing.T) {
	c, _ := config(t, io.Discard)
	c.Migrate = false
	if _, err := New(t.Context(), c); err == nil || !strings.Contains(err.Error(), "doverie migrate") {
		t.Errorf("an empty database: %v", err)
	}
}

// TestEveryMountedPageAnswers opens pages of every family without signing in: none is an error of ours.
func TestEveryMountedPageAnswers(t *testing.T) {
	a := start(t, first(config(t, io.Discard)))
	for path, status := range map[string]int{
		"/": 200, "/help": 200, "/landing/trusted_contact": 200, "/sign-in": 200, "/register": 200, "/recovery": 200, "/safety/not-me": 200,
		"/healthz": 200, "/readyz": 200, "/settings/account": 303, "/settings/safety/login": 303, "/settings/safety/events": 303,
		"/settings/safety/trusted-contacts": 303, "/approvals": 303, "/step-up": 303, "/nowhere": 404, "/demo/phones": 404,
	} {
		w := ask(a, http.MethodGet, path, "")
		if w.Code != status {
			t.Errorf("%s: status %d instead of %d", path, w.Code, status)
		}
		if status == 303 && !strings.HasPrefix(w.Header().Get("Location"), "/sign-in?next=") {
			t.Errorf("%s leads to %q", path, w.Header().Get("Location"))
		}
	}
}

func first(c Config, _ *notify.DevPhone) Config { return c }

func TestNotReadyWithoutDatabase(t *testing.T) {
	a := start(t, first(config(t, io.Discard)))
	if err := a.Store.Close(); err != nil {
		t.Fatal(err)
	}
	if w := ask(a, http.MethodGet, "/readyz", ""); w.Code != http.StatusServiceUnavailable {
		t.Errorf("status %d", w.Code)
	}
	if w := ask(a, http.MethodGet, "/healthz", ""); w.Code != http.StatusOK {
		t.Errorf("the process lives, and says %d", w.Code)
	}
}

// nobodysCircle is the circle of an account that nothing happened to.
type nobodysCircle struct{ trust.Circles }

func (nobodysCircle) Look(context.Context, trust.Around) (trust.Circle, error) {
	return trust.Circle{}, nil
}

// TestStopCodesAreAdded checks who gets the ways to stop something, and that they work.
func TestStopCodesAreAdded(t *testing.T) {
	c := courier{keys: keyring(t), policy: policy.Default()}
	owner := jobs.Message{Kind: string(notify.RecoveryAttempt), Channel: effect.Email, Account: "a-1", CreatedAt: noon}
	args := c.arguments(owner)
	if !c.keys.SameStopCode("a-1", args["stop_code"], noon.Add(48*time.Hour)) {
		t.Errorf("the stop code %q is not the account's", args["stop_code"])
	}
	signed, found := strings.CutPrefix(args["link"], recovery.NotMePath)
	stops := recovery.Stops{Recoveries: &recovery.Service{Circles: nobodysCircle{}, Keys: c.keys, Now: func() time.Time { return noon }}}
	if _, err := stops.LinkLeads(t.Context(), signed); !found || err != nil {
		t.Errorf("the link %q does not work", args["link"])
	}
	if owner.Args != nil {
		t.Error("the message itself was changed")
	}
	for name, m := range map[string]jobs.Message{
		"a contact":      {Kind: string(notify.RecoveryCompleted), Account: "a-2", Args: map[string]string{"role": notify.RoleContact}},
		"no account":     {Kind: string(notify.AccountPhoneTaken), Args: map[string]string{}},
		"a code":         {Kind: string(notify.SignInCode), Account: "a-1", Args: map[string]string{"code": "123456"}},
		"an unknown one": {Kind: "no.such.kind", Account: "a-1"},
	} {
		if got := c.arguments(m); got["stop_code"] != "" || got["link"] != "" {
			t.Errorf("%s got %v", name, got)
		}
	}
	given := c.arguments(jobs.Message{Kind: string(notify.PasswordChanged), Channel: effect.SMS, Account: "a-1", CreatedAt: noon, Args: map[string]string{"stop_code": "1234-5678"}})
	if given["stop_code"] != "1234-5678" || given["link"] != "" {
		t.Errorf("what was given became %v", given)
	}
}

// says is a channel with one answer.
type says struct {
	outcome notify.Outcome
	err     error
}

func (s says) Deliver(context.Context, notify.Letter) (notify.Outcome, error) {
	return s.outcome, s.err
}

func TestOutcomesAreTranslated(t *testing.T) {
	a := start(t, first(config(t, io.Discard)))
	letters, err := notify.NewTexts(a.Texts, "http://127.0.0.1:8080", time.UTC)
	if err != nil {
		t.Fatal(err)
	}
	broken := errors.New("broken")
	for n, c := range []struct {
		channel notify.Channel
		to      string
		want    jobs.Outcome
	}{
		{nil, "+79131234567", jobs.Failed},
		{says{notify.Delivered, nil}, "+79131234567", jobs.Arrived},
		{says{notify.Accepted, nil}, "+79131234567", jobs.Sent},
		{says{notify.Refused, broken}, "+79131234567", jobs.Failed},
		{says{notify.Refused, notify.ErrTooLate}, "+79131234567", jobs.Expired},
		{says{notify.Postponed, broken}, "+79131234567", jobs.Retry},
		{says{notify.Unknown, broken}, "+79131234567", jobs.Unknown},
		{says{notify.Delivered, nil}, "+88213123456", jobs.Failed}, // satellites cost what a car costs
	} {
		channels := map[effect.Channel]notify.Channel{}
		if c.channel != nil {
			channels[effect.SMS] = c.channel
		}
		router, err := notify.NewRouter(letters, channels, a.now)
		if err != nil {
			t.Fatal(err)
		}
		over := ""
		carry := courier{
			router: router, keys: a.Keys, policy: a.Policy, metrics: a.metrics, now: a.now,
			budgets: budgets{store: a.Store, keys: a.Keys, policy: a.Policy, now: a.now, over: func(b string) { over = b }},
		}
		outcome, err := carry.Deliver(t.Context(), jobs.Message{
			Kind: string(notify.SignInCode), Channel: effect.SMS, Address: c.to, Locale: "ru", Args: map[string]string{"code": "123456"}, Attempt: 1,
		})
		if sent := outcome == jobs.Sent || outcome == jobs.Arrived; outcome != c.want || sent == (err != nil) {
			t.Errorf("case %d: %s, %v", n, outcome, err)
		}
		if (over == "country") != (c.to[:3] == "+88") {
			t.Errorf("case %d: held back by %q", n, over)
		}
	}
}

func TestInvitedIsParsed(t *testing.T) {
	key, phone, label, err := parseInvited(" алёна ", "8 (913) 123-45-67")
	if err != nil || key != account.FoldName("Алена") || phone != "+79131234567" || !strings.HasSuffix(label, ", +7\u00a0•••\u00a0•••-45-67") {
		t.Errorf("%q %q %q %v", key, phone, label, err)
	}
	key, phone, label, err = parseInvited("", "123")
	if key+phone+label != "" {
		t.Errorf("something came of wrong fields: %q %q %q", key, phone, label)
	}
	f := fault.Of(err)
	if f.Kind != fault.Invalid || len(f.Fields) != 2 || f.Fields[0].Name != "name" || f.Fields[1].Name != "phone" {
		t.Errorf("two wrong fields: %v", err)
	}
}

// TestLogsHoldNoSecrets walks a registration and a recovery and looks for what must not be logged (I5).
func TestLogsHoldNoSecrets(t *testing.T) {
	var log bytes.Buffer
	c, phone := config(t, &log)
	c.Log = slog.New(slog.NewJSONHandler(&log, &slog.HandlerOptions{Level: slog.LevelDebug}))
	a := start(t, c)
	const password, number = "очень тихая вода 9", "+79131234567"
	form := url.Values{"family": {"Смирнова"}, "given": {"Вера"}, "phone": {number}, "password": {password}, "email": {"vera@example.org"}}
	if w := ask(a, http.MethodPost, "/register", form.Encode()); w.Code != http.StatusSeeOther {
		t.Fatalf("registration: status %d\n%s", w.Code, w.Body)
	}
	if w := ask(a, http.MethodPost, "/recovery", url.Values{"identifier": {number}}.Encode()); w.Code != http.StatusSeeOther {
		t.Fatalf("recovery: status %d", w.Code)
	}
	if _, err := a.RunDue(t.Context()); err != nil {
		t.Fatal(err)
	}
	got := phone.Messages(number)
	if len(got) == 0 {
		t.Fatal("no message came")
	}
	if !strings.Contains(log.String(), `"request_id"`) {
		t.Error("requests are not logged")
	}
	for _, one := range []string{password, number, "9131234567", "Смирнова", "vera@example.org", got[0].Text.Body} {
		if strings.Contains(log.String(), one) {
			t.Errorf("the log holds %q", one)
		}
	}
}

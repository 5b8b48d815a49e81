package signals

import (
	"context"
	"encoding/json"
	"errors"
	"maps"
	"slices"
	"strings"
	"testing"
	"time"

	"doverie/internal/fault"
	"doverie/internal/jobs"
)

const issuer = "https://id.example"

var noon = time.Date(2026, 11, 21, 12, 0, 0, 0, time.UTC)

// Every occasion becomes events that a stream may ask for, each event has its claims by CAEP or RISC, and no token can
// pass for one of another kind.
func TestTokensOfEveryOccasion(t *testing.T) {
	t.Parallel()
	for what, events := range occasions {
		for _, e := range events {
			if !slices.Contains(Supported(), e) {
				t.Errorf("%s becomes %s, which nobody may ask for", what, e)
			}
			for _, why := range append(slices.Collect(maps.Keys(reasons)), "", "a word nobody knows") {
				d := Delivery{ID: "jti", Kind: SET, Client: "water", Stream: "s", Subject: "sub", Event: e, Why: why, Txn: "t", At: noon}
				typ, claims := d.Token(issuer, noon.Add(time.Hour))
				again, same := d.Token(issuer, noon.Add(2*time.Hour))
				if typ != TypeSET || again != typ || text(t, claims) != text(t, same) {
					t.Errorf("%s: two attempts differ: %v, %v", e, claims, same)
				}
				for _, name := range []string{"sub", "exp", "nonce", "sid"} {
					if _, there := claims[name]; there {
						t.Errorf("%s has %s", e, name)
					}
				}
				body, _ := claims["events"].(map[string]any)[string(e)].(map[string]any)
				if len(claims["events"].(map[string]any)) != 1 || body["event_timestamp"] != noon.Unix() || body["initiating_entity"] == nil {
					t.Errorf("%s: %v", e, claims)
				}
				required := map[Event][]string{CredentialChange: {"credential_type", "change_type"}, RiskLevelChange: {"principal", "current_level"}}
				for _, name := range required[e] {
					if body[name] == nil {
						t.Errorf("%s (%s) has no %s", e, why, name)
					}
				}
			}
		}
	}
	for _, e := range Supported() {
		if !slices.ContainsFunc(slices.Collect(maps.Values(occasions)), func(all []Event) bool { return slices.Contains(all, e) }) {
			t.Errorf("nothing ever becomes %s", e)
		}
	}
	if EventsOf("nobody knows") != nil {
		t.Error("an unknown occasion becomes something")
	}
}

func text(t *testing.T, v any) string {
	t.Helper()
	b, err := json.Marshal(v)
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

// A logout token is what Back-Channel Logout 1.0, section 2.4, asks for; each attempt has the same jti and lives two minutes.
func TestLogoutToken(t *testing.T) {
	t.Parallel()
	d := Delivery{ID: "jti", Kind: LogoutToken, Client: "water", Subject: "sub", SID: "sid", Event: Logout, At: noon}
	typ, claims := d.Token(issuer, noon.Add(time.Hour))
	want := `{"aud":"water","events":{"http://schemas.openid.net/event/backchannel-logout":{}},"exp":1795266120,"iat":1795266000,"iss":"https://id.example","jti":"jti","sid":"sid","sub":"sub"}`
	if typ != TypeLogout || text(t, claims) != want {
		t.Errorf("%s %s", typ, text(t, claims))
	}
}

func TestVerificationToken(t *testing.T) {
	t.Parallel()
	d := Delivery{ID: "jti", Kind: SET, Client: "water", Stream: "s", Event: Verification, Detail: "state", At: noon}
	_, claims := d.Token(issuer, noon)
	want := `{"aud":"water","events":{"https://schemas.openid.net/secevent/ssf/event-type/verification":{"state":"state"}},"iat":1795262400,"iss":"https://id.example","jti":"jti","sub_id":{"format":"opaque","id":"s"}}`
	if text(t, claims) != want {
		t.Error(text(t, claims))
	}
}

// A delivery comes through package jobs as it was.
func TestDeliveryThroughJobs(t *testing.T) {
	t.Parallel()
	d := Delivery{
		ID: "i", Kind: SET, Client: "c", Stream: "s", Subject: "u", SID: "v", Event: SessionRevoked, Why: "w", Txn: "t", Detail: "d", At: noon, Seq: 7, Attempt: 3,
	}
	if got, err := DeliveryOf(d.Message()); err != nil || got != d {
		t.Errorf("%+v, %v", got, err)
	}
	if _, err := DeliveryOf(jobs.Message{}); err == nil {
		t.Error("any message is a delivery")
	}
}

// fakePost answers as it is told.
type fakePost struct {
	reply Reply
	err   error
	sent  []Parcel
}

func (p *fakePost) Send(_ context.Context, x Parcel) (Reply, error) {
	p.sent = append(p.sent, x)
	return p.reply, p.err
}

type known struct {
	stream Stream
	client Client
	gone   bool
}

func (k known) StreamOf(context.Context, string) (Stream, error) {
	if k.gone {
		return Stream{}, notFound()
	}
	return k.stream, nil
}

func (k known) SignalClient(context.Context, string) (Client, error) { return k.client, nil }

type plainSigner struct{ err error }

func (s plainSigner) Sign(_ context.Context, alg, typ string, _ map[string]any) (string, error) {
	return alg + " " + typ, s.err
}

// What a receiver answers decides what becomes of a token.
func TestCourierJudges(t *testing.T) {
	t.Parallel()
	base := known{stream: Stream{ID: "s", Endpoint: "https://water.example/signals", Authorization: "Bearer x"}, client: Client{ID: "water", LogoutURI: "https://water.example/logout"}}
	for name, c := range map[string]struct {
		kind    Kind
		known   known
		reply   Reply
		err     error
		signing error
		attempt int
		want    jobs.Outcome
		problem string
	}{
		"taken, 202":                      {SET, base, Reply{Status: 202}, nil, nil, 1, jobs.Sent, ""},
		"taken, 200":                      {SET, base, Reply{Status: 200}, nil, nil, 1, jobs.Sent, ""},
		"logged out, 204":                 {LogoutToken, base, Reply{Status: 204}, nil, nil, 1, jobs.Sent, ""},
		"a redirect":                      {SET, base, Reply{Status: 302}, nil, nil, 1, jobs.Retry, problemStatus},
		"down":                            {SET, base, Reply{Status: 503}, nil, nil, 900, jobs.Retry, problemStatus},
		"no answer":                       {SET, base, Reply{}, errors.New("refused"), nil, 1, jobs.Retry, problemSilent},
		"not for it":                      {SET, base, Reply{Status: 400, Code: "invalid_audience"}, nil, nil, 1, jobs.Failed, problemRefused},
		"its keys are old":                {SET, base, Reply{Status: 400, Code: "invalid_key"}, nil, nil, 1, jobs.Retry, problemRefused},
		"its secret changed":              {SET, base, Reply{Status: 400, Code: "authentication_failed"}, nil, nil, 1, jobs.Retry, problemRefused},
		"a logout fails":                  {LogoutToken, base, Reply{Status: 400, Code: "invalid_request"}, nil, nil, 4, jobs.Retry, problemRefused},
		"a logout fails for good":         {LogoutToken, base, Reply{Status: 400}, nil, nil, 5, jobs.Failed, problemRefused},
		"the stream is gone":              {SET, known{gone: true, client: base.client}, Reply{Status: 202}, nil, nil, 1, jobs.Failed, problemAddress},
		"another stream":                  {SET, known{stream: Stream{ID: "other", Endpoint: "https://water.example/x"}}, Reply{Status: 202}, nil, nil, 1, jobs.Failed, problemAddress},
		"no address to log out":           {LogoutToken, known{}, Reply{Status: 200}, nil, nil, 1, jobs.Failed, problemAddress},
		"we cannot sign just now":         {SET, base, Reply{Status: 202}, nil, errors.New("no key"), 1, jobs.Retry, "fault.internal"},
		"we cannot sign, for a long time": {SET, base, Reply{Status: 202}, nil, errors.New("no key"), 99, jobs.Retry, "fault.internal"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			post := &fakePost{reply: c.reply, err: c.err}
			seen := ""
			courier := Courier{
				Receivers: c.known, Clients: c.known, Signer: plainSigner{c.signing}, Post: post, Issuer: issuer, Now: func() time.Time { return noon },
				Observe: func(kind Kind, outcome jobs.Outcome) { seen = string(kind) + " " + string(outcome) },
			}
			d := Delivery{ID: "jti", Kind: c.kind, Client: "water", Stream: "s", Subject: "sub", SID: "sid", Event: SessionRevoked, At: noon, Attempt: c.attempt}
			got, err := courier.Deliver(t.Context(), d.Message())
			problem := ""
			if err != nil {
				problem = fault.Of(err).Key
			}
			if got != c.want || problem != c.problem || seen != string(c.kind)+" "+string(c.want) {
				t.Errorf("%s (%s), counted as %q; want %s (%s)", got, problem, seen, c.want, c.problem)
			}
			if c.want != jobs.Sent {
				return
			}
			want := Parcel{Address: base.stream.Endpoint, Type: "application/secevent+jwt", Authorization: "Bearer x", Body: "RS256 secevent+jwt"}
			if c.kind == LogoutToken {
				want = Parcel{Address: base.client.LogoutURI, Type: "application/x-www-form-urlencoded", Body: "logout_token=RS256+logout%2Bjwt"}
			}
			if len(post.sent) != 1 || post.sent[0] != want {
				t.Errorf("sent %+v", post.sent)
			}
		})
	}
}

// A bell rings for those who listen to its stream, and for so many only.
func TestBell(t *testing.T) {
	t.Parallel()
	var b Bell
	first, stop, ok := b.Listen("a", 2)
	_, stopSecond, okSecond := b.Listen("a", 2)
	if _, _, third := b.Listen("a", 2); !ok || !okSecond || third {
		t.Fatal("more listen than may, or fewer")
	}
	b.Ring("b")
	select {
	case <-first:
		t.Error("rung for another stream")
	default:
	}
	b.Ring("a")
	b.Ring("a")
	select {
	case <-first:
	default:
		t.Error("not rung")
	}
	stop()
	stopSecond()
	if len(b.waiting) != 0 {
		t.Errorf("%d are kept", len(b.waiting))
	}
	var none *Bell
	none.Ring("a")
	if _, stop, ok := none.Listen("a", 1); !ok || stop == nil {
		t.Error("a bell that is not there")
	}
}

// The words that go out are in both languages and say nothing but what happened.
func TestReasons(t *testing.T) {
	t.Parallel()
	for why, r := range reasons {
		if r.en == "" || r.ru == "" || strings.ContainsAny(r.en+r.ru, "{}%\n") {
			t.Errorf("%s: %+v", why, r)
		}
	}
}

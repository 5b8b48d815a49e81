package httpsms

import (
	"encoding/hex"
	"errors"
	"net/http"
	"net/http/httptest"
	"reflect"
	"strconv"
	"strings"
	"testing"
	"time"

	"doverie/internal/notify"
)

var (
	secret    = []byte("0123456789abcdef-new")
	oldSecret = []byte("0123456789abcdef-old")
)

func reportConfig(b *book) ReportConfig {
	return ReportConfig{
		Carrier: "main", Secrets: [][]byte{secret, oldSecret}, IDPath: "id", StatePath: "state.name", CodePath: "err", PhonePath: "phone",
		States: map[string]notify.State{"DELIVERED": notify.Arrived, "2": notify.Lost, "WAIT": notify.Underway}, Ledger: b,
		Now: func() time.Time { return noon },
	}
}

func call(h http.Handler, key []byte, at time.Time, body string, change func(*http.Request)) int {
	r := httptest.NewRequest(http.MethodPost, "/hooks/sms", strings.NewReader(body))
	stamp := strconv.FormatInt(at.Unix(), 10)
	r.Header.Set("X-Timestamp", stamp)
	r.Header.Set("X-Signature", hex.EncodeToString(Sign(key, stamp, []byte(body))))
	if change != nil {
		change(r)
	}
	w := httptest.NewRecorder()
	h.ServeHTTP(w, r)
	return w.Code
}

const good = `[{"id":"a1","state":{"name":"DELIVERED"},"phone":79160000001},{"id":17,"state":{"name":2},"err":"EC<7>","phone":"+7 916"},{"id":"x","state":{"name":"NEW"}}]`

func TestReports(t *testing.T) {
	b := &book{}
	var events []string
	c := reportConfig(b)
	c.Report = func(e Event) { events = append(events, e.What) }
	h, err := NewReports(c)
	if err != nil {
		t.Fatal(err)
	}
	for name, c := range map[string]struct {
		key    []byte
		at     time.Time
		change func(*http.Request)
		want   int
	}{
		"another secret":     {[]byte("0123456789abcdef-xxx"), noon, nil, 401},
		"no signature":       {secret, noon, func(r *http.Request) { r.Header.Del("X-Signature") }, 401},
		"half a signature":   {secret, noon, func(r *http.Request) { r.Header.Set("X-Signature", r.Header.Get("X-Signature")[:32]) }, 401},
		"another time":       {secret, noon, func(r *http.Request) { r.Header.Set("X-Timestamp", strconv.FormatInt(noon.Unix()+1, 10)) }, 401},
		"no time":            {secret, noon, func(r *http.Request) { r.Header.Del("X-Timestamp") }, 401},
		"too old":            {secret, noon.Add(-5*time.Minute - time.Second), nil, 401},
		"from the future":    {secret, noon.Add(5*time.Minute + time.Second), nil, 401},
		"a GET":              {secret, noon, func(r *http.Request) { r.Method = http.MethodGet }, 405},
		"more than fits":     {secret, noon, func(r *http.Request) { r.Body = http.MaxBytesReader(nil, r.Body, 1) }, 413},
		"read as a bad form": {secret, noon, func(r *http.Request) { r.Header.Set("Content-Type", "application/x-www-form-urlencoded") }, 400},
	} {
		if got := call(h, c.key, c.at, good, c.change); got != c.want || len(b.reported) != 0 {
			t.Errorf("%s: %d, %v", name, got, b.reported)
		}
	}
	if r := call(h, secret, noon, good+" ", func(r *http.Request) {
		r.Header.Set("X-Signature", hex.EncodeToString(Sign(secret, strconv.FormatInt(noon.Unix(), 10), []byte(good))))
	}); r != 401 {
		t.Errorf("a changed body: %d", r)
	}
	for _, body := range []string{"", "x", `{}`, `[[]]`, `{"id":"1"}`, `{"id":"","state":{"name":"2"}}`, `{"id":"` + strings.Repeat("9", 129) + `","state":{"name":"2"}}`} {
		if r := call(h, secret, noon, body, nil); r != 400 || len(b.reported) != 0 {
			t.Errorf("%q: %d, %v", body, r, b.reported)
		}
	}
	b.err = errors.New("the database is away")
	if r := call(h, secret, noon, good, nil); r != 503 {
		t.Errorf("without a ledger: %d", r)
	}
	b.err = nil
	for _, key := range [][]byte{secret, secret, secret} { // what could not be written comes again; then nothing is done twice
		if r := call(h, key, noon, good, func(r *http.Request) { r.Header.Set("X-Signature", "sha256="+r.Header.Get("X-Signature")) }); r != 204 {
			t.Errorf("good: %d", r)
		}
	}
	want := []notify.Receipt{
		{Carrier: "main", CarrierIDs: []string{"a1"}, Phone: "+79160000001", State: notify.Arrived, At: noon},
		{Carrier: "main", CarrierIDs: []string{"17"}, State: notify.Lost, Code: "EC7", At: noon},
	}
	if !reflect.DeepEqual(b.reported, want) {
		t.Errorf("%#v", b.reported)
	}
	if r := call(h, oldSecret, noon, good, nil); r != 204 || len(b.reported) != 4 {
		t.Errorf("the old secret: %d, %d reports", r, len(b.reported))
	}
	if r := call(h, secret, noon, "id=a2&state.name=x", nil); r != 400 {
		t.Errorf("a form that says it is JSON: %d", r)
	}
	if got := strings.Join(events, ","); !strings.Contains(got, "forged") || !strings.Contains(got, "stale") || !strings.Contains(got, "unknown state") || !strings.Contains(got, "ledger") {
		t.Error(got)
	}
}

func TestFormReportsAndLists(t *testing.T) {
	b := &book{}
	c := reportConfig(b)
	c.StatePath = "status"
	h, err := NewReports(c)
	if err != nil {
		t.Fatal(err)
	}
	form := func(r *http.Request) {
		r.Header.Set("Content-Type", "application/x-www-form-urlencoded; charset=utf-8")
	}
	if r := call(h, secret, noon, "id=a2&status=WAIT&phone=%2B79160000001", form); r != 204 || len(b.reported) != 1 || b.reported[0].State != notify.Underway {
		t.Errorf("%d, %v", r, b.reported)
	}
	c.ListPath = "result.reports"
	if h, err = NewReports(c); err != nil {
		t.Fatal(err)
	}
	if r := call(h, secret, noon, `{"result":{"reports":[{"id":"b","status":"DELIVERED"}]}}`, nil); r != 204 || len(b.reported) != 2 {
		t.Errorf("%d, %v", r, b.reported)
	}
	if r := call(h, secret, noon, `{"reports":[]}`, nil); r != 400 {
		t.Errorf("no list: %d", r)
	}
}

func TestNewReportsNamesTheField(t *testing.T) {
	for field, spoil := range map[string]func(*ReportConfig){
		"Carrier":         func(c *ReportConfig) { c.Carrier = "" },
		"Secrets":         func(c *ReportConfig) { c.Secrets = [][]byte{[]byte("short")} },
		"SignatureHeader": func(c *ReportConfig) { c.SignatureHeader = "a b" },
		"TimestampHeader": func(c *ReportConfig) { c.TimestampHeader = "a b" },
		"IDPath":          func(c *ReportConfig) { c.IDPath = "" },
		"StatePath":       func(c *ReportConfig) { c.StatePath = "" },
		"States":          func(c *ReportConfig) { c.States = map[string]notify.State{"OK": "fine"} },
		"Window":          func(c *ReportConfig) { c.Window = 2 * time.Hour },
		"Ledger":          func(c *ReportConfig) { c.Ledger = nil },
		"Now":             func(c *ReportConfig) { c.Now = nil },
	} {
		c := reportConfig(&book{})
		spoil(&c)
		if _, err := NewReports(c); err == nil || !strings.HasPrefix(err.Error(), "httpsms: "+field+": ") {
			t.Errorf("%s: %v", field, err)
		}
	}
}

func FuzzReport(f *testing.F) {
	f.Add(good, "application/json")
	f.Add("id=a2&state.name=2", "application/x-www-form-urlencoded")
	h, err := NewReports(reportConfig(&book{}))
	if err != nil {
		f.Fatal(err)
	}
	f.Fuzz(func(t *testing.T, body, kind string) {
		receipts, err := h.parse([]byte(body), kind)
		if err != nil {
			return
		}
		for _, r := range receipts {
			if len(r.CarrierIDs) != 1 || r.CarrierIDs[0] == "" || len(r.CarrierIDs[0]) > maxID || r.State == "" || r.Code != notify.CleanCode(r.Code) ||
				r.Phone != "" && !phone.MatchString(r.Phone) {
				t.Errorf("%q gave %#v", body, r)
			}
		}
	})
}

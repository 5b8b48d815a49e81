package smpp_test

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"errors"
	"fmt"
	"math/big"
	"net"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"doverie/internal/apptest/smsc"
	"doverie/internal/notify"
	"doverie/internal/notify/smpp"
)

// ledger remembers in memory.
type ledger struct {
	mu        sync.Mutex
	submitted []notify.Submission
	reported  []notify.Receipt
	fail      int // that many calls of Reported fail first
}

func (l *ledger) Submitted(_ context.Context, s notify.Submission) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.submitted = append(l.submitted, s)
	return nil
}

func (l *ledger) Reported(_ context.Context, r notify.Receipt) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.fail > 0 {
		l.fail--
		return errors.New("the database is away")
	}
	l.reported = append(l.reported, r)
	return nil
}

// arrived counts the submissions that a receipt says have arrived.
func (l *ledger) arrived() (arrived, submitted int) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, s := range l.submitted {
		for _, r := range l.reported {
			if r.State == notify.Arrived && r.CarrierIDs[0] == s.CarrierID || len(r.CarrierIDs) > 1 && r.CarrierIDs[1] == s.CarrierID {
				arrived++
				break
			}
		}
	}
	return arrived, len(l.submitted)
}

func run(t *testing.T, c smpp.Config) *smpp.Channel {
	t.Helper()
	c.SystemID, c.Now = orElse(c.SystemID, smsc.SystemID), time.Now
	c.Password, c.Sender = orElse(c.Password, smsc.Password), orElse(c.Sender, "Doverie")
	if c.Rate == 0 {
		c.Rate = 5000
	}
	channel, err := smpp.New(c)
	if err != nil {
		t.Fatal(err)
	}
	ctx, stop := context.WithCancel(context.Background())
	done := make(chan struct{})
	go func() { defer close(done); channel.Run(ctx) }()
	t.Cleanup(func() { stop(); <-done })
	return channel
}

func orElse(given, otherwise string) string {
	if given != "" {
		return given
	}
	return otherwise
}

func letter(phone, key, body string) notify.Letter {
	return notify.Letter{ID: "id-" + key, Key: key, Address: phone, Text: notify.Text{Body: body}}
}

// texts are read back from the centre character by character.
var texts = map[string]struct {
	text   string
	coding int
	parts  int
}{
	"short Cyrillic":        {"Доверие: вход. Код 271828. Никому не сообщайте.", 8, 1},
	"70 Cyrillic":           {strings.Repeat("Ё", 70), 8, 1},
	"71 Cyrillic":           {strings.Repeat("Щ", 70) + "!", 8, 2},
	"two parts of Cyrillic": {strings.Repeat("Съешь же ещё этих мягких французских булок. ", 3), 8, 2},
	"five parts":            {strings.Repeat("Широкая электрификация южных губерний даст мощный толчок. ", 5), 8, 5},
	"emoji at the seam":     {strings.Repeat("я", 66) + "😀" + strings.Repeat("ю", 20), 8, 2},
	"Latin":                 {"Doverie: sign-in. Code 271828. Tell nobody. @£$ {curly} €5 ~ [x] ^", 0, 1},
	"160 Latin":             {strings.Repeat("a", 160), 0, 1},
	"161 Latin":             {strings.Repeat("b", 161), 0, 2},
	"escape at the seam":    {strings.Repeat("c", 152) + "€" + strings.Repeat("d", 20), 0, 2},
}

func TestTextsArriveAsWritten(t *testing.T) {
	for _, receipts := range []string{"tlv", "text"} {
		t.Run("receipts by "+receipts, func(t *testing.T) {
			centre := smsc.Start(t, "--receipts", receipts)
			book := &ledger{}
			channel := run(t, smpp.Config{Address: centre.Address, Ledger: book, EnquireEvery: 100 * time.Millisecond})
			var wg sync.WaitGroup
			number, parts, phones := 0, 0, map[string]string{}
			for name, c := range texts {
				number++
				parts += c.parts
				phone := fmt.Sprintf("+7916%07d", number)
				phones[name] = phone
				wg.Go(func() {
					l := letter(phone, name, c.text)
					l.NotAfter = time.Now().Add(5 * time.Minute)
					if outcome, err := channel.Deliver(t.Context(), l); outcome != notify.Accepted || err != nil {
						t.Errorf("%s: %s, %v", name, outcome, err)
					}
				})
			}
			wg.Wait()
			wait(t, "the parts", func() bool { return len(centre.Submits("")) >= parts })
			for name, c := range texts {
				checkParts(t, name, centre.Submits(phones[name]), c.text, c.coding, c.parts)
			}
			wait(t, "receipts", func() bool { arrived, submitted := book.arrived(); return arrived == parts && submitted == parts })
			for _, event := range []string{"enquire_link", "enquire_answer", "receipt_answer"} {
				ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
				if _, err := centre.Wait(ctx, func(e smsc.Event) bool { return e.Event == event }); err != nil {
					t.Errorf("the centre never saw %s", event)
				}
				cancel()
			}
		})
	}
}

func checkParts(t *testing.T, name string, got []smsc.Event, text string, coding, parts int) {
	t.Helper()
	var whole strings.Builder
	for i, e := range got {
		whole.WriteString(e.Text)
		validity, err := time.Parse(time.RFC3339, e.Validity)
		if left := time.Until(validity); err != nil || left > 5*time.Minute+2*time.Second || left < 3*time.Minute {
			t.Errorf("%s: the centre understood the end of its life as %q", name, e.Validity)
		}
		if e.Coding != coding || e.From != "Doverie" || e.FromTON != 5 || e.ToTON != 1 || e.ToNPI != 1 || e.Registered != 1 {
			t.Errorf("%s: %+v", name, e)
		}
		if parts > 1 && (e.ESMClass != 0x40 || len(e.UDH) != 1 || e.UDH[0][:4] != "0003" ||
			e.UDH[0][6:] != fmt.Sprintf("%02x%02x", parts, i+1) || e.UDH[0][4:6] != got[0].UDH[0][4:6]) {
			t.Errorf("%s: part %d has esm_class %d and header %q", name, i+1, e.ESMClass, e.UDH)
		}
	}
	if whole.String() != text || len(got) != parts {
		t.Errorf("%s: %d parts arrived as\n%s\nnot\n%s", name, len(got), whole.String(), text)
	}
}

// TestReceiptsAreRepeated: what the Ledger could not write down is not acknowledged.
func TestReceiptsAreAnsweredHonestly(t *testing.T) {
	centre := smsc.Start(t)
	book := &ledger{fail: 1}
	channel := run(t, smpp.Config{Address: centre.Address, Ledger: book})
	for i := range 2 {
		if outcome, err := channel.Deliver(t.Context(), letter("+79160000001", strconv.Itoa(i), "Доверие")); outcome != notify.Accepted {
			t.Fatal(outcome, err)
		}
	}
	wait(t, "two answers", func() bool {
		refused, taken := 0, 0
		for _, e := range centre.Events() {
			if e.Event == "receipt_answer" && e.Status == int(smpp.TemporaryError) {
				refused++
			} else if e.Event == "receipt_answer" && e.Status == 0 {
				taken++
			}
		}
		return refused == 1 && taken == 1
	})
}

func TestBindModesAndGoodbye(t *testing.T) {
	centre := smsc.Start(t)
	for _, transmitter := range []bool{false, true} {
		channel, err := smpp.New(smpp.Config{
			Address: centre.Address, SystemID: smsc.SystemID, Password: smsc.Password, Sender: "79160000000", Now: time.Now,
			TransmitterOnly: transmitter, NoReceipts: true,
		})
		if err != nil {
			t.Fatal(err)
		}
		ctx, stop := context.WithCancel(t.Context())
		done := make(chan struct{})
		go func() { defer close(done); channel.Run(ctx) }()
		if outcome, err := channel.Deliver(t.Context(), letter("+79160000001", "k"+strconv.FormatBool(transmitter), "x")); outcome != notify.Accepted {
			t.Error(outcome, err)
		}
		stop()
		<-done
		if channel.Bound() {
			t.Error("bound after the end")
		}
	}
	wait(t, "two goodbyes", func() bool {
		n := 0
		for _, e := range centre.Events() {
			if e.Event == "unbind" {
				n++
			}
		}
		return n == 2
	})
	seen := map[string]int{}
	for _, e := range centre.Events() {
		seen[e.Event+e.Mode]++
		if e.Event == "bind" && (!e.OK || e.Version != 0x34) {
			t.Errorf("%+v", e)
		}
		if e.Event == "submit" && (e.FromTON != 1 || e.Registered != 0 || e.Validity != "") {
			t.Errorf("%+v", e)
		}
	}
	if seen["bindtransceiver"] != 1 || seen["bindtransmitter"] != 1 || seen["unbind"] != 2 {
		t.Errorf("%v", seen)
	}
}

func TestWrongPasswordSendsNothing(t *testing.T) {
	centre := smsc.Start(t)
	channel := run(t, smpp.Config{Address: centre.Address, Password: "wrong", ConnectTimeout: 300 * time.Millisecond, FirstPause: 20 * time.Millisecond})
	if outcome, err := channel.Deliver(t.Context(), letter("+79160000001", "k", "x")); outcome != notify.Postponed || err == nil {
		t.Error(outcome, err)
	}
	if got := centre.Submits(""); len(got) != 0 {
		t.Errorf("%+v", got)
	}
}

func TestTLS(t *testing.T) {
	certFile, keyFile, pemBytes := certificate(t)
	centre := smsc.Start(t, "--cert", certFile, "--key", keyFile)
	good := run(t, smpp.Config{Address: centre.Address, TLS: true, CAFile: pemBytes})
	if outcome, err := good.Deliver(t.Context(), letter("+79160000001", "k", "Привет")); outcome != notify.Accepted {
		t.Error(outcome, err)
	}
	for name, c := range map[string]smpp.Config{
		"an unknown authority": {TLS: true},
		"another name":         {TLS: true, CAFile: pemBytes, ServerName: "other.example"},
		"no TLS":               {},
	} {
		c.Address, c.ConnectTimeout = centre.Address, 400*time.Millisecond
		if outcome, err := run(t, c).Deliver(t.Context(), letter("+79160000002", "k", "Привет")); outcome != notify.Postponed {
			t.Errorf("%s: %s, %v", name, outcome, err)
		}
	}
	wait(t, "the good one", func() bool { return centre.Text("+79160000001") != "" })
	if got := centre.Submits("+79160000002"); len(got) != 0 || centre.Text("+79160000001") != "Привет" {
		t.Errorf("%+v", got)
	}
}

func certificate(t *testing.T) (certFile, keyFile string, certPEM []byte) {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "centre"}, NotBefore: time.Now().Add(-time.Hour),
		NotAfter: time.Now().Add(time.Hour), IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)}, IsCA: true, BasicConstraintsValid: true,
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	if err != nil {
		t.Fatal(err)
	}
	keyDER, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		t.Fatal(err)
	}
	certPEM = pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der})
	dir := t.TempDir()
	certFile, keyFile = filepath.Join(dir, "cert.pem"), filepath.Join(dir, "key.pem")
	for file, content := range map[string][]byte{
		certFile: certPEM, keyFile: pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: keyDER}),
	} {
		if err := os.WriteFile(file, content, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return certFile, keyFile, certPEM
}

func wait(t *testing.T, what string, met func() bool) {
	t.Helper()
	for range 1000 {
		if met() {
			return
		}
		time.Sleep(10 * time.Millisecond)
	}
	t.Errorf("waited in vain for %s", what)
}

package main

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"doverie/internal/outreach"
)

func trueText(t *testing.T) string {
	t.Helper()
	s, err := outreach.LoadSource()
	if err != nil {
		t.Fatal(err)
	}
	var b strings.Builder
	for _, st := range s.Statements {
		b.WriteString(st.Text[outreach.Russian] + "\n\n")
	}
	return b.String()
}

func TestOutreachCheck(t *testing.T) {
	text := trueText(t)
	dir := t.TempDir()
	good, bad := filepath.Join(dir, "good.txt"), filepath.Join(dir, "bad.txt")
	for name, content := range map[string]string{good: text, bad: text + "Код из СМС сообщите родственнику."} {
		if err := os.WriteFile(name, []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	site := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		switch r.URL.Path {
		case "/away":
			http.Redirect(w, r, "http://192.0.2.1/", http.StatusFound)
		case "/gone":
			http.NotFound(w, r)
		default:
			w.Header().Set("Content-Type", "text/html; charset=utf-8")
			w.Write([]byte("<p>" + strings.ReplaceAll(strings.Replace(text, "с 18 лет", "с 16 лет", 1), "\n\n", "</p><p>")))
		}
	}))
	defer site.Close()
	for _, c := range []struct {
		args []string
		code int
		says []string
	}{
		{[]string{"-text", good}, exitDone, []string{"Расхождений нет", "Слово в слово: 11"}},
		{[]string{"-text", good, "-lang", "en"}, exitDone, []string{"No differences"}},
		{[]string{"-text", good, "-text", bad}, exitFindings, []string{"Расхождений нет", "ОПАСНО", "[tell_code]", "Код из СМС сообщите родственнику"}},
		{[]string{"-text", bad, "-json"}, exitFindings, []string{`"level":"danger","id":"tell_code"`}},
		{[]string{"-text", site.URL}, exitFindings, []string{"[age_contact]", "{+16+}"}},
		{[]string{"-text", site.URL + "/gone"}, exitFailed, []string{"404"}},
		{[]string{"-text", site.URL + "/away"}, exitFailed, []string{"only addresses on this machine"}},
		{[]string{"-text", "http://192.0.2.1/"}, exitFailed, []string{"only addresses on this machine"}},
		{[]string{"-text", good, "-form", "poem"}, exitFailed, []string{"poem"}},
		{[]string{"-text", filepath.Join(dir, "none")}, exitFailed, []string{"no such file"}},
		{nil, exitUsage, []string{"text"}},
	} {
		code, out, errs := exit(t, append([]string{"outreach", "check"}, c.args...)...)
		if code != c.code {
			t.Errorf("%v: exit %d, want %d\n%s%s", c.args, code, c.code, out, errs)
		}
		for _, s := range c.says {
			if !strings.Contains(out+errs, s) {
				t.Errorf("%v: does not say %q:\n%s%s", c.args, s, out, errs)
			}
		}
	}
	if code, out, _ := exit(t, "outreach", "text"); code != exitDone || !strings.Contains(out, "[never_code]") {
		t.Errorf("text: exit %d, %s", code, out)
	}
}

func TestOutreachKit(t *testing.T) {
	dir := t.TempDir()
	org, broken, out := filepath.Join(dir, "org.toml"), filepath.Join(dir, "broken.toml"), filepath.Join(dir, "kit")
	for name, content := range map[string]string{org: "id = \"x\"\nname = \"МФЦ\"\n", broken: "id = \"X\"\nname = \"МФЦ\"\nlogo = \"../../etc/passwd\"\n"} {
		if err := os.WriteFile(name, []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	if code, says, errs := exit(t, "outreach", "kit", "-org", org, "-out", out, "-bleed"); code != exitDone || !strings.Contains(says, "files") {
		t.Fatalf("exit %d: %s%s", code, says, errs)
	}
	for _, name := range []string{"poster-a3.pdf", "SHA256SUMS", "screen-1920x1080.png", "sms-1.txt"} {
		if _, err := os.Stat(filepath.Join(out, name)); err != nil {
			t.Error(err)
		}
	}
	if code, _, errs := exit(t, "outreach", "kit", "-org", broken, "-out", out); code != exitFailed || !strings.Contains(errs, "logo: the file does not open") {
		t.Errorf("exit %d: %s", code, errs)
	}
	if code, _, errs := exit(t, "outreach", "kit", "-org", org, "-out", dir); code != exitFailed || !strings.Contains(errs, "something else") {
		t.Errorf("exit %d: %s", code, errs)
	}
}

// register writes a register of organisations and two rows that are none.
func register(t *testing.T, good int) string {
	t.Helper()
	var b strings.Builder
	b.WriteString("id,name,position,head,salutation,email,their_number,their_date\n")
	for i := range good {
		fmt.Fprintf(&b, "org-%d,МУП № %d,Директору,И.И. Иванову,Уважаемый Иван Иванович!,office%d@example.org,%d/2,01.12.2025\n", i, i, i, i)
	}
	b.WriteString("../up,Имя,Директору,И,У!,a@b.ru,,\norg-0,Снова,Директору,И,У!,a@b.ru,,\n")
	name := filepath.Join(t.TempDir(), "register.csv")
	if err := os.WriteFile(name, []byte(b.String()), 0o600); err != nil {
		t.Fatal(err)
	}
	return name
}

// TestOutreachBatchIsKilledAndGoesOn kills the program in the middle of its work. What was finished stays untouched, what
// was being made is made, and nothing half-made is left.
func TestOutreachBatchIsKilledAndGoesOn(t *testing.T) {
	const good = 12
	list, out := register(t, good), filepath.Join(t.TempDir(), "out")
	args := []string{"outreach", "batch", "-register", list, "-out", out, "-letter", "../../internal/outreach/testdata/nso/letter.toml", "-workers", "2"}
	finished := func() []string {
		kits, _ := filepath.Glob(filepath.Join(out, "kits", "org-*"))
		return kits
	}
	cmd := program(t, args...)
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	for range 3000 {
		if len(finished()) >= 3 {
			break
		}
		time.Sleep(20 * time.Millisecond)
	}
	if err := cmd.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	cmd.Wait()
	done := map[string]os.FileInfo{}
	for _, kit := range finished() {
		info, err := os.Stat(filepath.Join(kit, "kit.json"))
		if err != nil {
			t.Fatal(err)
		}
		done[kit] = info
	}
	if len(done) < 3 || len(done) >= good {
		t.Fatalf("killed with %d kits done: nothing is proved", len(done))
	}
	code, says, errs := exit(t, args...)
	if code != exitFindings || !strings.Contains(says, "строка 14: id:") || !strings.Contains(says, "строка 15: id: уже было в строке 2") || !strings.Contains(says, "2 refused") {
		t.Errorf("exit %d: %s%s", code, says, errs)
	}
	if !strings.Contains(errs, "100 %") {
		t.Errorf("no progress: %s", errs)
	}
	if kits := finished(); len(kits) != good {
		t.Errorf("%d kits", len(kits))
	}
	for kit, before := range done {
		after, err := os.Stat(filepath.Join(kit, "kit.json"))
		if err != nil || !os.SameFile(before, after) || !after.ModTime().Equal(before.ModTime()) {
			t.Errorf("%s was made again", kit)
		}
	}
	for _, kit := range finished() {
		sums := exec.Command("sha256sum", "-c", "--quiet", "SHA256SUMS")
		sums.Dir = kit
		if said, err := sums.CombinedOutput(); err != nil {
			t.Errorf("%s: %v %s", kit, err, said)
		}
	}
	letters, _ := filepath.Glob(filepath.Join(out, "letters", "org-*.pdf"))
	partial, _ := filepath.Glob(filepath.Join(out, "*", ".partial*"))
	if len(letters) != good || len(partial) != 0 {
		t.Errorf("%d letters, left behind %v", len(letters), partial)
	}
	if refused, err := os.ReadFile(filepath.Join(out, "errors.csv")); err != nil || strings.Count(string(refused), "\n") != 3 {
		t.Errorf("errors.csv: %v %s", err, refused)
	}
	if _, says, _ := exit(t, args...); !strings.Contains(says, "0 made, 12 already there") {
		t.Errorf("a third run worked: %s", says)
	}
}

// TestOutreachMinistrysMailing makes what the seed letter asks for: one command, three kits and the letter to all three.
func TestOutreachMinistrysMailing(t *testing.T) {
	out := t.TempDir()
	code, says, errs := exit(t, "outreach", "batch", "-register", "../../internal/outreach/testdata/nso/organisations.csv",
		"-letter", "../../internal/outreach/testdata/nso/letter.toml", "-together", "-out", out, "-lang", "en")
	if code != exitDone || !strings.Contains(says, "3 made, 0 already there, 0 refused") {
		t.Fatalf("exit %d: %s%s", code, says, errs)
	}
	for _, name := range []string{"letters/together.pdf", "kits/gorvodokanal/poster-a3.pdf", "kits/iskitim-vodokanal/leaflet-a4.pdf", "kits/kbu/instruction.pdf"} {
		if _, err := os.Stat(filepath.Join(out, name)); err != nil {
			t.Error(err)
		}
	}
	letters := t.TempDir()
	code, says, errs = exit(t, "outreach", "letters", "-register", "../../internal/outreach/testdata/nso/organisations.csv",
		"-letter", "../../internal/outreach/testdata/nso/letter.toml", "-out", letters)
	made, _ := filepath.Glob(filepath.Join(letters, "letters", "*.pdf"))
	if code != exitDone || len(made) != 3 {
		t.Errorf("exit %d, %v: %s%s", code, made, says, errs)
	}
	if code, _, errs := exit(t, "outreach", "letters", "-register", register(t, 5), "-letter", "../../internal/outreach/testdata/nso/letter.toml", "-together", "-out", letters); code != exitFailed ||
		!strings.Contains(errs, "one to 4 addressees") {
		t.Errorf("five together: exit %d: %s", code, errs)
	}
}

package main

import (
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"

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

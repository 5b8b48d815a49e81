package notify

import (
	"flag"
	"fmt"
	"maps"
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"doverie/internal/effect"
	"doverie/internal/i18n"
	"doverie/internal/secret"
)

var update = flag.Bool("update", false, "write testdata/texts.golden.md again")

const site = "https://doverie.example"

func newTexts(t testing.TB) *Texts {
	t.Helper()
	c, err := i18n.Load()
	if err != nil {
		t.Fatal(err)
	}
	c.Missing = func(lang, key string, why error) { t.Errorf("%s: %s: %v", lang, key, why) }
	moscow, err := time.LoadLocation("Europe/Moscow")
	if err != nil {
		t.Fatal(err)
	}
	texts, err := NewTexts(c, site, moscow)
	if err != nil {
		t.Fatal(err)
	}
	return texts
}

// plausible are the arguments of an ordinary message, longest those that strain the room.
func plausible(spec Spec) map[string]string {
	args := map[string]string{
		"device": "Chrome, Android", "area": "91.221.0.0/16", "at": "2026-11-21T16:05:00Z", "until": "2026-11-24T16:05:00Z",
	}
	if spec.stop == neverStops && spec.button != "request" {
		delete(args, "device")
		delete(args, "area")
	}
	if spec.Person == "" && !spec.TwoSided && spec.stop == neverStops {
		delete(args, "until")
	}
	if spec.Person != "" || spec.TwoSided || slices.Contains(spec.Needs, "first_name") {
		args["first_name"] = "Вера П."
	}
	if slices.Contains(spec.Needs, "who") {
		args["who"] = "Вера, Нурмухаммед"
	}
	if spec.HasCode() {
		args["code"] = "123456"
		delete(args, "device")
		delete(args, "area")
	}
	if slices.Contains(spec.Needs, "link") {
		args["link"] = "/email/verify?t=Zm9vYmFyYmF6"
		delete(args, "code")
	}
	if spec.Stops() {
		args["stop_code"], args["link"] = "12345678", "/safety/stop?t=Zm9vYmFyYmF6"
	}
	if spec.button == "request" {
		args["attempts"] = "3"
	}
	args["action"] = "recovery"
	for name, value := range map[string]string{
		"organisation": "Horns & Hooves, 12", "sender": "MoH", "salutation": "J. K.!", "number": "10458-05/21", "date": "04.12.2025", "subject": "A, B (C)",
		"until": "2026-11-24T16:05:00Z",
	} {
		if slices.Contains(spec.Needs, name) {
			args[name] = value
		}
	}
	return args
}

func longest(spec Spec) map[string]string {
	args := plausible(spec)
	args["device"] = "Яндекс Браузер для смартфонов 24.12, Android 15, Samsung Galaxy"
	args["area"], args["at"], args["until"] = "2a02:6b8:b040:3100::/56", "2026-09-30T20:59:00Z", "2026-09-30T20:59:00Z"
	args["action"], args["attempts"] = "sign_in", "21"
	if args["first_name"] != "" {
		args["first_name"] = "Нурмухаммед-Александр Константинович Ж."
	}
	return args
}

// rendering is one text to be looked at.
type rendering struct {
	kind    Kind
	role    string
	channel effect.Channel
	lang    string
	text    Text
}

func (r rendering) name() string {
	return strings.TrimSuffix(fmt.Sprintf("%s/%s/%s/%s", r.lang, r.channel, r.kind, r.role), "/")
}

func everyText(t testing.TB, args func(Spec) map[string]string) []rendering {
	t.Helper()
	texts := newTexts(t)
	var out []rendering
	for _, kind := range Kinds() {
		spec, _ := Lookup(kind)
		roles := []string{""}
		if spec.TwoSided {
			roles = append(roles, RoleContact)
		}
		for _, role := range roles {
			for _, channel := range spec.Channels {
				for _, lang := range i18n.Languages() {
					a := args(spec)
					a["role"] = role
					text, err := texts.Render(kind, channel, lang, a)
					if err != nil {
						t.Errorf("%s/%s/%s/%s: %v", lang, channel, kind, role, err)
						continue
					}
					out = append(out, rendering{kind: kind, role: role, channel: channel, lang: lang, text: text})
				}
			}
		}
	}
	return out
}

func TestEveryTextIsComplete(t *testing.T) {
	cyrillic := regexp.MustCompile(`\p{Cyrillic}{2,}`)
	for _, args := range []func(Spec) map[string]string{plausible, longest} {
		for _, r := range everyText(t, args) {
			all := r.text.Subject + "\n" + r.text.Body + "\n" + r.text.HTML
			for _, bad := range []string{"<no value>", "{{", "}}", "⟦", "  ", " .", " ,", "()", ": .", "..", "%!"} {
				if strings.Contains(r.text.Subject+"\n"+r.text.Body, bad) || (len(bad) > 2 && strings.Contains(all, bad)) {
					t.Errorf("%s holds %q:\n%s", r.name(), bad, r.text.Body)
				}
			}
			if r.text.Body == "" || (r.channel != effect.SMS) != (r.text.Subject != "") || (r.channel == effect.Email) != (r.text.HTML != "") {
				t.Errorf("%s: parts are missing or too many: %+v", r.name(), r.text)
			}
			if r.lang == i18n.Russian != cyrillic.MatchString(strings.NewReplacer("Вера", "", "Нурмухаммед", "", "Александр", "",
				"Константинович", "", "Нурмух", "", "Конст", "", "Але", "", "Яндекс Браузер для смартфонов", "").Replace(r.text.Body)) {
				t.Errorf("%s is written in the wrong language:\n%s", r.name(), r.text.Body)
			}
		}
	}
}

func TestEveryArgumentIsAskedFor(t *testing.T) {
	texts := newTexts(t)
	for _, kind := range Kinds() {
		spec, _ := Lookup(kind)
		for _, need := range spec.Needs {
			args := plausible(spec)
			delete(args, need)
			if _, err := texts.Render(kind, spec.Channels[0], "ru", args); err == nil || !strings.Contains(err.Error(), need) {
				t.Errorf("%s without %s: %v", kind, need, err)
			}
		}
	}
}

// TestTextsNeedOnlyWhatTheyDeclare renders each kind with nothing but the arguments its Spec demands.
func TestTextsNeedOnlyWhatTheyDeclare(t *testing.T) {
	bare := func(spec Spec) map[string]string {
		args := plausible(spec)
		maps.DeleteFunc(args, func(name, _ string) bool {
			stop := spec.stop == mustStop && name == "stop_code"
			return !stop && !slices.Contains(spec.Needs, name) && (name != "first_name" || !spec.TwoSided)
		})
		return args
	}
	for _, r := range everyText(t, bare) {
		if strings.Contains(r.text.Body, "  ") || strings.Contains(r.text.Body, " .") || strings.HasSuffix(strings.TrimSpace(r.text.Body), ":") {
			t.Errorf("%s has a hole:\n%s", r.name(), r.text.Body)
		}
	}
}

func TestPurposesAreThoseOfTheCodes(t *testing.T) {
	seen := map[secret.Purpose]Kind{}
	for _, kind := range Kinds() {
		spec, _ := Lookup(kind)
		if !spec.HasCode() {
			continue
		}
		p := secret.Purpose(spec.Purpose)
		if other, twice := seen[p]; twice || !p.Valid() {
			t.Errorf("%s: purpose %q is unknown or also of %s", kind, p, other)
		}
		seen[p] = kind
		if spec.OptOut {
			t.Errorf("%s carries a code and may be switched off", kind)
		}
	}
	for _, p := range secret.Purposes() {
		if _, ok := seen[p]; !ok {
			t.Errorf("no message carries a code of purpose %q", p)
		}
	}
}

func TestSecurityNoticesCannotBeSwitchedOff(t *testing.T) {
	for _, kind := range Kinds() {
		if spec, _ := Lookup(kind); spec.OptOut && (spec.Stops() || spec.HasCode() || strings.HasPrefix(string(kind), "recovery.")) {
			t.Errorf("%s may be switched off", kind)
		}
	}
}

func TestTextsGolden(t *testing.T) {
	const file = "testdata/texts.golden.md"
	var b strings.Builder
	b.WriteString("# Every message as people get it\n\nWritten by `go test ./internal/notify -run TestTextsGolden -update`. HTML says what the plain text says.\n")
	last := ""
	for _, r := range everyText(t, plausible) {
		head := string(r.kind)
		if r.role != "" {
			head += " (to the contact)"
		}
		if head != last {
			fmt.Fprintf(&b, "\n## %s\n", head)
			last = head
		}
		fmt.Fprintf(&b, "\n%s, %s", r.lang, r.channel)
		if r.channel == effect.SMS {
			n, ucs2 := Segments(r.text.Body)
			fmt.Fprintf(&b, " (%d characters, %d parts, UCS-2: %t)", len([]rune(r.text.Body)), n, ucs2)
		}
		b.WriteString(":\n\n")
		if r.text.Subject != "" {
			fmt.Fprintf(&b, "> **%s**\n>\n", r.text.Subject)
		}
		for line := range strings.SplitSeq(strings.TrimRight(r.text.Body, "\n"), "\n") {
			b.WriteString(strings.TrimRight("> "+line, " ") + "\n")
		}
	}
	if *update {
		if err := os.WriteFile(file, []byte(b.String()), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if string(want) != b.String() {
		t.Errorf("%s is not what the texts say now; look at the difference and run with -update", file)
	}
}

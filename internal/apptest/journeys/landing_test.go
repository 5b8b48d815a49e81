package journeys

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"unicode"

	"doverie/internal/apptest/browser"
)

// landingScreens are the screens that the landing page shows: which part of each, and how much of it, in pixels.
var landingScreens = map[string]struct {
	part string
	high int64
}{
	"contacts-add":   {"main .sheet", 520},
	"add-contact":    {"main form", 420},
	"invitation":     {"main .sheet", 520},
	"recovery-start": {"main form", 420},
	"waiting":        {"main .match", 420},
	"request":        {"main .sheet", 520},
	"approval-code":  {"main form", 520},
}

const screenWide = 360

// screensFile says in which words each picture was taken: whoever changes a screen takes its picture again.
const screensFile = "testdata/screens.json"

var screensLock sync.Mutex

// screen compares what a screen says with what its picture on the landing page says, and with -pictures takes it again. Only
// the letter's story is pictured.
func (a *actor) screen(name string) {
	a.s.t.Helper()
	of, shown := landingScreens[name]
	if !shown || !a.s.way.script || !strings.HasPrefix(a.s.t.Name(), "TestStory/") {
		return
	}
	words := strings.Map(func(r rune) rune {
		if unicode.IsLetter(r) {
			return r
		}
		return -1
	}, a.TextOf(of.part))
	sum := sha256.Sum256([]byte(words))
	key, said := name+"-"+a.s.way.lang, hex.EncodeToString(sum[:8])
	screensLock.Lock()
	defer screensLock.Unlock()
	taken := map[string]string{}
	data, err := os.ReadFile(screensFile)
	if err == nil {
		err = json.Unmarshal(data, &taken)
	}
	if err != nil && !*pictures {
		a.s.t.Fatal(err)
	}
	if !*pictures {
		if taken[key] != said {
			a.s.t.Errorf("the screen %s says something else than its picture on the landing page: go test ./internal/apptest/journeys -run TestStory -pictures", key)
		}
		return
	}
	a.Crop(filepath.Join(browser.Root(a.s.t), "internal", "ui", "assets", "screen-"+key+".png"), of.part, screenWide, of.high)
	taken[key] = said
	if data, err = json.MarshalIndent(taken, "", "  "); err == nil {
		err = os.WriteFile(screensFile, append(data, '\n'), 0o600)
	}
	if err != nil {
		a.s.t.Fatal(err)
	}
}

// TestLanding reads the landing page as people do: with and without scripts, in usual and in large letters, and counts it.
func TestLanding(t *testing.T) {
	each(t, func(s *stage) {
		reader := s.enter("reader", s.Vera)
		for _, path := range []string{"/landing/trusted_contact", "/landing/trusted_contact?size=large"} {
			if status := reader.Go(path); status != http.StatusOK {
				t.Fatalf("%s: status %d", path, status)
			}
			if n := reader.Count(`main img[src*="/assets/screen-"][alt][width][height]`); n != len(landingScreens) {
				t.Errorf("%d screens are shown, want %d", n, len(landingScreens))
			}
			reader.See(s.T("landing.short"), s.T("landing.never"), s.T("landing.qa"))
		}
		pdf := s.Client().Get("/landing/trusted_contact/large-print.pdf")
		if !strings.HasPrefix(pdf.Body, "%PDF-") {
			t.Errorf("large print: %d", pdf.Status)
		}
		for _, header := range []string{"Set-Cookie"} {
			if got := s.Client().Get("/landing/trusted_contact?p=abcdefg").Header.Values(header); len(got) > 0 {
				t.Errorf("the landing page sets %v", got)
			}
		}
	})
}

// heavy are pages whose pictures come later: a browser without scripts fetches them at once (HTML, lazy loading), and reads
// the text without them all the same.
var heavy = []string{"/landing/trusted_contact"}

func (a *actor) mayWeigh(path string) int64 {
	path, _, _ = strings.Cut(path, "?")
	if a.s.way.script || !slices.Contains(heavy, path) {
		return maxPage
	}
	files, err := filepath.Glob(filepath.Join(browser.Root(a.s.t), "internal", "ui", "assets", "screen-*-"+a.s.way.lang+".png"))
	if err != nil || len(files) == 0 {
		a.s.t.Fatalf("no pictures: %v", err)
	}
	may := int64(maxPage)
	for _, f := range files {
		info, err := os.Stat(f)
		if err != nil {
			a.s.t.Fatal(err)
		}
		const headers = 500
		may += info.Size() + headers
	}
	return may
}

package messages

import (
	"flag"
	"path/filepath"
	"testing"
	"time"

	"doverie/internal/apptest"
	"doverie/internal/apptest/browser"
)

var shots = flag.String("shots", "", "folder for pictures of the pages; empty: none are made")

// TestPagesOfDelivery looks at the page of a code in a browser: before the message goes out, when it has arrived, and
// when it is too late. Nothing is wider than a small phone, and axe finds nothing.
func TestPagesOfDelivery(t *testing.T) {
	for _, lang := range []string{"ru", "en"} {
		t.Run(lang, func(t *testing.T) {
			w := apptest.New(t, "sqlite", apptest.Options{})
			vera := w.AddFamily().Vera
			say := w.Texts.Printer(lang, w.Policy.Location())
			p := browser.Open(t, w.URL, "vera-"+lang, browser.Options{Lang: lang})
			look := func(state string) {
				t.Helper()
				for _, wrong := range p.Problems() {
					t.Errorf("%s: %s", state, wrong)
				}
				for _, v := range p.Axe() {
					t.Errorf("%s: %+v", state, v)
				}
				if n := p.Overflow(320); n != 0 {
					t.Errorf("%s: %d px wider than a small phone", state, n)
				}
				for _, width := range []int64{320, 1280} {
					if *shots != "" {
						p.Shot(filepath.Join(*shots, state+"-"+lang+"-"+map[int64]string{320: "phone", 1280: "desk"}[width]+".png"), width)
					}
				}
			}
			p.Go("/sign-in")
			p.Fill("identifier", vera.Phone)
			p.Fill("password", apptest.Password)
			p.Press(`main form[method=post] button.button:not(.secondary):not(.danger):not(.link)`)
			p.At("/sign-in/code")
			p.See(say.T("delivery.waiting"))
			look("waiting")
			w.Settle()
			p.Go("/sign-in/code")
			p.See(say.T("delivery.delivered"))
			look("delivered")
			w.Clock.Advance(w.Policy.CodeResend + time.Second)
			p.Press(`form[action="/sign-in/resend"] button`)
			w.Clock.Advance(w.Policy.CodeTTL + time.Second) // nothing was sent in its life
			w.Settle()
			p.Go("/sign-in/code")
			p.See(say.T("delivery.late"))
			look("late")
		})
	}
}

package notify_test

import (
	"testing"
	"time"

	"doverie/internal/i18n"
	"doverie/internal/notify"
)

// Whatever is sent to a person has plain words in his list, in both languages, on both sides.
func TestEveryKindIsAboutSomething(t *testing.T) {
	texts, err := i18n.Load()
	if err != nil {
		t.Fatal(err)
	}
	kinds := append(notify.Kinds(), "account.phone_changed", "a kind of tomorrow")
	for _, kind := range kinds {
		if kind == notify.OutreachLetter { // to organisations: no account has it
			continue
		}
		for _, lang := range []string{"ru", "en"} {
			for _, asContact := range []bool{false, true} {
				if key := notify.About(kind, asContact); !texts.Printer(lang, time.UTC).Has(key) {
					t.Errorf("%s in %s: %s is not there", kind, lang, key)
				}
			}
		}
	}
	if a, b := notify.About(notify.RecoveryCompleted, false), notify.About(notify.RecoveryCompleted, true); a == b {
		t.Error("a contact reads the principal's title")
	}
}

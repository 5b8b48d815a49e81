package journeys

import (
	"encoding/json"
	"net/http"
	"strconv"
	"strings"
	"testing"
	"time"

	"doverie/internal/apptest"
	"doverie/internal/desk"
	"doverie/internal/notify"
)

// TestOwnDataAndHistory: Vera takes home everything that is kept of her, and nothing of anybody else; and she reads, page by
// page, everything that was done in her account, by an office too.
func TestOwnDataAndHistory(t *testing.T) {
	twice(t, func(s *stage) {
		s.linked()
		anna := s.Hire("anna", desk.Clerk, office)
		s.Operator(anna).OpenCase(s.Vera.SNILS, string(desk.FrozenReason))
		s.told(notify.DeskCaseOpened, 1, s.Vera.Phone, s.Vera.Email)
		for range 12 { // two events each
			s.Client().SignIn(s.Vera, apptest.Password)
			s.Advance(10 * time.Minute)
		}
		vera := s.enter("vera", s.Vera)
		vera.signIn(apptest.Password)
		vera.readsHistory()
		vera.takesData()
	})
}

// readsHistory turns all the pages of the history and comes back.
func (a *actor) readsHistory() {
	s := a.s
	s.t.Helper()
	all, err := strconv.Atoi(s.one(`SELECT COUNT(*) FROM event_subjects WHERE account_id = $1`, s.Vera.ID))
	if err != nil {
		s.t.Fatal(err)
	}
	a.Press(`nav a[href="/settings/safety/events"]`)
	a.See(s.T("history.lead"), s.T("pages.at", "Page", 1))
	if a.Exists(`.pages a[rel=prev]`) {
		s.t.Error("there is something newer than the newest")
	}
	read, page, named := a.Count(`main .rows li`), 1, strings.Contains(a.Text(), office)
	for a.Exists(`.pages a[rel=next]`) {
		a.Press(`.pages a[rel=next]`)
		page++
		a.See(s.T("pages.at", "Page", page))
		read += a.Count(`main .rows li`)
		named = named || strings.Contains(a.Text(), office)
	}
	if page < 2 || read != all {
		s.t.Errorf("%d events were read on %d pages, of %d", read, page, all)
	}
	if !named {
		s.t.Error("the history does not name the office")
	}
	for ; page > 1; page-- {
		a.Press(`.pages a[rel=prev]`)
	}
	a.See(s.T("pages.at", "Page", 1))
}

// takesData downloads the file and looks for what must be there and what must not.
func (a *actor) takesData() {
	s := a.s
	s.t.Helper()
	a.Go("/settings/account")
	a.Press(`main a[href="/settings/account/export"]`)
	if status, _ := a.Fetch("/settings/account/export", ""); status == http.StatusOK {
		s.t.Error("the file was given without the repeated check")
	}
	a.stepUp()
	a.At("/settings/account/export")
	a.See(s.T("account_export.care"))
	action := a.TextOf(`main form[action="/settings/account/export"] button`)
	if action == "" {
		s.t.Error("no button to download")
	}
	status, file := a.Fetch("/settings/account/export", "")
	var data struct {
		Profile map[string]any
		Links   []map[string]any
		History []map[string]any
	}
	if err := json.Unmarshal(file, &data); err != nil || status != http.StatusOK {
		s.t.Fatalf("%d %v: %.200s", status, err, file)
	}
	for name, want := range map[string]string{"family_name": s.Vera.Family, "phone": s.Vera.Phone, "email": s.Vera.Email, "snils": s.Vera.SNILS, "birth_date": s.Vera.BirthDate.String()} {
		if got := data.Profile[name]; got != want {
			s.t.Errorf("%s is %v, want %s", name, got, want)
		}
	}
	if len(data.Links) != 1 || len(data.History) < 24 {
		s.t.Errorf("%d links, %d events", len(data.Links), len(data.History))
	}
	text := string(file)
	if !strings.Contains(text, office) || !strings.Contains(text, "Алексей") {
		s.t.Error("the office or the contact's name is left out")
	}
	account, err := s.Store.Account(s.t.Context(), s.Vera.ID)
	if err != nil {
		s.t.Fatal(err)
	}
	for _, secret := range []string{s.Alexey.Phone, s.Alexey.Phone[2:], s.Alexey.Email, s.Alexey.SNILS, s.Alexey.ID, "anna", account.PasswordHash, "argon2", apptest.Password} {
		if strings.Contains(text, secret) {
			s.t.Errorf("the file has %q", secret)
		}
	}
}

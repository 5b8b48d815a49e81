// Package lighthouse measures pages with Lighthouse, as a phone on a slow line would find them.
package lighthouse

import (
	"bytes"
	"context"
	"encoding/json"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"doverie/internal/apptest"
	"doverie/internal/apptest/browser"
	"doverie/internal/effect"
	"doverie/internal/outreach"
)

// wanted is the least score of every category.
const wanted = 95

// measure runs Lighthouse over one page; cookie may be empty.
func measure(t *testing.T, address, cookie string) (scores map[string]int, below string) {
	t.Helper()
	ctx, stop := context.WithTimeout(t.Context(), 4*time.Minute)
	defer stop()
	dir := filepath.Join(browser.Root(t), "test", "lighthouse")
	cmd := exec.CommandContext(ctx, "node", filepath.Join(dir, "measure.mjs"), address, browser.Program(t), cookie)
	var out, errs bytes.Buffer
	cmd.Dir, cmd.Stdout, cmd.Stderr = dir, &out, &errs
	if err := cmd.Run(); err != nil {
		t.Fatalf("lighthouse (run scripts/needs): %v: %s", err, errs.String())
	}
	if err := json.Unmarshal(out.Bytes(), &scores); err != nil {
		t.Fatalf("%v: %s", err, out.String())
	}
	return scores, strings.TrimSpace(errs.String())
}

// TestScores measures the page that everybody is sent to, and the page of a campaign.
func TestScores(t *testing.T) {
	w := apptest.New(t, "sqlite", apptest.Options{Quiet: true})
	maria := w.AddFamily().Maria
	act := effect.Act{Actor: effect.Person, ID: maria.ID}
	if _, err := w.Campaigns.SetStaff(t.Context(), act, maria.ID, true); err != nil {
		t.Fatal(err)
	}
	c, err := w.Campaigns.Create(t.Context(), act, "Декабрь", outreach.Letter{
		Letterhead: []string{"МИНИСТЕРСТВО"}, Number: "1/{n}", Date: "04.12.2025", Subject: "О сервисе", Position: "Министр", Signer: "И.И. Иванов",
	}, true)
	if err == nil {
		_, err = w.Campaigns.Import(t.Context(), act, c.ID, []byte("id,name,region,municipality,position,head,salutation,email\n"+
			"a,МУП «Водоканал»,Новосибирская область,Искитим,Директору,И.И. Иванову,Уважаемый Иван Иванович!,a@example.org\n"))
	}
	if err != nil {
		t.Fatal(err)
	}
	clerk := w.Client()
	clerk.SignIn(maria, apptest.Password)
	var cookies []string
	for name, value := range clerk.Cookies() {
		cookies = append(cookies, name+"="+value)
	}
	for _, page := range []struct{ path, cookie string }{
		{"/landing/trusted_contact", ""},
		{"/outreach/campaigns/" + c.ID, strings.Join(cookies, "; ")},
	} {
		best := map[string]int{}
		var below string
		// A machine that is busy with other tests slows the browser down: the best of three measurements counts.
		for range 3 {
			var scores map[string]int
			scores, below = measure(t, w.URL+page.path, page.cookie)
			good := len(scores) == 4
			for category, score := range scores {
				best[category] = max(best[category], score)
				good = good && best[category] >= wanted
			}
			if good {
				break
			}
		}
		t.Logf("%s: %v", page.path, best)
		for category, score := range best {
			if score < wanted {
				t.Errorf("%s: %s %d, want %d: %s", page.path, category, score, wanted, below)
			}
		}
		if len(best) != 4 {
			t.Errorf("%s: only %v", page.path, best)
		}
	}
}

package web

import (
	"fmt"
	"net/http"

	"doverie/internal/httpx"
	"doverie/internal/recovery"
	"doverie/internal/ui"
)

// noRefresh: a waiting page without JavaScript has a button to look again. A page that reloads itself
// takes its reader's place away (WCAG 2.2.1, 3.2.5), and a screen reader would start over every time.
const noRefresh = 0

func (p *Recovery) wait(w http.ResponseWriter, r *http.Request, h here) error {
	return p.kit.Page(w, r, waitPage(h.view), httpx.Live("/recovery/events", noRefresh))
}

// events tells the waiting page that something changed; what, the page asks for itself.
func (p *Recovery) events(w http.ResponseWriter, r *http.Request) error {
	return watch(w, r, p.every, func() (string, bool, error) {
		h, err := p.here(r)
		v := h.view
		mark := fmt.Sprint(v.State, v.Approved, v.Contacts, v.AbleFrom.After(v.Now))
		return mark, v.State != recovery.Awaiting, err
	})
}

func waitPage(v recovery.View) ui.RecoveryWait {
	page := ui.RecoveryWait{
		Names: anyOf(v.Contacts), Approved: v.Approved, Needed: v.Needed, Until: v.ExpiresAt,
		Match: ui.MatchNumber{Number: v.Match, Hint: ui.K("recovery.wait.match")},
		Steps: ui.Timeline{
			{State: ui.StepDone, Text: ui.K("recovery.step.code")},
			{State: ui.StepNow, Text: ui.K("recovery.step.contact"), Note: ui.K("recovery.step.contact.note", "Until", v.ExpiresAt)},
			{State: ui.StepNext, Text: ui.K("recovery.step.second")},
			{State: ui.StepNext, Text: ui.K("recovery.step.password")},
		},
	}
	if v.AbleFrom.After(v.Now) {
		page.AbleFrom = v.AbleFrom
	}
	return page
}

// anyOf names people of whom any one will do: «Алексей или Марина».
func anyOf(names []string) ui.Text {
	switch len(names) {
	case 0:
		return ui.K("recovery.names.none")
	case 1:
		return ui.Plain(names[0])
	}
	text := ui.Plain(names[0])
	for _, name := range names[1 : len(names)-1] {
		text = ui.K("recovery.names.and_more", "One", text, "Two", name)
	}
	return ui.K("recovery.names.or", "One", text, "Two", names[len(names)-1])
}

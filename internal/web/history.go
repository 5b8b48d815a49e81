package web

import (
	"context"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"doverie/internal/audit"
	"doverie/internal/effect"
	"doverie/internal/httpx"
	"doverie/internal/i18n"
	"doverie/internal/ui"
)

// Histories reads what happened to one account, newest first: the events with a number below before (0:
// from the newest), at most limit. The store has it.
type Histories interface {
	History(ctx context.Context, account string, before int64, limit int) ([]audit.Event, error)
}

// History is «Действия в системе»: a person's own history, and nobody else's.
type History struct {
	kit *httpx.Kit
	of  Histories
}

// NewHistory prepares the page.
func NewHistory(kit *httpx.Kit, of Histories) *History { return &History{kit: kit, of: of} }

// Mount adds the page.
func (p *History) Mount(mux *http.ServeMux, citizens *httpx.Gate) {
	mux.Handle("GET /settings/safety/events", p.kit.Handle(citizens.RequireSession(p.list)))
}

const (
	eventsPerPage = 20
	deepestPage   = 200 // of 20 events each; the address stays short
)

func (p *History) list(w http.ResponseWriter, r *http.Request) error {
	way := cursors(r.URL.Query()["b"])
	var before int64
	if len(way) > 0 {
		before = way[len(way)-1]
	}
	events, err := p.of.History(r.Context(), httpx.VisitorOf(r).Account, before, eventsPerPage+1)
	if err != nil {
		return err
	}
	more := len(events) > eventsPerPage
	if more {
		events = events[:eventsPerPage]
	}
	page := ui.HistoryList{
		Days:  historyDays(events, httpx.VisitorOf(r).Account, p.kit.Printer(r)),
		Empty: ui.EmptyState{Icon: "history", Title: ui.K("history.empty"), Text: ui.K("history.empty.text")},
		Pages: ui.Pages{Page: len(way) + 1},
	}
	if more && len(way) < deepestPage {
		page.Pages.Older = cursorLink(append(slices.Clone(way), events[len(events)-1].Seq))
	}
	if len(way) > 0 {
		page.Pages.Newer = cursorLink(way[:len(way)-1])
	}
	return p.kit.Page(w, r, page, httpx.Section(pathEvents))
}

// cursors is the way to a page: where each one before it ended. What is no way leads to the first page.
func cursors(typed []string) []int64 {
	out := make([]int64, 0, len(typed))
	for _, text := range typed {
		n, err := strconv.ParseInt(text, 10, 64)
		if err != nil || n <= 0 || len(typed) > deepestPage || len(out) > 0 && n >= out[len(out)-1] {
			return nil
		}
		out = append(out, n)
	}
	return out
}

func cursorLink(way []int64) string {
	if len(way) == 0 {
		return pathEvents
	}
	query := url.Values{}
	for _, n := range way {
		query.Add("b", strconv.FormatInt(n, 10))
	}
	return pathEvents + "?" + query.Encode()
}

// historyDays groups events, newest first, by the civil day of the reader's zone.
func historyDays(events []audit.Event, me string, voice *i18n.Printer) []ui.HistoryDay {
	var out []ui.HistoryDay
	for _, e := range events {
		row := ui.Row{Icon: eventIcon(e.Kind), Title: eventText(e, voice), Note: eventNote(e, me, voice), Badge: eventBadge(e)}
		if n := len(out); n > 0 && sameDay(out[n-1].Day, e.At, voice.Zone()) {
			out[n-1].Rows = append(out[n-1].Rows, row)
			continue
		}
		out = append(out, ui.HistoryDay{Day: e.At, Rows: ui.Rows{row}})
	}
	return out
}

func sameDay(a, b time.Time, zone *time.Location) bool {
	return a.In(zone).Format(time.DateOnly) == b.In(zone).Format(time.DateOnly)
}

// eventText is the event in plain words. A kind that this version does not know, written by a newer one
// on another machine, is still shown.
func eventText(e audit.Event, voice *i18n.Printer) ui.Text {
	if key := "event." + e.Kind; voice.Has(key) {
		if system, ok := e.Facts["system"]; ok {
			return ui.K(key, "System", system)
		}
		return ui.K(key)
	}
	return ui.K("history.unknown")
}

// eventNote says when and from where. From where another person acted is his own affair (I9).
func eventNote(e audit.Event, me string, voice *i18n.Printer) ui.Text {
	clock := voice.Clock(e.At)
	switch {
	case e.Act.Actor == effect.Operator:
		return ui.K("history.by.office", "Clock", clock, "Office", e.Act.Office)
	case e.Act.Actor == effect.System:
		return ui.K("history.by.system", "Clock", clock)
	case e.Act.Actor == effect.Person && e.Act.ID != me:
		return ui.K("history.by.other", "Clock", clock)
	}
	return ui.K("history.from", "Clock", clock, "Device", ui.DeviceText(e.Act.Device), "Area", areaText(e.Act.Area))
}

func eventIcon(kind string) string {
	switch kind {
	case "account.frozen", "account.thawed":
		return "snowflake"
	case "session.ended", "session.ended_everywhere":
		return "log-out"
	}
	family, _, _ := strings.Cut(kind, ".")
	switch family {
	case "session", "sign_in":
		return "lock"
	case "recovery":
		return "key-round"
	case "trust":
		return "users"
	case "approval", "action":
		return "shield-check"
	case "device":
		return "laptop"
	case "system":
		return "globe"
	}
	return "user"
}

// eventBadge marks what is worth a second look.
func eventBadge(e audit.Event) ui.Badge {
	switch e.Kind {
	case "sign_in.failed", "session.step_up_failed", "recovery.started", "recovery.completed", "account.frozen", "account.phone_lost", "system.code_reused", "system.token_reused":
		return ui.Badge{Tone: ui.Warning, Text: ui.K("history.check")}
	case "session.started":
		if e.Facts["new_device"] == "yes" {
			return ui.Badge{Tone: ui.Info, Text: ui.K("history.new_device")}
		}
	}
	return ui.Badge{}
}

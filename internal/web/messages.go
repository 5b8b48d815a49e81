package web

import (
	"context"
	"net/http"
	"strconv"
	"strings"

	"doverie/internal/effect"
	"doverie/internal/httpx"
	"doverie/internal/i18n"
	"doverie/internal/policy"
	"doverie/internal/ui"
)

const (
	pathMessages    = "/settings/safety/messages"
	messagesPerPage = 20
	messagePages    = 50 // deeper nobody looks for what he has just received
)

// SentMessage is one message that was sent to the reader. It has no text: a code in it stays where it is.
type SentMessage struct {
	effect.Told

	About string // locale key of what it was about
}

// SentMessages tells what was sent to one account lately, newest first.
type SentMessages interface {
	Sent(ctx context.Context, account string, skip, limit int) ([]SentMessage, error)
}

// Messages is «Сообщения от нас»: what the service really sent to its reader, so that a message of somebody else who
// imitates it can be told by not being there (T50).
type Messages struct {
	kit    *httpx.Kit
	of     SentMessages
	policy policy.Policy
}

// NewMessages prepares the page.
func NewMessages(kit *httpx.Kit, of SentMessages, p policy.Policy) *Messages {
	return &Messages{kit: kit, of: of, policy: p}
}

// Mount adds the page. Only its reader's own session names whose messages are shown (I9).
func (p *Messages) Mount(mux *http.ServeMux, citizens *httpx.Gate) {
	mux.Handle("GET "+pathMessages, p.kit.Handle(citizens.RequireSession(p.list)))
}

func (p *Messages) list(w http.ResponseWriter, r *http.Request) error {
	at, err := strconv.Atoi(r.URL.Query().Get("p"))
	if err != nil || at < 1 || at > messagePages {
		at = 1
	}
	sent, err := p.of.Sent(r.Context(), httpx.VisitorOf(r).Account, (at-1)*messagesPerPage, messagesPerPage+1)
	if err != nil {
		return err
	}
	page := ui.MessagesList{
		For: p.policy.MessagesShown, Pages: ui.Pages{Page: at},
		Empty: ui.EmptyState{Icon: "mail", Title: ui.K("messages.empty"), Text: ui.K("messages.empty.text")},
	}
	if len(sent) > messagesPerPage && at < messagePages {
		page.Pages.Older = pathMessages + "?p=" + strconv.Itoa(at+1)
	}
	switch {
	case at > 2:
		page.Pages.Newer = pathMessages + "?p=" + strconv.Itoa(at-1)
	case at == 2:
		page.Pages.Newer = pathMessages
	}
	page.Days = messageDays(sent[:min(len(sent), messagesPerPage)], p.kit.Printer(r))
	return p.kit.Page(w, r, page, httpx.Section(pathSecurity))
}

// messageDays groups messages, newest first, by the civil day of the reader's zone.
func messageDays(sent []SentMessage, voice *i18n.Printer) []ui.HistoryDay {
	var out []ui.HistoryDay
	for _, m := range sent {
		row := ui.Row{Icon: channelIcon(m.Channel), Title: ui.K(m.About), Note: messageNote(m, voice), Badge: messageBadge(m, voice)}
		if n := len(out); n > 0 && sameDay(out[n-1].Day, m.CreatedAt, voice.Zone()) {
			out[n-1].Rows = append(out[n-1].Rows, row)
			continue
		}
		out = append(out, ui.HistoryDay{Day: m.CreatedAt, Rows: ui.Rows{row}})
	}
	return out
}

func channelIcon(c effect.Channel) string {
	switch c {
	case effect.Email:
		return "mail"
	case effect.Push:
		return "bell"
	}
	return "message-square-text"
}

// messageNote says when it was written, and where it went.
func messageNote(m SentMessage, voice *i18n.Printer) ui.Text {
	key := "messages.by." + string(m.Channel)
	if m.Masked == "" {
		return ui.K(key, "Clock", voice.Clock(m.CreatedAt))
	}
	return ui.K(key+".to", "Clock", voice.Clock(m.CreatedAt), "To", strings.ReplaceAll(m.Masked, " ", "\u00a0"))
}

// messageBadge says what has become of it. When it arrived is told where a carrier said so.
func messageBadge(m SentMessage, voice *i18n.Printer) ui.Badge {
	key := "messages.state." + string(m.State)
	switch m.State {
	case effect.Arrived:
		if !m.At.IsZero() && sameDay(m.At, m.CreatedAt, voice.Zone()) {
			return ui.Badge{Tone: ui.Success, Text: ui.K(key+".at", "Clock", voice.Clock(m.At))}
		}
		return ui.Badge{Tone: ui.Success, Text: ui.K(key)}
	case effect.Undone, effect.TooLate:
		return ui.Badge{Tone: ui.Warning, Text: ui.K(key)}
	}
	return ui.Badge{Text: ui.K(key)}
}

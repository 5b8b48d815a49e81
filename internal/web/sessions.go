package web

import (
	"context"
	"net/http"
	"strings"

	"doverie/internal/effect"
	"doverie/internal/httpx"
	"doverie/internal/session"
	"doverie/internal/trust"
	"doverie/internal/ui"
)

const pathSessions = "/settings/safety/sessions"

func (p *Security) list(w http.ResponseWriter, r *http.Request) error {
	auth, err := p.sessions.Authenticate(r.Context(), httpx.VisitorOf(r).Secret)
	if err != nil {
		return err
	}
	sessions, devices, err := p.sessions.List(r.Context(), auth)
	if err != nil {
		return err
	}
	page := sessionsPage(auth, sessions, devices)
	if asked, ok, err := p.askedSignIn(r); err != nil {
		return err
	} else if ok {
		page.Asked = ui.Notice{
			Tone: ui.Danger, Title: ui.K("sessions.asked.title"),
			Text: ui.K("sessions.asked", "Until", asked.Action.ExpiresAt, "Device", ui.DeviceText(asked.Action.Device)),
		}
	}
	switch done := r.URL.Query().Get("done"); done {
	case "ended", "others", "forgotten", "stopped":
		page.News = ui.Notice{Tone: ui.Success, Text: ui.K("sessions.done." + done)}
	}
	return p.kit.Page(w, r, page, httpx.Section(pathSecurity))
}

// OwnActions reads and ends a guarded action of the reader's own; trust.Protect has it.
type OwnActions interface {
	Waiting(ctx context.Context, account, session string, kind trust.ActionKind) (w trust.WaitingAction, ok bool, err error)
	GiveUp(ctx context.Context, act effect.Act, account, actionID string) error
}

// askedSignIn is the sign-in from a new browser that waits for the contacts, as the owner sees it elsewhere.
func (p *Security) askedSignIn(r *http.Request) (trust.WaitingAction, bool, error) {
	v := httpx.VisitorOf(r)
	return p.asked.Waiting(r.Context(), v.Account, v.Session, trust.ActionSignIn)
}

// stopAsked keeps whoever signs in from a new browser out. There is at most one, so nothing of the form names him.
func (p *Security) stopAsked(w http.ResponseWriter, r *http.Request) error {
	if _, err := httpx.Form(r); err != nil {
		return err
	}
	asked, ok, err := p.askedSignIn(r)
	if err != nil {
		return err
	}
	if ok {
		if err := p.asked.GiveUp(r.Context(), p.kit.Act(r), httpx.VisitorOf(r).Account, asked.Action.ID); err != nil {
			return err
		}
	}
	return httpx.Redirect(w, r, pathSessions+"?done=stopped")
}

func sessionsPage(auth session.Auth, sessions []session.Session, devices []session.Device) ui.SessionsList {
	page := ui.SessionsList{Others: len(sessions) > 1}
	for _, s := range sessions {
		current := s.ID == auth.Session.ID
		one := ui.SignedIn{ID: s.ID, Icon: deviceIcon(s.Device), Device: ui.DeviceText(s.Device), Current: current, Facts: ui.Facts{
			{Icon: "clock", Label: ui.K("sessions.since"), Value: ui.K("sessions.at", "At", s.CreatedAt)},
			{Icon: "history", Label: ui.K("sessions.seen"), Value: ui.K("sessions.at", "At", s.SeenAt)},
			{Icon: "globe", Label: ui.K("sessions.area"), Value: areaText(s.Area)},
		}}
		if current { // always first: the reader knows himself, and looks on for strangers
			page.Sessions = append([]ui.SignedIn{one}, page.Sessions...)
			continue
		}
		page.Sessions = append(page.Sessions, one)
	}
	for _, d := range devices {
		page.Devices = append(page.Devices, ui.SignedIn{
			ID: d.ID, Icon: deviceIcon(d.Words), Device: ui.DeviceText(d.Words), Current: d.ID == auth.Session.DeviceID, Facts: ui.Facts{
				{Icon: "clock", Label: ui.K("sessions.known"), Value: ui.K("sessions.at", "At", d.FirstSeenAt)},
				{Icon: "history", Label: ui.K("sessions.last"), Value: ui.K("sessions.at", "At", d.LastSeenAt)},
				{Icon: "globe", Label: ui.K("sessions.area"), Value: areaText(d.Area)},
			},
		})
	}
	return page
}

// deviceIcon tells a telephone from a computer by the words of package httpx.
func deviceIcon(device string) string {
	for _, phone := range []string{"Android", "iPhone", "iPad", "HarmonyOS", "Аврора"} {
		if strings.HasSuffix(device, phone) {
			return "smartphone"
		}
	}
	return "laptop"
}

func (p *Security) end(w http.ResponseWriter, r *http.Request) error {
	auth, err := p.sessions.Authenticate(r.Context(), httpx.VisitorOf(r).Secret)
	if err != nil {
		return err
	}
	if err := p.sessions.End(r.Context(), p.kit.Act(r), auth, r.PathValue("id")); err != nil {
		return err
	}
	return httpx.Redirect(w, r, pathSessions+"?done=ended")
}

func (p *Security) endOthers(w http.ResponseWriter, r *http.Request) error {
	auth, err := p.sessions.Authenticate(r.Context(), httpx.VisitorOf(r).Secret)
	if err != nil {
		return err
	}
	if err := p.sessions.SignOutEverywhere(r.Context(), p.kit.Act(r), auth, true); err != nil {
		return err
	}
	p.kit.ClearCookie(w, deviceCookie)
	return httpx.Redirect(w, r, pathSessions+"?done=others")
}

func (p *Security) forget(w http.ResponseWriter, r *http.Request) error {
	auth, err := p.sessions.Authenticate(r.Context(), httpx.VisitorOf(r).Secret)
	if err != nil {
		return err
	}
	if err := p.sessions.ForgetDevice(r.Context(), p.kit.Act(r), auth, r.PathValue("id")); err != nil {
		return err
	}
	return httpx.Redirect(w, r, pathSessions+"?done=forgotten")
}

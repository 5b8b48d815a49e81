package web

import (
	"context"
	"encoding/json"
	"net/http"
	"time"

	"doverie/internal/account"
	"doverie/internal/effect"
	"doverie/internal/httpx"
	"doverie/internal/session"
	"doverie/internal/trust"
	"doverie/internal/ui"
)

const pathExport = "/settings/account/export"

// OwnSessions lists where a person is signed in; session.Service has it.
type OwnSessions interface {
	Authenticator
	List(ctx context.Context, auth session.Auth) ([]session.Session, []session.Device, error)
}

// OwnKeys lists a person's passkeys; session.Passkeys has it.
type OwnKeys interface {
	List(ctx context.Context, account string) ([]session.Passkey, error)
}

// Export gives a person everything kept about himself as one JSON document, and nothing about anybody
// else but the names he may read on his own pages. No secret is part of it: neither hash, nor key, nor code.
type Export struct {
	kit      *httpx.Kit
	sessions OwnSessions
	links    OwnLinks
	history  Histories
	switches OwnSwitches
	keys     OwnKeys
	now      func() time.Time
}

// NewExport prepares the pages.
func NewExport(
	kit *httpx.Kit, sessions OwnSessions, links OwnLinks, history Histories, switches OwnSwitches, keys OwnKeys,
	now func() time.Time,
) *Export {
	return &Export{
		kit: kit, sessions: sessions, links: links, history: history, switches: switches, keys: keys, now: now,
	}
}

// Mount adds the pages.
func (p *Export) Mount(mux *http.ServeMux, citizens *httpx.Gate) {
	stepUp := func(h httpx.Handler) http.Handler { return p.kit.Handle(citizens.RequireStepUp(h)) }
	mux.Handle("GET "+pathExport, stepUp(p.offer))
	mux.Handle("POST "+pathExport, stepUp(p.download))
}

// The document. Moments are RFC 3339 in UTC; what never happened is left out.
type (
	exported struct {
		MadeAt   time.Time         `json:"made_at"`
		Profile  exportedProfile   `json:"profile"`
		Switches []exportedSwitch  `json:"switches"`
		Links    []exportedLink    `json:"links"`
		Sessions []exportedSession `json:"sessions"`
		Devices  []exportedDevice  `json:"devices"`
		Keys     []exportedKey     `json:"passkeys"`
		History  []exportedEvent   `json:"history"`
	}
	exportedProfile struct {
		ID                string     `json:"id"`
		Level             string     `json:"level"`
		State             string     `json:"state"`
		Family            string     `json:"family_name"`
		Given             string     `json:"given_name"`
		Patronymic        string     `json:"patronymic,omitempty"`
		BirthDate         string     `json:"birth_date,omitempty"`
		Citizenship       string     `json:"citizenship,omitempty"`
		SNILS             string     `json:"snils,omitempty"`
		DocumentKind      string     `json:"document_kind,omitempty"`
		DocumentLast4     string     `json:"document_last4,omitempty"`
		Phone             string     `json:"phone,omitempty"`
		PhoneVerifiedAt   *time.Time `json:"phone_verified_at,omitempty"`
		PhoneConfirmedAt  *time.Time `json:"phone_confirmed_at,omitempty"`
		PhoneLostAt       *time.Time `json:"phone_lost_at,omitempty"`
		PhoneChangedAt    *time.Time `json:"phone_changed_at,omitempty"`
		SimChangedAt      *time.Time `json:"sim_changed_at,omitempty"`
		Email             string     `json:"email,omitempty"`
		EmailVerifiedAt   *time.Time `json:"email_verified_at,omitempty"`
		PasswordChangedAt *time.Time `json:"password_changed_at,omitempty"`
		FactorChangedAt   *time.Time `json:"second_factor_changed_at,omitempty"`
		CodeGenerator     bool       `json:"code_generator"`
		RecoveredAt       *time.Time `json:"recovered_at,omitempty"`
		HoldUntil         *time.Time `json:"hold_until,omitempty"`
		ConfirmedAt       *time.Time `json:"confirmed_at,omitempty"`
		ApprovalsNeeded   int        `json:"approvals_needed"`
		Language          string     `json:"language"`
		CreatedAt         time.Time  `json:"created_at"`
	}
	exportedSwitch struct {
		Name  string     `json:"name"`
		State string     `json:"state"`
		OffAt *time.Time `json:"off_at,omitempty"`
	}
	exportedLink struct {
		Side       string     `json:"your_side"` // "principal": he guards you
		State      string     `json:"state"`
		OtherName  string     `json:"other_name,omitempty"`
		Label      string     `json:"you_typed,omitempty"`
		InvitedAt  time.Time  `json:"invited_at"`
		AcceptedAt *time.Time `json:"accepted_at,omitempty"`
		SettlesAt  *time.Time `json:"settles_at,omitempty"`
		LeavesAt   *time.Time `json:"leaves_at,omitempty"`
		EndedAt    *time.Time `json:"ended_at,omitempty"`
		EndReason  string     `json:"end_reason,omitempty"`
	}
	exportedSession struct {
		Device    string    `json:"device"`
		Area      string    `json:"network_area"`
		CreatedAt time.Time `json:"created_at"`
		SeenAt    time.Time `json:"seen_at"`
		ExpiresAt time.Time `json:"expires_at"`
		This      bool      `json:"this_session"`
	}
	exportedDevice struct {
		Device      string    `json:"device"`
		Area        string    `json:"network_area"`
		FirstSeenAt time.Time `json:"first_seen_at"`
		LastSeenAt  time.Time `json:"last_seen_at"`
	}
	exportedKey struct {
		Name      string     `json:"name"`
		Synced    bool       `json:"synced"`
		CreatedAt time.Time  `json:"created_at"`
		UsedAt    *time.Time `json:"used_at,omitempty"`
	}
	exportedEvent struct {
		At     time.Time         `json:"at"`
		Kind   string            `json:"kind"`
		By     string            `json:"by"` // "you", "another person", "applicant", "operator" or "system"
		Office string            `json:"office,omitempty"`
		Device string            `json:"device,omitempty"`
		Area   string            `json:"network_area,omitempty"`
		Rules  string            `json:"rules"`
		Facts  map[string]string `json:"facts,omitempty"`
	}
)

func moment(t time.Time) *time.Time {
	if t.IsZero() {
		return nil
	}
	t = t.UTC()
	return &t
}

func (p *Export) offer(w http.ResponseWriter, r *http.Request) error {
	return p.kit.Page(w, r, ui.AccountExport{}, httpx.Section(pathProfile))
}

func (p *Export) download(w http.ResponseWriter, r *http.Request) error {
	if _, err := httpx.Form(r); err != nil {
		return err
	}
	all, err := p.gather(r)
	if err != nil {
		return err
	}
	body, err := json.MarshalIndent(all, "", "  ")
	if err != nil {
		return err
	}
	h := w.Header()
	h.Set("Content-Type", "application/json; charset=utf-8")
	h.Set("Content-Disposition", `attachment; filename="doverie-`+all.MadeAt.Format("2006-01-02")+`.json"`)
	h.Set("Cache-Control", "no-store")
	_, err = w.Write(append(body, '\n'))
	return err
}

func (p *Export) gather(r *http.Request) (exported, error) {
	ctx := r.Context()
	auth, err := p.sessions.Authenticate(ctx, httpx.VisitorOf(r).Secret)
	if err != nil {
		return exported{}, err
	}
	all := exported{MadeAt: p.now().UTC(), Profile: exportedProfileOf(auth.Account)}
	switches, err := p.switches.Switches(ctx, auth.Account.ID)
	if err != nil {
		return exported{}, err
	}
	for _, g := range switches.Guards {
		all.Switches = append(all.Switches, exportedSwitch{Name: string(g.Name), State: string(g.State), OffAt: moment(g.OffAt)})
	}
	links, err := p.links.LinksOf(ctx, auth.Account.ID)
	if err != nil {
		return exported{}, err
	}
	for _, v := range links {
		all.Links = append(all.Links, exportedLinkOf(v))
	}
	sessions, devices, err := p.sessions.List(ctx, auth)
	if err != nil {
		return exported{}, err
	}
	for _, s := range sessions {
		all.Sessions = append(all.Sessions, exportedSession{
			Device: s.Device, Area: s.Area, CreatedAt: s.CreatedAt.UTC(), SeenAt: s.SeenAt.UTC(), ExpiresAt: s.ExpiresAt.UTC(), This: s.ID == auth.Session.ID,
		})
	}
	for _, d := range devices {
		all.Devices = append(all.Devices, exportedDevice{Device: d.Words, Area: d.Area, FirstSeenAt: d.FirstSeenAt.UTC(), LastSeenAt: d.LastSeenAt.UTC()})
	}
	keys, err := p.keys.List(ctx, auth.Account.ID)
	if err != nil {
		return exported{}, err
	}
	for _, k := range keys {
		all.Keys = append(all.Keys, exportedKey{Name: k.Name, Synced: k.Synced, CreatedAt: k.CreatedAt.UTC(), UsedAt: moment(k.UsedAt)})
	}
	all.History, err = p.events(ctx, auth.Account.ID)
	return all, err
}

// events reads the whole history, a page at a time, newest first.
func (p *Export) events(ctx context.Context, account string) ([]exportedEvent, error) {
	const page = 500
	var out []exportedEvent
	for before := int64(0); ; {
		some, err := p.history.History(ctx, account, before, page)
		if err != nil {
			return nil, err
		}
		for _, e := range some {
			out = append(out, exportedEvent{
				At: e.At.UTC(), Kind: e.Kind, By: byWhom(e.Act, account), Office: e.Act.Office, Rules: e.Policy, Facts: e.Facts,
			})
			if last := &out[len(out)-1]; last.By == "you" || last.By == "applicant" {
				// Where somebody else was is his own affair.
				last.Device, last.Area = e.Act.Device, e.Act.Area
			}
			before = e.Seq
		}
		if len(some) < page {
			return out, nil
		}
	}
}

func byWhom(act effect.Act, account string) string {
	switch {
	case act.Actor == effect.Person && act.ID == account:
		return "you"
	case act.Actor == effect.Person:
		return "another person"
	}
	return string(act.Actor)
}

func exportedProfileOf(a account.Account) exportedProfile {
	return exportedProfile{
		ID: a.ID, Level: string(a.Level), State: string(a.State), Family: a.Family, Given: a.Given, Patronymic: a.Patronymic,
		BirthDate: a.BirthDate.String(), Citizenship: a.Citizenship, SNILS: a.SNILS,
		DocumentKind: string(a.Document.Kind), DocumentLast4: a.Document.Last4,
		Phone: a.Phone, PhoneVerifiedAt: moment(a.PhoneVerifiedAt), PhoneConfirmedAt: moment(a.PhoneConfirmedAt),
		PhoneLostAt: moment(a.PhoneLostAt), PhoneChangedAt: moment(a.PhoneChangedAt), SimChangedAt: moment(a.SimChangedAt),
		Email: a.Email, EmailVerifiedAt: moment(a.EmailVerifiedAt), PasswordChangedAt: moment(a.PasswordChangedAt),
		FactorChangedAt: moment(a.FactorChangedAt), CodeGenerator: a.TOTP.Enrolled(), RecoveredAt: moment(a.RecoveredAt),
		HoldUntil: moment(a.HoldUntil), ConfirmedAt: moment(a.ConfirmedAt), ApprovalsNeeded: a.Quorum, Language: a.Locale, CreatedAt: a.CreatedAt.UTC(),
	}
}

func exportedLinkOf(v trust.LinkView) exportedLink {
	return exportedLink{
		Side: string(v.Side), State: string(v.Link.State), OtherName: v.Other.Polite(), Label: v.Link.Label,
		InvitedAt: v.Link.InvitedAt.UTC(), AcceptedAt: moment(v.Link.AcceptedAt), SettlesAt: moment(v.Link.SettlesAt),
		LeavesAt: moment(v.Link.LeavesAt), EndedAt: moment(v.Link.EndedAt), EndReason: v.Link.EndReason,
	}
}

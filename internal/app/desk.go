package app

import (
	"context"
	"maps"
	"net/http"
	"sort"
	"strings"
	"time"

	"doverie/internal/console"
	"doverie/internal/desk"
	"doverie/internal/effect"
	"doverie/internal/httpx"
	"doverie/internal/notify"
	"doverie/internal/passkey"
	"doverie/internal/store"
	"doverie/internal/ui"
)

// deskServices builds what happens in person. Operators' keys belong to the console's own address.
func (a *App) deskServices(c Config, circles *store.Trust, name string) error {
	base := c.BaseURL
	if c.OperatorURL != nil {
		base = c.OperatorURL
	}
	keys, err := passkey.New(base, name)
	if err != nil {
		return err
	}
	cases := store.NewDesk(circles)
	a.Desk = &desk.Service{
		Cases: cases, Accounts: a.Store, Limits: a.Store, Codes: circles, Owners: circles, Passwords: a.Passwords,
		Deeds: desk.Deeds{Links: a.Links, Protect: a.Protect, Recoveries: a.Recoveries}, Keys: c.Keys, Policy: c.Policy, Now: c.Now,
	}
	a.Staff = &desk.Staff{
		Store: a.Store, Limits: a.Store, Passwords: a.Passwords, Ceremonies: keys, Keys: c.Keys, Policy: c.Policy, Now: c.Now, Issuer: name,
	}
	a.Records = &desk.Records{Store: a.Store, Notes: cases, Policy: c.Policy, Now: c.Now}
	return nil
}

func (a *App) console(c Config, kit *httpx.Kit) *console.Console {
	return console.New(console.Config{
		Kit: kit, Desk: a.Desk, Staff: a.Staff, Records: a.Records, Policy: c.Policy, Now: c.Now, Messages: a.samples, Clients: a.clients,
		Deliveries: func(ctx context.Context, account string) ([]effect.Delivery, error) {
			const newest = 5
			return a.Store.MessagesOf(ctx, account, newest, c.Now())
		},
	})
}

// clients lists the other information systems for the administrator: their names and where they may send people back.
func (a *App) clients(ctx context.Context) ([]console.Client, error) {
	all, err := a.Systems.Clients(ctx)
	var out []console.Client
	for _, one := range all {
		out = append(out, console.Client{ID: one.ID, Name: one.Name, State: string(one.State), Redirects: strings.Join(one.Redirects, "\n")})
	}
	return out, err
}

// mountDesk adds the console to everything else, unless it has a listener of its own.
func (a *App) mountDesk(c Config, mux *http.ServeMux) {
	if c.OperatorURL == nil {
		a.Console = a.console(c, a.Kit)
		a.Console.Mount(mux)
	}
}

// ownDesks builds the console's own handler, with its own address for cookies and for the check of origins.
func (a *App) ownDesks(c Config) error {
	if c.OperatorURL == nil {
		return nil
	}
	kit, err := httpx.New(httpx.Config{
		BaseURL: c.OperatorURL, Operators: true, TrustedProxies: c.TrustedProxies, Log: c.Log, Now: c.Now, Demo: c.ShowClock, Observe: a.metrics.observe,
	}, a.pages)
	if err != nil {
		return err
	}
	mux := http.NewServeMux()
	a.Console = a.console(c, kit)
	a.Console.Mount(mux)
	mux.Handle("GET "+ui.AssetPrefix, a.assets)
	mux.HandleFunc("GET /{$}", func(w http.ResponseWriter, r *http.Request) { http.Redirect(w, r, console.Home, http.StatusSeeOther) })
	a.mountHealth(mux)
	a.desks = kit.Wrap(mux)
	return nil
}

// samples renders one example of every message with made-up names and codes, for an administrator to read.
func (a *App) samples(lang string) []console.Message {
	at := a.now().UTC().Format(time.RFC3339)
	made := map[string]string{
		"code": "123456", "first_name": "Алексей", "who": "Алексей", "device": "Chrome, Android", "area": "91.221.0.0/16", "at": at, "until": at,
		"stop_code": "12345678", "reason": "self", "action": "change_phone", "attempts": "2", "by": "principal", "link": "/help",
	}
	var out []console.Message
	for _, kind := range notify.Kinds() {
		spec, _ := notify.Lookup(kind)
		for _, channel := range []effect.Channel{effect.SMS, effect.Email, effect.Push} {
			if !spec.Allows(channel) {
				continue
			}
			args := maps.Clone(made)
			if !spec.HasCode() {
				delete(args, "code")
			}
			text, err := a.letters.Render(kind, channel, lang, args)
			if err != nil {
				continue // a kind whose arguments are not among those made up
			}
			words := text.Body
			if text.Subject != "" {
				words = text.Subject + ". " + words
			}
			out = append(out, console.Message{Kind: string(kind), Channel: string(channel), Text: words})
		}
	}
	sort.SliceStable(out, func(i, j int) bool { return out[i].Kind < out[j].Kind })
	return out
}

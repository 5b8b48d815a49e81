package browser

import (
	"context"

	"github.com/chromedp/cdproto/cdp"
	"github.com/chromedp/cdproto/webauthn"
	"github.com/chromedp/chromedp"
)

// Authenticator is a device of the person that keeps passkeys and checks its owner by finger: Chromium's own
// virtual one. It works on http://localhost, as a real one does.
type Authenticator struct {
	p  *Page
	id webauthn.AuthenticatorID
}

// Authenticator gives the person's browser such a device; its owner touches it whenever it asks.
func (p *Page) Authenticator() *Authenticator {
	p.t.Helper()
	a := &Authenticator{p: p}
	p.run("an authenticator", chromedp.Func(func(ctx context.Context, target *chromedp.Target) error {
		if _, err := cdp.Call(ctx, target, webauthn.Enable, webauthn.EnableParams{}); err != nil {
			return err
		}
		made, err := cdp.Call(ctx, target, webauthn.AddVirtualAuthenticator, webauthn.AddVirtualAuthenticatorParams{
			Options: &webauthn.VirtualAuthenticatorOptions{
				Protocol: webauthn.AuthenticatorProtocolCtap2, Ctap2version: webauthn.Ctap2versionCtap21, Transport: webauthn.AuthenticatorTransportInternal,
				HasResidentKey: true, HasUserVerification: true, IsUserVerified: true, AutomaticPresenceSimulation: true,
			},
		})
		a.id = made.AuthenticatorID
		return err
	}))
	return a
}

// Know says whether the device recognises who touches it from now on.
func (a *Authenticator) Know(owner bool) {
	a.p.t.Helper()
	a.p.run("recognise the owner", chromedp.Func(func(ctx context.Context, target *chromedp.Target) error {
		_, err := cdp.Call(ctx, target, webauthn.SetUserVerified, webauthn.SetUserVerifiedParams{AuthenticatorID: a.id, IsUserVerified: owner})
		return err
	}))
}

// Keys counts the passkeys in the device.
func (a *Authenticator) Keys() (n int) {
	a.p.t.Helper()
	a.p.run("count keys", chromedp.Func(func(ctx context.Context, target *chromedp.Target) error {
		all, err := cdp.Call(ctx, target, webauthn.GetCredentials, webauthn.GetCredentialsParams{AuthenticatorID: a.id})
		n = len(all.Credentials)
		return err
	}))
	return n
}

// Touch presses what matches the selector without waiting for another page: what a script answers on this one.
func (p *Page) Touch(selector string) {
	p.t.Helper()
	p.run("press "+selector, chromedp.Click(chromedp.CSS(selector), chromedp.NodeVisible))
}

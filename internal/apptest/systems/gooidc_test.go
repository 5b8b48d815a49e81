// Package systems lets clients that nobody here wrote use the running provider, unchanged.
package systems

import (
	"context"
	"net/http"
	"testing"
	"time"

	gooidc "github.com/coreos/go-oidc/v3/oidc"
	"golang.org/x/oauth2"

	"doverie/internal/apptest"
	"doverie/internal/apptest/pgtest"
	"doverie/internal/effect"
	"doverie/internal/oidc"
)

func TestMain(m *testing.M) { pgtest.Main(m) }

var byOperator = effect.Act{Actor: effect.System, Device: "test"}

// TestGoOIDC: coreos/go-oidc and x/oauth2 sign a person in, refresh, read userinfo, meet a new key in mid-session, and
// are refused after signing out.
func TestGoOIDC(t *testing.T) {
	for _, engine := range []string{"sqlite", "postgres"} {
		for _, alg := range oidc.Algs() {
			t.Run(engine+" "+alg, func(t *testing.T) {
				t.Parallel()
				goOIDC(t, engine, alg)
			})
		}
	}
}

func goOIDC(t *testing.T, engine, alg string) {
	w := apptest.New(t, engine, apptest.Options{})
	w.RealTime()
	vera := w.AddFamily().Vera
	c, secret := w.System(oidc.Client{IDTokenAlg: alg})
	ctx := t.Context()
	provider, err := gooidc.NewProvider(ctx, w.URL)
	if err != nil {
		t.Fatal(err)
	}
	if provider.UserInfoEndpoint() != w.URL+"/oidc/userinfo" {
		t.Errorf("userinfo is at %s", provider.UserInfoEndpoint())
	}
	config := oauth2.Config{
		ClientID: c.ID, ClientSecret: secret, Endpoint: provider.Endpoint(), RedirectURL: c.Redirects[0],
		Scopes: []string{gooidc.ScopeOpenID, "profile", "email", "phone", "birthdate", "snils", "account_level", "recovery"},
	}
	config.Endpoint.AuthStyle = oauth2.AuthStyleInHeader
	verifier := provider.Verifier(&gooidc.Config{ClientID: c.ID})
	pkce := oauth2.GenerateVerifier()
	browser := w.Client()
	began := time.Now().Add(-time.Second)
	back := browser.Through(config.AuthCodeURL("the state", oauth2.S256ChallengeOption(pkce), gooidc.Nonce("the nonce")), vera, apptest.Password)
	if q := back.Query(); q.Get("state") != "the state" || q.Get("iss") != w.URL || back.Host != "water.example.test" {
		t.Fatalf("came back to %s", back)
	}
	token, err := config.Exchange(ctx, back.Query().Get("code"), oauth2.VerifierOption(pkce))
	if err != nil {
		t.Fatal(err)
	}
	raw, _ := token.Extra("id_token").(string)
	id, err := verifier.Verify(ctx, raw)
	if err != nil {
		t.Fatal(err)
	}
	if err = id.VerifyAccessToken(token.AccessToken); err != nil || id.Nonce != "the nonce" {
		t.Errorf("at_hash %v, nonce %q", err, id.Nonce)
	}
	var said struct {
		ACR      string   `json:"acr"`
		AMR      []string `json:"amr"`
		AuthTime int64    `json:"auth_time"`
		SID      string   `json:"sid"`
		Name     string   `json:"name"`
	}
	if err = id.Claims(&said); err != nil || said.ACR != oidc.ACRTwoFactors || len(said.AMR) != 2 || said.SID == "" || said.Name != "" ||
		said.AuthTime < began.Add(-time.Minute).Unix() {
		t.Errorf("the id token says %+v, %v", said, err)
	}
	source := config.TokenSource(ctx, token)
	info, err := provider.UserInfo(ctx, source)
	if err != nil {
		t.Fatal(err)
	}
	var person map[string]any
	if err = info.Claims(&person); err != nil || info.Subject != id.Subject || info.Subject == vera.ID {
		t.Errorf("%v: userinfo of %q, the id token of %q", err, info.Subject, id.Subject)
	}
	for name, want := range map[string]any{
		"name": "Смирнова Вера Петровна", "given_name": "Вера", "family_name": "Смирнова", "middle_name": "Петровна", "email": vera.Email,
		"email_verified": true, "phone_number": vera.Phone, "phone_number_verified": true, "birthdate": "1954-03-08", "snils": vera.SNILS,
		"account_level": "confirmed", "citizenship": "RUS",
	} {
		if person[name] != want {
			t.Errorf("%s is %v, want %v", name, person[name], want)
		}
	}
	if _, ever := person["recovered_at"]; ever {
		t.Error("recovered_at of somebody who never recovered")
	}

	// The key changes in mid-session: what it signed is still taken, and what the new one signs too.
	if err = w.Systems.Keys.Rotate(ctx, byOperator, alg, true); err != nil {
		t.Fatal(err)
	}
	token.Expiry = time.Now().Add(-time.Second)
	refreshed, err := config.TokenSource(ctx, token).Token()
	if err != nil {
		t.Fatal(err)
	}
	raw2, _ := refreshed.Extra("id_token").(string)
	id2, err := verifier.Verify(ctx, raw2)
	if err != nil {
		t.Fatalf("the id token of the new key: %v", err)
	}
	if id2.Subject != id.Subject || refreshed.RefreshToken == token.RefreshToken || refreshed.AccessToken == token.AccessToken {
		t.Error("a refresh gave the same again, or another person")
	}
	if _, err = verifier.Verify(ctx, raw); err != nil {
		t.Errorf("the id token of the old key: %v", err)
	}
	if _, err = provider.UserInfo(ctx, oauth2.StaticTokenSource(refreshed)); err != nil {
		t.Error(err)
	}

	// Signed out, at the system's wish: nothing works any more.
	page := browser.Get("/oidc/logout?id_token_hint=" + raw2)
	if page.Status != http.StatusOK {
		t.Fatalf("the question whether to sign out: %d", page.Status)
	}
	browser.Want(browser.Post("/oidc/logout/confirm", "at", apptest.Step(page.Body), "leave", "yes"), "/sign-in?why=out")
	if _, err = provider.UserInfo(ctx, oauth2.StaticTokenSource(refreshed)); err == nil {
		t.Error("userinfo answers after the sign-out")
	}
	refreshed.Expiry = time.Now().Add(-time.Second)
	if _, err = config.TokenSource(context.WithoutCancel(ctx), refreshed).Token(); err == nil {
		t.Error("a refresh after the sign-out")
	}
	browser.Want(browser.Get("/settings/account"), "/sign-in")
}

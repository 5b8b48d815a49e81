// Package oidc is the OpenID Connect provider for other information systems: who they are, what a person agreed to
// hand over to them, and the codes and tokens that carry it. It decides; package endpoint speaks HTTP for it.
//
// # One sign-in (whose move)
//
//	pushed (the system's) ──the browser brings it──▶ open ──signed in, agreed──▶ done: a code
//	                  parameters in the browser ──▶ open ──"no", or an error──▶ done: an error
//	code ──exchanged once──▶ access + refresh + id token
//	refresh ──used once──▶ access + refresh + id token
//
// A code and all that comes of it is one family, and ends as one: by a code or a refresh token that came twice, by
// revocation, the end of the visit, of the consent, of the client, or of everything (recovery, freeze, disown).
//
//	visit: live ──signing out here or there, recovery, freeze, disown, consent withdrawn──▶ ended ──the system is told──▶ told
//	consent: live ──withdrawn, lapsed, recovery, freeze──▶ ended
//	key: announced ──policy.SystemKeyAnnounce──▶ signing ──policy.SystemKeyLife──▶ retired, published until all it signed lapsed
//
// # Addresses
//
//	/.well-known/openid-configuration   what there is
//	/oidc/jwks                          Keys.Public
//	/oidc/par                           Provider.Push
//	/oidc/authorize                     Provider.Begin
//	/oidc/continue, /oidc/consent       Provider.Continue, Provider.Decide: named steps, signed
//	/oidc/token                         Provider.Exchange, Provider.Refresh
//	/oidc/userinfo, introspect, revoke  Provider.UserInfo, Introspect, Revoke
//	/oidc/logout                        Provider.SignOutOf
//	/settings/safety/consents           Provider.Consents, Withdraw
//
// # What an attacker would try, and what stands against it
//
//   - Redirect tricks (T42): redirect_uri is compared character by character, and nothing is sent to another one.
//   - Mix-up (T43): every answer to the browser names us ("iss", RFC 9207).
//   - A stolen code (T44): S256 is demanded, it lives a minute, works once, and for its client only; a second use
//     ends what came of the first.
//   - Downgrade (T45): no challenge, no request; "plain" is refused; a verifier is always needed.
//   - One token for another (T46): access tokens are random texts without content; what is signed has its "typ",
//     one audience and an algorithm of ours; proofs and assertions are parsed with an explicit list of algorithms.
//   - Consent in the middle of a recovery (T47): only a full session of an open account agrees; the cookie of a
//     recovery is none.
//   - Replay: "jti" of assertions and DPoP proofs is kept for as long as they would be taken.
//   - Whatever was issued before a recovery: ended in its transaction, and every look at a token reads the database (I4).
package oidc

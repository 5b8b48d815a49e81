// Package waterworks is «Водоканал: личный кабинет», another information system of the demonstration: a site of its
// own, at an address of its own, that knows nothing of the service but its published address and what any client may
// know. It signs people in with coreos/go-oidc and x/oauth2, shows what it was told about them, and signs them out the
// moment the service says so.
//
//	GET  /             the cabinet, or the way in, or why somebody was signed out
//	GET  /sign-in      to the service: code, PKCE, state, nonce
//	GET  /callback     back from it
//	POST /sign-out     here and there
//	GET  /stream       tells the page that something changed
//	POST /logout       back-channel logout tokens
//	POST /signals      security event tokens (RFC 8935)
//	POST /language     Russian or English
//
// Everything is kept in memory: a restart signs everybody out.
package waterworks

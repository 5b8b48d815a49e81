// Package signals tells other information systems what happened to an account: by security event
// tokens (RFC 8417) in the way of OpenID Shared Signals 1.0 and the CAEP interoperability profile, and
// by logout tokens (OpenID Connect Back-Channel Logout 1.0).
//
//	a decision ── effect.TellSystems ──▶ system_notices ─┐ fan-out, one transaction
//	a session of a system ends ──▶ oidc_sessions ────────┤
//	                                                     ▼
//	signal_deliveries: pending ──▶ leased ──▶ delivered          a lane a system and kind, in order
//	                      ▲          │ retry     └──▶ failed     given up: an operator sees and may retry
//	                      └──────────┘            dropped        the stream was deleted or disabled
//
// The notice is written in the deciding transaction, so nothing decided goes untold. The fan-out gives
// each event to each system one row and one jti; the row is sent until the receiver takes it, under the
// same jti, and no later row of the lane goes before it. A receiver that was down gets everything, in
// order, when it is back; what it gets twice (we died between sending and writing that down) it knows by
// the jti. With poll delivery the receiver asks and acknowledges, and nothing is sent.
//
// # Who learns what
//
// A system has at most one stream, and hears only of people who agreed to sign in to it and have not
// withdrawn that, under the name (sub) it knows them by. What it asks about anybody else is answered
// like what it asks about its own (T48): a system cannot find out who has an account, or who froze it.
// No name, phone or e-mail is ever in a token of ours here.
//
// # What an attacker would try
//
//   - Make us fetch from the inside: an endpoint is https, on a host that the system registered with
//     us, and resolved addresses of private networks are refused when we connect (package transmit).
//   - Stop the telling of others: each system has its own lane; a dead receiver delays itself only.
//   - Pass one token for another: each kind has its own typ (secevent+jwt, logout+jwt), aud is one
//     system, and a logout token has no nonce.
//   - Flood us: bodies and acknowledgements are bounded, requests are limited for each system.
package signals

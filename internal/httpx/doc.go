// Package httpx is the edge between HTTP and the services: what every page needs and no page should repeat.
//
// A page's handler is a Handler: it returns an error, and Kit.Handle turns a fault into the right status and
// a page in the reader's language. Kit.Wrap stands outermost, around the whole mux: request id, panics,
// security headers, same-origin check, limits, language, log. Gate looks up who is signed in and sends
// everybody else to the sign-in or to the repeated check.
//
// What an attacker would try here: make a person's browser post from another site (CrossOriginProtection),
// inject script (contextual escaping and a policy without 'unsafe-inline'), send the person away after
// sign-in (SafeNext), forge an address (TrustedProxies), learn from an error (causes are only logged).
package httpx

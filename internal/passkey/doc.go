// Package passkey speaks WebAuthn (W3C Web Authentication Level 3) for package session and hides its library.
// It keeps nothing and knows no rule of the service: it makes the options that a browser is given, and checks
// what comes back against the state that was kept.
//
// It is a room of its own because the library reaches net/http, which the domain never does: the domain
// declares what it needs (session.Ceremonies), and this package answers.
//
// # What is asked of every key
//
//   - Discoverable (resident): a person signs in without typing who he is.
//   - User verification: the device checks its owner by finger, face or PIN, so that one key is two factors.
//   - No attestation: which make a key is of is nobody's business, and nothing here depends on it.
//   - Origin and relying party id are those of the service's own address; no other site and no frame.
//
// # Where passkeys work
//
// The relying party id is the host of the base URL. A browser takes it only by https, or by http on localhost;
// an IP address is never one. Elsewhere Offered is false, and no page speaks of passkeys.
//
// # The backup-eligible flag
//
// The specification says that it never changes, and the library refuses a key whose flag did. Some makers
// change it when a person switches on the copying of keys between devices. A right signature with another flag
// is therefore accepted and reported (Assertion.Flipped): what follows from it is for package session to say.
package passkey

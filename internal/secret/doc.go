// Package secret is the only place where the server makes, keeps, compares and proves secrets.
//
// What a secret is decides how it is kept:
//
//   - A token (128 bits and more from the system's generator) is kept as a plain SHA-256: HashToken.
//     Nobody can guess one, so neither a key nor a slow hash would add anything.
//   - A short code (six digits) is kept as a keyed hash bound to its purpose and its object: HashCode.
//     A million guesses are nothing to a thief of the database; without the key they are worthless.
//   - A value that must be found again (a phone, a name, a device) is kept as a keyed hash: Lookup.
//   - A text that leaves the server and comes back (a link, the next step) carries its proof: Sign.
//   - A text that rests in the database and must be read again (a code in the outbox) is sealed: Seal.
//   - A password is kept as Argon2id: Hasher. Its queue is bounded, so that nobody can fill the memory.
//   - An authenticator application's key is sealed at rest and checked by TOTPStep.
//
// Every key is derived from one master key by HKDF-SHA256 (RFC 5869) under a label of its own, so a
// proof made for one purpose is noise for any other. The package imports nothing of ours, keeps no
// state but the hashing queue, and takes the time as a parameter.
package secret

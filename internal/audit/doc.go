// Package audit defines what an event is and how events are chained, so that a changed, missing,
// reordered or cut-off record shows (DOMAIN §9).
//
// Every change of state writes one event in its own transaction. The hash of an event is SHA-256
// over a canonical encoding of all its fields and of the hash before it; the head names the last
// sequence number and hash, and carries a seal made with a server key. Therefore:
//
//   - whoever changes, removes or swaps records breaks the chain at that record;
//   - whoever cuts the end off contradicts the head;
//   - whoever re-hashes the whole chain and writes a new head cannot make the seal.
//
// What this cannot show: the whole database set back to an older copy of itself. Against that,
// operators keep the head that `doverie audit verify` prints somewhere else, and compare.
//
// The package is pure: package store reads and writes the rows.
package audit

// Package recovery is the heart: one attempt to get a new password without the old one.
//
// # The walk
//
//	applicant (perhaps not the principal)        contact, in his own cabinet
//	GET/POST /recovery             start         (SMS, e-mail, push: no link in an SMS)
//	GET/POST /recovery/code        proving
//	GET      /recovery/wait        awaiting      GET/POST /approvals/{id}: facts, questions,
//	    match number, first names, live state        match number, his own code (package trust)
//	GET/POST /recovery/finish      approved      may still reject, until completed
//	GET/POST /recovery/password    verified
//	GET      /recovery/done        completed
//
//	the principal, elsewhere: banner in live sessions, e-mail link and stop code → disown, freeze
//
// # States and whose move it is
//
//	proving           applicant: the code sent to the account's own phone (30 min)
//	awaiting_contact  contact: 12 h; silence is refusal
//	approved          applicant: a second code to the principal's own phone (12 h)
//	verified          applicant: the new password
//	completed         nobody: everything issued before is dead, hold 72 h
//	rejected, disowned, expired, cancelled, superseded, locked_out: ends, each with a reason
//
// # Why it is safe
//
// A recovery of an account with a guarding link reaches approved only through WhenApproved, which
// only package trust calls, inside the commit that burns the contact's own code (I1, I2). Whether
// the account is guarded is read in the transaction that leaves proving and again in the one that
// completes: a recovery that began unguarded and finds a guarding link at its end is refused.
// Every commit names the version it read; of racing outcomes one wins (I3). A rejection is allowed
// until completed. A timer only ever ends a recovery (I10).
//
// # To a stranger
//
// Start writes the same rows whatever the identifier names: a recovery without an account is a
// decoy whose code nobody knows. Locks, freezes and limits of the account are told only to who has
// proved to hold its phone. Wrong codes end the recovery, never lock the account (T21).
package recovery

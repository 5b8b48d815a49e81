// Package jobs runs what the transactions left to be done: messages of the outbox and timers.
//
//	pending ──claim──▶ leased ──settle──▶ sent | failed | expired | unknown      (a message)
//	   ▲                 │ retry, or the lease ran out
//	   └─────────────────┘
//
// A worker claims rows with a lease and an owner, works outside any transaction, and settles under a
// guard on owner and attempt; whoever lost the lease settles nothing. A worker that dies leaves a
// lease that runs out, and another takes the row over.
//
// Messages are delivered at least once, with three exceptions that favour silence:
// a message past its NotAfter is never delivered; a message that carries a code and whose outcome is
// unknown (a lost reply, a dead worker) is marked unknown and not sent again, because a person who
// gets two codes is easier to confuse: he asks for a new one himself; a message of an address waits
// until the earlier ones of that address and channel are finished, so that order is kept. A code,
// which lives for minutes, waits for earlier codes only, not for a notice that is being retried.
//
// Timers come back as ordinary events: the handler of a kind calls the same service method a click
// would. A handler may run twice and must be idempotent; a guarded commit is. A failing timer is
// tried for ever, with growing pauses: an expiry must not be lost.
package jobs

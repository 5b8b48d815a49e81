// Package trust owns the relation the whole product is about: a principal, the trusted contact who
// guards his account, and the contact's approval of one guarded action.
//
// # The walk
//
//	principal                              contact
//	/settings/account                      (SMS: you are asked to become a trusted contact)
//	  → /settings/safety/login
//	  → /settings/safety/trusted-contacts
//	  → …/add      step-up, name + phone   /settings/safety/trusted-contacts
//	  → "ждёт ответа"                        → /invitations/{id}   plain words, step-up, accept
//	  ← accepted: settling 24 h, guarding from the first second
//
//	(a guarded action begins: a recovery, lifting a freeze, ...)
//	                                       /approvals/{id}
//	                                         1 facts, "call yourself"      asked
//	                                         2 five questions              asked → checked | flagged
//	                                         3 match number                checked → matched | rejected
//	                                         4 code from his own phone     matched → approved
//	                                         at any time: reject, or wait  → rejected
//
// # Three machines, all pure
//
// Link is one invitation and, once accepted, the relation. Approval is one contact's decision on
// one guarded action. Action is a guarded action other than a recovery (package recovery owns that
// one). Each has one Apply method: (state, event, now, policy) → (state, effects, error). An
// unknown pair is an error. The tables stand in docs/flow.md and are checked pair by pair.
//
// # Who may do what
//
// A principal invites, withdraws, asks for removal, stops a removal. A contact accepts, declines
// (and may block further invitations from that person), resigns, stops his removal, decides
// approvals. A contact never starts anything on the principal's account and never sees its data.
// Timers let an invitation lapse (72 h), a removal take effect (72 h) and an approval lapse with
// its action. Nobody else acts here, except two operators in person.
//
// # What an attacker would try
//
// Learn from an invitation whether a phone has an account: Invite reads nothing about the invited
// person, and the SMS is sent later by a timer (T16). Remove the contact first: a removed contact
// guards for 72 h and is told on every channel (T09). Appoint himself and approve at once: a fresh
// link settles 24 h (T10). Make the contact read a code aloud: the code goes out only at the last
// step, is bound to the contact's session and this request, and no other code may live on that
// phone meanwhile (T03, T04). Approve after losing the right to: eligibility is read inside the
// approving transaction (T24).
package trust

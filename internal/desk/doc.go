// Package desk owns what happens in person: operators and their offices, how they sign in, the case of one visit,
// and the acts that only a service desk can do.
//
// # The walk of a visit
//
//	operator                                              person, with a document
//	/operator                find one account: СНИЛС,
//	                         phone or e-mail, the reason,
//	                         the document (kind, last four)
//	  → /operator/cases/{id} the facts; every act, spelled out      (told at once on every channel)
//	  → …/acts/{kind}        one act                      → done, or proposed to a second operator
//	/operator/acts           the queue of the second
//	  → /operator/acts/{id}  the same facts: agree, refuse
//	                         paper with a temporary password, printed once
//
// # The machine of an act (act.go; its table is in docs/flow.md)
//
//	none ──alone──▶ approved
//	none ──needs two──▶ proposed ──a second agrees──▶ approved
//	                    proposed ──a second refuses──▶ refused
//	                    proposed ──the first withdraws──▶ withdrawn
//	                    proposed ──operator_queue──▶ expired
//
// What an act does to the account is decided by packages trust and recovery, and is committed together with the
// act's own row: nothing is done that was not decided, nothing decided is left undone (deeds.go).
//
// # Who needs a second operator (Needs)
//
// Ending a link; recovery of an account that is guarded, or whose owner guards others; a change of the phone of
// somebody who guards others, because that phone could then speak for him. Neither of the two was given his access
// lately (Operator.Settled). Everything else one operator does alone:
// nothing of it gives a password to an account that a link guards (I1).
//
// # Roles
//
//	operator       cases and acts; second operator in his own office
//	senior         the same; second operator in every office; figures
//	auditor        reads what operators did; figures. Touches no account
//	administrator  offices, operators, rules, texts; figures. Touches no account, and does not audit
//
// # What an attacker would try
//
//   - Fish for accounts: there is no list and no wildcard; a look needs a whole identifier, a reason and a document,
//     is counted, written down, and told to the person (T34).
//   - Do both halves: the second is not the first in the machine, in the guard of the statement, and in a constraint
//     of the table (T33). Two browsers of one operator are one operator.
//   - Change what the second agrees to: the facts of the proposal are hashed; when they are others now, it is proposed anew.
//   - Make both halves: an administrator who gives access to two operators of his own, or takes an honest one's access by
//     giving it anew, plays neither half for policy.OperatorSettling, and is seen meanwhile (Records.AccessGiven).
//   - Type a stranger's SNILS first, so that she can never be confirmed: what was only typed gives way to the document at
//     the desk, in the same commit; a confirmed holder is never touched (T21).
//   - Take a contact over to approve as him: needs two as well.
//   - Keep the paper: printed once, by the one who proposed, wiped after that; 24 h, and to be changed at the first sign-in (T31).
//   - Talk the desk into it by phone: no act without a case, no case without a document; no code of anybody is ever shown.
//   - Come back after being suspended: sessions end with it, and every act asks again whether its operator is active.
package desk

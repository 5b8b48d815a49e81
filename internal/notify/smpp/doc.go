// Package smpp sends SMS to a carrier's SMS centre by SMPP 3.4 (Short Message Peer to Peer Protocol
// Specification v3.4, issue 1.2).
//
//	Run:      dial ─▶ bind ─▶ bound ──enquire_link, deliver_sm──▶ … ──broken──▶ pause (doubled, with jitter) ─▶ dial
//	Deliver:  wait for a bound session ─▶ pace (Rate) ─▶ window ─▶ submit_sm ─▶ submit_sm_resp
//
// One Channel keeps one session. Deliver is called by any number of workers at once; their submits share the
// session, at most Window of them unanswered. Run must be running for anything to be sent.
//
// What an answer means for a letter:
//
//	submit_sm_resp, status 0                       Accepted, and the Ledger learns the message id
//	throttled, queue full, system error            Postponed: surely not sent; the whole channel slows down
//	any other status                               Refused
//	no session, no room in the window in time      Postponed
//	written, and no answer: time-out, broken line  Unknown: it may have been sent
//
// A long text goes out in parts, one after the other. What the centre has already taken under a Key is
// remembered (also when the answer comes after the time-out), and a repeated letter goes on with the
// parts that are missing: a repeat makes a second copy only of the one part whose answer was lost.
// The reference number of the parts comes from the Key, so that a phone puts a repeated part in its place.
//
// A letter with an end of life carries it as validity_period: the centre drops a code that comes too late.
//
// What an attacker would try: a centre (or whoever sits on the line without TLS) that sends lengths that lie,
// endless PDUs, or answers to questions nobody asked. Lengths are bounded before anything is allocated,
// unknown answers are dropped, and every queue has a limit.
package smpp

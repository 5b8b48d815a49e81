// Package store is the only place with SQL. One text per statement serves SQLite and PostgreSQL;
// what must differ stands in dialect.go with its reason.
//
// # How a write happens
//
//	s.InTx(ctx, func(ctx context.Context, tx *Tx) error {
//		if err := tx.ExecOne(ctx, `UPDATE recoveries SET state = $1, version = version + 1
//			WHERE id = $2 AND version = $3`, …); err != nil {
//			return err // somebody else was first: fault.Conflict
//		}
//		return s.applyEffects(ctx, tx, act, tx.Now(), policyVersion, effects) // last: it ends with the audit head
//	})
//
// The rules:
//
//   - A guard stands in the outer WHERE of the statement that changes the row, and exactly one row
//     is expected. A read followed by an unguarded write is a bug that SQLite hides.
//   - The function given to InTx may run several times (busy file, deadlock, lost connection), so it
//     changes nothing outside the transaction, or assigns it afresh every time.
//   - Inside InTx use tx only. InTx within InTx, or Read within InTx, is refused: on SQLite it would
//     wait for itself for ever.
//   - On PostgreSQL a failed statement ends the transaction: return its error. Close rows before the
//     next statement (Collect does).
//
// # When the reply to COMMIT is lost
//
// The outcome is then unknown, and nothing is retried: InTx returns ErrUnknownOutcome inside a fault
// with key "fault.commit_unknown". A caller may safely repeat the whole act, because every commit is
// idempotent by construction: the guard names the version (or state) the act was decided on. If the
// first commit did happen, the version has moved and the repetition gets fault.Conflict, changing
// nothing; rows of the outbox carry unique keys, timers are one per kind and object, one-time codes
// are burnt once. A person reads the state again and sees what happened.
package store

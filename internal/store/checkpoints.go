package store

import (
	"bytes"
	"context"
	"crypto/rand"
	"database/sql"
	"errors"
	"fmt"
	"math"
	"time"

	"golang.org/x/mod/sumdb/tlog"

	"doverie/internal/audit"
	"doverie/internal/fault"
	"doverie/internal/notary"
)

// leavesAtOnce is how many events one transaction gives their leaves: short enough to be in nobody's way.
const leavesAtOnce = 200

// logRow is the locked row of the tree.
type logRow struct{ size, epoch int64 }

func lockLog(ctx context.Context, tx *Tx) (l logRow, err error) {
	err = tx.QueryRow(ctx, `SELECT size, epoch FROM audit_log WHERE id = 1`+tx.ForUpdate()).Scan(&l.size, &l.epoch)
	return l, err
}

// AppendLeaves gives the next events their leaves, in order, and returns how many. Nobody's transaction waits for it:
// it locks the row of the tree, not the head of the chain. An event that does not continue the chain gets no
// leaf: the error names it.
func (s *Store) AppendLeaves(ctx context.Context) (n int, err error) {
	err = s.InTx(ctx, func(ctx context.Context, tx *Tx) error {
		log, err := lockLog(ctx, tx)
		if err != nil {
			return err
		}
		records, err := recordsAfter(ctx, tx, log.size, math.MaxInt64, leavesAtOnce)
		if n = len(records); err != nil || n == 0 {
			return err
		}
		if err := continues(ctx, tx, log.size, records); err != nil {
			return err
		}
		return putLeaves(ctx, tx, log, records)
	})
	return n, err
}

// continues checks that the records follow the one numbered last in the chain.
func continues(ctx context.Context, q Querier, last int64, records []notary.Record) error {
	var prev audit.Hash
	if last > 0 {
		var hash []byte
		switch err := q.QueryRow(ctx, `SELECT hash FROM events WHERE seq = $1`, last).Scan(&hash); {
		case errors.Is(err, sql.ErrNoRows):
			return broken(last, audit.Missing)
		case err != nil:
			return err
		}
		copy(prev[:], hash)
	}
	for _, r := range records {
		last++
		switch {
		case r.Seq != last:
			return broken(last, audit.Missing)
		case r.Event.Sum(prev) != r.Hash:
			return broken(last, audit.Changed)
		}
		prev = r.Hash
	}
	return nil
}

// BrokenLogError says that the event log cannot be signed as it is.
type BrokenLogError struct {
	Record int64 // number of the first event that is wrong
	Fault  audit.Fault
}

func (e *BrokenLogError) Error() string {
	return fmt.Sprintf("store: event %d: %s: the log is not signed before this is understood", e.Record, e.Fault)
}

func broken(record int64, what audit.Fault) error {
	return fault.New(fault.Internal, "fault.internal", nil).Because(&BrokenLogError{Record: record, Fault: what})
}

func putLeaves(ctx context.Context, tx *Tx, log logRow, records []notary.Record) error {
	salts, hashes := make([]any, 0, 2*len(records)), make([]any, 0, 4*len(records))
	fresh := map[int64]tlog.Hash{}
	reader := tlog.HashReaderFunc(func(at []int64) ([]tlog.Hash, error) { return readHashes(ctx, tx, fresh, at) })
	size := log.size
	for _, r := range records {
		_, _ = rand.Read(r.Salt[:]) // documented never to return an error
		more, err := tlog.StoredHashesForRecordHash(size, r.Sum(), reader)
		if err != nil {
			return err
		}
		first := tlog.StoredHashIndex(0, size)
		for i := range more {
			fresh[first+int64(i)] = more[i]
			hashes = append(hashes, first+int64(i), more[i][:])
		}
		salts = append(salts, r.Seq, r.Salt[:])
		size++
	}
	if err := tx.ExecAny(ctx, `INSERT INTO audit_salts (seq, salt) VALUES `+places(len(salts)/2, 2), salts...); err != nil {
		return err
	}
	if err := tx.ExecAny(ctx, `INSERT INTO audit_hashes (pos, hash) VALUES `+places(len(hashes)/2, 2), hashes...); err != nil {
		return err
	}
	return tx.ExecOne(ctx, `UPDATE audit_log SET size = $1 WHERE id = 1 AND size = $2`, size, log.size)
}

// readHashes reads hashes of the tree, in the order asked for.
func readHashes(ctx context.Context, q Querier, fresh map[int64]tlog.Hash, at []int64) ([]tlog.Hash, error) {
	known := make(map[int64]tlog.Hash, len(at))
	var ask []any
	for _, pos := range at {
		if h, ok := fresh[pos]; ok {
			known[pos] = h
		} else {
			ask = append(ask, pos)
		}
	}
	if len(ask) > 0 {
		_, err := Collect(func(row func(...any) error) (pos int64, err error) {
			var hash []byte
			if err = row(&pos, &hash); err == nil && len(hash) == tlog.HashSize {
				known[pos] = tlog.Hash(hash)
			}
			return pos, err
		})(q.Query(ctx, `SELECT pos, hash FROM audit_hashes WHERE pos IN `+places(1, len(ask)), ask...))
		if err != nil {
			return nil, err
		}
	}
	out := make([]tlog.Hash, len(at))
	for i, pos := range at {
		h, ok := known[pos]
		if !ok {
			return nil, fmt.Errorf("store: hash %d of the tree is missing", pos)
		}
		out[i] = h
	}
	return out, nil
}

func hashReader(ctx context.Context, q Querier) tlog.HashReader {
	return tlog.HashReaderFunc(func(at []int64) ([]tlog.Hash, error) { return readHashes(ctx, q, nil, at) })
}

// recordsAfter reads the events numbered above from, up to to and at most limit, with subjects, and with salt and leaf where they have
// them.
func recordsAfter(ctx context.Context, q Querier, from, to int64, limit int) ([]notary.Record, error) {
	events, err := Collect(scanEvent)(q.Query(ctx, `SELECT `+eventColumns+` FROM events WHERE seq > $1 AND seq <= $2 ORDER BY seq LIMIT $3`,
		from, to, limit))
	if err != nil || len(events) == 0 {
		return nil, err
	}
	first, last := events[0].Seq, events[len(events)-1].Seq
	subjects, err := subjectsOf(ctx, q, first, last)
	if err != nil {
		return nil, err
	}
	salts, err := saltsOf(ctx, q, first, last)
	if err != nil {
		return nil, err
	}
	leaves, err := leavesOf(ctx, q, first, last)
	if err != nil {
		return nil, err
	}
	records := make([]notary.Record, len(events))
	for i, e := range events {
		e.Subjects = subjects[e.Seq]
		records[i].Event = e
		if salt, ok := salts[e.Seq]; ok {
			records[i].Salt, records[i].Leaf, records[i].Leafed = salt, leaves[e.Seq], true
		}
	}
	return records, nil
}

func saltsOf(ctx context.Context, q Querier, from, to int64) (map[int64]audit.Salt, error) {
	bySeq := make(map[int64]audit.Salt)
	_, err := Collect(func(row func(...any) error) (seq int64, err error) {
		var salt []byte
		err = row(&seq, &salt)
		var whole audit.Salt
		copy(whole[:], salt)
		bySeq[seq] = whole
		return seq, err
	})(q.Query(ctx, `SELECT seq, salt FROM audit_salts WHERE seq >= $1 AND seq <= $2`, from, to))
	return bySeq, err
}

// leavesOf reads the stored leaf hashes of events: they lie among the hashes above them.
func leavesOf(ctx context.Context, q Querier, from, to int64) (map[int64]tlog.Hash, error) {
	bySeq := make(map[int64]tlog.Hash)
	_, err := Collect(func(row func(...any) error) (pos int64, err error) {
		var hash []byte
		if err = row(&pos, &hash); err != nil {
			return pos, err
		}
		if level, n := tlog.SplitStoredHashIndex(pos); level == 0 && len(hash) == tlog.HashSize {
			bySeq[n+1] = tlog.Hash(hash)
		}
		return pos, nil
	})(q.Query(ctx, `SELECT pos, hash FROM audit_hashes WHERE pos >= $1 AND pos <= $2`,
		tlog.StoredHashIndex(0, from-1), tlog.StoredHashIndex(0, to-1)))
	return bySeq, err
}

// SignCheckpoint signs the tree as it is, unless that was done already, and returns the checkpoint. An empty tree has
// none: the zero value.
func (s *Store) SignCheckpoint(ctx context.Context, now time.Time, signer *notary.Signer) (signed notary.Signed, err error) {
	err = s.InTx(ctx, func(ctx context.Context, tx *Tx) error {
		log, err := lockLog(ctx, tx)
		if err != nil || log.size == 0 {
			return err
		}
		if err := maySign(ctx, tx, now, signer); err != nil {
			return err
		}
		root, err := tlog.TreeHash(log.size, hashReader(ctx, tx))
		if err != nil {
			return err
		}
		if signed, err = signer.Checkpoint(log.epoch, log.size, root); err != nil {
			return err
		}
		var old string
		err = tx.QueryRow(ctx, `SELECT signed FROM audit_checkpoints WHERE epoch = $1 AND size = $2`, log.epoch, log.size).Scan(&old)
		switch {
		case err == nil && bytes.Equal([]byte(old), signed.Note):
			return nil
		case err == nil:
			return broken(log.size, notary.Rewritten)
		case !errors.Is(err, sql.ErrNoRows):
			return err
		}
		return tx.ExecOne(ctx, `INSERT INTO audit_checkpoints (epoch, size, signed, signed_at) VALUES ($1, $2, $3, $4)`,
			log.epoch, log.size, string(signed.Note), Micros(now))
	})
	return signed, err
}

// Standing reads where the tree and its checkpoints stand.
func (s *Store) Standing(ctx context.Context) (state notary.Standing, err error) {
	err = s.Read(ctx, func(ctx context.Context, q Querier) error {
		state, err = standing(ctx, q)
		return err
	})
	return state, err
}

func standing(ctx context.Context, q Querier) (state notary.Standing, err error) {
	if err := q.QueryRow(ctx, `SELECT size, epoch FROM audit_log WHERE id = 1`).Scan(&state.Size, &state.Epoch); err != nil {
		return state, err
	}
	if err := q.QueryRow(ctx, `SELECT seq FROM audit_head WHERE id = 1`).Scan(&state.Events); err != nil {
		return state, err
	}
	var at int64
	var text string
	switch err := q.QueryRow(ctx, `SELECT size, signed, signed_at FROM audit_checkpoints WHERE epoch = $1 ORDER BY size DESC LIMIT 1`, state.Epoch).
		Scan(&state.Signed, &text, &at); {
	case errors.Is(err, sql.ErrNoRows):
		return state, nil
	case err != nil:
		return state, err
	}
	state.SignedAt, state.Note = FromMicros(at), []byte(text)
	return state, nil
}

// Checkpoints are the stored notes of the epoch whose size is above from, smallest first, at most limit.
func (s *Store) Checkpoints(ctx context.Context, epoch, from int64, limit int) (notes [][]byte, err error) {
	err = s.Read(ctx, func(ctx context.Context, q Querier) error {
		notes, err = Collect(func(row func(...any) error) (note []byte, err error) {
			var text string
			err = row(&text)
			return []byte(text), err
		})(q.Query(ctx, `SELECT signed FROM audit_checkpoints WHERE epoch = $1 AND size > $2 ORDER BY size LIMIT $3`, epoch, from, limit))
		return err
	})
	return notes, err
}

// TreeRoot is the root of the first size records, from the stored hashes.
func (s *Store) TreeRoot(ctx context.Context, size int64) (root tlog.Hash, err error) {
	err = s.Read(ctx, func(ctx context.Context, q Querier) error {
		root, err = tlog.TreeHash(size, hashReader(ctx, q))
		return err
	})
	return root, err
}

// ProveGrowth proves that the tree of the first to records begins with that of the first from.
func (s *Store) ProveGrowth(ctx context.Context, from, to int64) (proof tlog.TreeProof, err error) {
	err = s.Read(ctx, func(ctx context.Context, q Querier) error {
		proof, err = tlog.ProveTree(to, from, hashReader(ctx, q))
		return err
	})
	return proof, err
}

// ProvenHistory returns an account's events of the tree of the first size records, newest first, those with a number
// below before (0: from the newest), at most limit, each with its proof.
func (s *Store) ProvenHistory(ctx context.Context, account string, size, before int64, limit int) (found []notary.Proven, err error) {
	err = s.Read(ctx, func(ctx context.Context, q Querier) error {
		numbers, err := Collect(func(row func(...any) error) (n int64, err error) {
			err = row(&n)
			return n, err
		})(q.Query(ctx, `SELECT seq FROM event_subjects WHERE account_id = $1 AND seq <= $2 AND (CAST($3 AS BIGINT) = 0 OR seq < $3)
				ORDER BY seq DESC LIMIT $4`, account, size, before, limit))
		if err != nil {
			return err
		}
		found = make([]notary.Proven, 0, len(numbers))
		for _, n := range numbers {
			records, err := recordsAfter(ctx, q, n-1, n, 1)
			if err != nil {
				return err
			}
			proof, err := tlog.ProveRecord(size, n-1, hashReader(ctx, q))
			if err != nil {
				return err
			}
			if len(records) != 1 || !records[0].Leafed {
				return broken(n, notary.LeafLost)
			}
			found = append(found, notary.Proven{Record: records[0], Proof: proof})
		}
		return nil
	})
	return found, err
}

// WalkLog gives every record up to the number last to take, in order, until it returns false.
func (s *Store) WalkLog(ctx context.Context, last int64, take func(notary.Record) bool) error {
	for from := int64(0); from < last; {
		var page []notary.Record
		err := s.Read(ctx, func(ctx context.Context, q Querier) (err error) {
			page, err = recordsAfter(ctx, q, from, last, verifyPage)
			return err
		})
		if err != nil || len(page) == 0 {
			return err
		}
		for _, r := range page {
			if !take(r) {
				return nil
			}
		}
		from = page[len(page)-1].Seq
	}
	return nil
}

// VerifyLog walks the whole log and holds it against the head, the stored tree and the checkpoints given: those of the
// database and those from outside. Events that are written meanwhile do not disturb it.
func (s *Store) VerifyLog(ctx context.Context, outside []notary.Signed) (report notary.Report, err error) {
	var end notary.End
	var last int64
	err = s.Read(ctx, func(ctx context.Context, q Querier) error {
		// The end is read before the head, and the tree before both: what is committed between moves the later one only.
		var root tlog.Hash
		if err := q.QueryRow(ctx, `SELECT size FROM audit_log WHERE id = 1`).Scan(&end.Leaves); err != nil {
			return err
		}
		if root, err = tlog.TreeHash(end.Leaves, hashReader(ctx, q)); err == nil {
			end.Root = &root
		} else {
			end.Root = new(tlog.Hash) // hashes are missing: no tree has this root
		}
		var newest sql.NullInt64
		if err := q.QueryRow(ctx, `SELECT MAX(seq) FROM events`).Scan(&newest); err != nil {
			return err
		}
		var seal []byte
		if end.Head, seal, err = readHead(ctx, q); err != nil {
			return err
		}
		_, badSeal := s.keys.Open(sealHead, end.Head.SealText(), seal)
		end.Sealed = badSeal == nil || (end.Head == audit.Head{} && seal == nil)
		last = max(newest.Int64, end.Head.Seq)
		return nil
	})
	if err != nil {
		return report, err
	}
	auditor := notary.NewAuditor(outside...)
	err = s.WalkLog(ctx, last, func(r notary.Record) bool {
		r.Leafed = r.Leafed && r.Seq <= end.Leaves // leaves that were added after the tree was read
		return auditor.Next(r)
	})
	return auditor.Done(end), err
}

// HeadAt is the end that the chain had when it was seq events long.
func (s *Store) HeadAt(ctx context.Context, seq int64) (audit.Head, error) {
	head := audit.Head{Seq: seq}
	if seq == 0 {
		return head, nil
	}
	err := s.Read(ctx, func(ctx context.Context, q Querier) error {
		var hash []byte
		err := q.QueryRow(ctx, `SELECT hash FROM events WHERE seq = $1`, seq).Scan(&hash)
		copy(head.Hash[:], hash)
		return err
	})
	return head, err
}

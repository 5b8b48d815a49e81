package notary

import (
	"encoding/base64"
	"errors"
	"fmt"
	"strconv"
	"strings"

	"golang.org/x/mod/sumdb/note"
	"golang.org/x/mod/sumdb/tlog"
)

// HandOver says that another key signs the log from a certain record on. The next key signs it: whoever trusts that one
// knows by it which key signed before, and up to where. The former key signs it too, if it is still in good hands: then
// whoever trusts the former one can go on to the next. As it is signed:
//
//	id.example.org/audit/hand-over
//	2
//	1024
//	Iy5Rtx…=
//	id.example.org/audit+4bd264b0+AUPr…
//	id.example.org/audit+77c1d02a+AX3k…
//
// the log, its epoch, how many records the former key may have signed, their root, the former key and the next one.
type HandOver struct {
	Checkpoint

	Former, Next string

	Note     []byte // as it is kept
	ByFormer bool   // the former key has signed it too
}

// ErrHandOver says that a text is no hand-over, or that its next key has not signed it.
var ErrHandOver = errors.New("notary: not a hand-over of the log to another key")

const (
	handOverMark = "/hand-over"
	handOverRows = 7
)

func (h HandOver) text() string {
	return h.Log + handOverMark + "\n" + strconv.FormatInt(h.Epoch, 10) + "\n" + strconv.FormatInt(h.Size, 10) + "\n" +
		base64.StdEncoding.EncodeToString(h.Root[:]) + "\n" + h.Former + "\n" + h.Next + "\n"
}

// HandOver makes the statement that this signer follows the key former. by is the former signer; nil when it is lost or in
// other hands too.
func (s *Signer) HandOver(c Checkpoint, former string, by *Signer) (HandOver, error) {
	c.Log = s.name
	h := HandOver{Checkpoint: c, Former: former, Next: s.key}
	signers := []note.Signer{s}
	if by != nil && by.key == former {
		signers, h.ByFormer = append(signers, by), true
	}
	signed, err := note.Sign(&note.Note{Text: h.text()}, signers...)
	if err != nil {
		return HandOver{}, fmt.Errorf("notary: sign: %w", err)
	}
	h.Note = signed
	return h, nil
}

// OpenHandOver reads one. The only error is ErrHandOver.
func OpenHandOver(text []byte) (HandOver, error) {
	body, _, found := strings.Cut(string(text), "\n\n")
	lines := strings.Split(body+"\n", "\n")
	if !found || len(lines) != handOverRows {
		return HandOver{}, ErrHandOver
	}
	h := HandOver{Former: lines[4], Next: lines[5], Note: text}
	h.Log = strings.TrimSuffix(lines[0], handOverMark)
	root, err := base64.StdEncoding.DecodeString(lines[3])
	if err != nil || len(root) != tlog.HashSize {
		return HandOver{}, ErrHandOver
	}
	h.Root = tlog.Hash(root)
	var wrong error
	h.Epoch, wrong = strconv.ParseInt(lines[1], 10, 64)
	h.Size, err = strconv.ParseInt(lines[2], 10, 64)
	next, noNext := note.NewVerifier(h.Next)
	former, noFormer := note.NewVerifier(h.Former)
	if err != nil || wrong != nil || noNext != nil || noFormer != nil || h.Former == h.Next || h.text() != body+"\n" ||
		next.Name() != h.Log || former.Name() != h.Log {
		return HandOver{}, ErrHandOver
	}
	if _, err := note.Open(text, note.VerifierList(next)); err != nil {
		return HandOver{}, fmt.Errorf("%w: %w", ErrHandOver, err)
	}
	_, err = note.Open(text, note.VerifierList(former))
	h.ByFormer = err == nil
	return h, nil
}

// Ring is the keys of one log: the one that is trusted, and those before it, each up to where it was followed.
type Ring struct {
	Key   string
	Chain []HandOver // newest first: the first one's Next is Key
}

// NewRing builds the ring of a trusted key from whatever hand-overs there are; those that do not lead to it are left out.
// The only error is ErrHandOver, for two that lead to one key.
func NewRing(key string, handOvers ...HandOver) (Ring, error) {
	r := Ring{Key: strings.TrimSpace(key)}
	for at := r.Key; ; {
		var found *HandOver
		for i, h := range handOvers {
			if h.Next != at || found != nil && string(found.Note) == string(h.Note) {
				continue
			}
			if found != nil || len(r.Chain) > len(handOvers) {
				return r, ErrHandOver
			}
			found = &handOvers[i]
		}
		if found == nil {
			return r, nil
		}
		r.Chain = append(r.Chain, *found)
		at = found.Former
	}
}

// Open reads a checkpoint that the trusted key signed, or a key before it in its time. What a key signed of later records
// than those it was followed at is worth nothing: it may be in other hands. Errors: ErrSignature, ErrCheckpoint.
func (r Ring) Open(signed []byte) (Signed, error) {
	c, first := Open(signed, r.Key)
	if first == nil {
		return c, nil
	}
	for _, h := range r.Chain {
		c, err := Open(signed, h.Former)
		if err != nil {
			continue
		}
		if c.Epoch > h.Epoch || c.Epoch == h.Epoch && c.Size > h.Size {
			return Signed{}, fmt.Errorf("%w: its key was followed by another at record %d of epoch %d", ErrSignature, h.Size, h.Epoch)
		}
		return c, nil
	}
	return Signed{}, first
}

// Follows reports whether whoever trusts the key older may trust this ring: each key on the way has signed that it is followed.
func (r Ring) Follows(older string) bool {
	if older = strings.TrimSpace(older); older == r.Key {
		return true
	}
	for _, h := range r.Chain {
		if !h.ByFormer {
			return false
		}
		if h.Former == older {
			return true
		}
	}
	return false
}

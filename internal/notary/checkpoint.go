package notary

import (
	"crypto/ed25519"
	"encoding/base64"
	"errors"
	"fmt"
	"strconv"
	"strings"

	"golang.org/x/mod/sumdb/note"
	"golang.org/x/mod/sumdb/tlog"
)

// Checkpoint says what the first Size records of a log are.
type Checkpoint struct {
	Log   string // name of the log without its epoch: "id.example.org/audit"
	Epoch int64  // 1, 2, 3 …: one more after every restored backup
	Size  int64
	Root  tlog.Hash
}

// Errors of reading checkpoints.
var (
	ErrCheckpoint = errors.New("notary: not a checkpoint of an event log")
	ErrSignature  = errors.New("notary: the checkpoint is not signed by the key")
)

const epochMark = "/epoch-"

// Origin is the first line of the checkpoint. Every epoch is a log of its own: two epochs may differ in what follows
// the record at which they part, and one log never may.
func (c Checkpoint) Origin() string { return c.Log + epochMark + strconv.FormatInt(c.Epoch, 10) }

// Text is what is signed (C2SP tlog-checkpoint).
func (c Checkpoint) Text() string {
	return c.Origin() + "\n" + strconv.FormatInt(c.Size, 10) + "\n" + base64.StdEncoding.EncodeToString(c.Root[:]) + "\n"
}

// parseCheckpoint reads what Text wrote, and nothing else. The only error is ErrCheckpoint.
func parseCheckpoint(text string) (Checkpoint, error) {
	lines := strings.Split(text, "\n")
	if len(lines) != 4 || lines[3] != "" {
		return Checkpoint{}, ErrCheckpoint
	}
	at := strings.LastIndex(lines[0], epochMark)
	root, err := base64.StdEncoding.DecodeString(lines[2])
	if at < 1 || err != nil || len(root) != tlog.HashSize {
		return Checkpoint{}, ErrCheckpoint
	}
	c := Checkpoint{Log: lines[0][:at], Root: tlog.Hash(root)}
	var wrong error
	c.Epoch, wrong = strconv.ParseInt(lines[0][at+len(epochMark):], 10, 64)
	c.Size, err = strconv.ParseInt(lines[1], 10, 64)
	if err != nil || wrong != nil || c.Size < 0 || c.Epoch < 1 || c.Text() != text {
		return Checkpoint{}, ErrCheckpoint
	}
	return c, nil
}

// Signed is a checkpoint with its signature.
type Signed struct {
	Checkpoint

	Note []byte // the whole text as it is kept and shown
}

// Signer signs checkpoints of one log.
type Signer struct {
	name     string
	private  ed25519.PrivateKey
	verifier note.Verifier
	key      string
}

// NewSigner makes the signer of the log of that name from 32 secret bytes. Errors: a name that cannot stand in a
// signature line, or a seed of another length.
func NewSigner(log string, seed []byte) (*Signer, error) {
	if len(seed) != ed25519.SeedSize {
		return nil, fmt.Errorf("notary: a seed has %d bytes, not %d", ed25519.SeedSize, len(seed))
	}
	private := ed25519.NewKeyFromSeed(seed)
	public, ok := private.Public().(ed25519.PublicKey)
	if !ok {
		return nil, errors.New("notary: the key has no public half")
	}
	key, err := note.NewEd25519VerifierKey(log, public)
	if err != nil {
		return nil, fmt.Errorf("notary: key of log %q: %w", log, err)
	}
	verifier, err := note.NewVerifier(key)
	if err != nil {
		return nil, fmt.Errorf("notary: key of log %q: %w", log, err)
	}
	return &Signer{name: log, private: private, verifier: verifier, key: key}, nil
}

// Log is the name of the log.
func (s *Signer) Log() string { return s.name }

// Key is the public key as others are given it (C2SP signed-note, "verifier key").
func (s *Signer) Key() string { return s.key }

// Name implements note.Signer.
func (s *Signer) Name() string { return s.name }

// KeyHash implements note.Signer.
func (s *Signer) KeyHash() uint32 { return s.verifier.KeyHash() }

// Sign implements note.Signer.
func (s *Signer) Sign(text []byte) ([]byte, error) { return ed25519.Sign(s.private, text), nil }

// Checkpoint signs one. The same checkpoint gives the same bytes every time.
func (s *Signer) Checkpoint(epoch, size int64, root tlog.Hash) (Signed, error) {
	c := Checkpoint{Log: s.name, Epoch: epoch, Size: size, Root: root}
	signed, err := note.Sign(&note.Note{Text: c.Text()}, s)
	if err != nil {
		return Signed{}, fmt.Errorf("notary: sign: %w", err)
	}
	return Signed{Checkpoint: c, Note: signed}, nil
}

// Open reads a signed checkpoint of the key's own log. Errors: ErrSignature, ErrCheckpoint.
func Open(signed []byte, key string) (Signed, error) {
	verifier, err := note.NewVerifier(strings.TrimSpace(key))
	if err != nil {
		return Signed{}, fmt.Errorf("%w: %w", ErrSignature, err)
	}
	opened, err := note.Open(signed, note.VerifierList(verifier))
	if err != nil {
		return Signed{}, fmt.Errorf("%w: %w", ErrSignature, err)
	}
	c, err := parseCheckpoint(opened.Text)
	if err != nil {
		return Signed{}, err
	}
	if c.Log != verifier.Name() {
		return Signed{}, ErrCheckpoint
	}
	return Signed{Checkpoint: c, Note: signed}, nil
}

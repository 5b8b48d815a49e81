package secret

import (
	"bytes"
	"crypto/sha256"
	"crypto/subtle"
	"errors"
	"slices"
)

// A master key is changed like this (docs/adr/0010-master-key.md): the new key becomes the current one, the older one is
// given as a former one, and store.Rekey seals and hashes anew whatever can be. The rest falls in three classes:
//
//   - What proves something for minutes or days (codes, stop codes, match numbers, signed links) is recognised under
//     former keys too, as long as they are given, and lapses with them.
//   - What others know us or our people by (subjects of relying parties, the keys of push and of checkpoints) is
//     derived from a secret that outlives the master key: Kept.
//   - What nobody can hash anew (an invited stranger's phone, a rate limit) lapses.

// idBytes are enough to tell the few keys of one server apart; an id says nothing of its key.
const idBytes = 8

// Names of the secrets that outlive a master key.
const (
	KeptNames       = "lasting names" // Lasting: subjects of people at other systems
	KeptPush        = "web push"      // PushKey
	KeptCheckpoints = "seed:audit checkpoint"
)

// Kept lists them.
func Kept() []string { return []string{KeptNames, KeptPush, KeptCheckpoints} }

// ErrSameKey says that a former master key is the current one, or was given twice.
var ErrSameKey = errors.New("secret: the same master key was given twice")

// ID names the master key: 16 hexadecimal digits, derived from it. It is no secret.
func (k *Keyring) ID() string { return k.id }

// FormerIDs names the former master keys.
func (k *Keyring) FormerIDs() []string {
	ids := make([]string, len(k.former))
	for i, one := range k.former {
		ids[i] = one.id
	}
	return ids
}

// WithFormer returns the keyring with former master keys, newest first. The only error is ErrSameKey.
func (k *Keyring) WithFormer(former ...*Keyring) (*Keyring, error) {
	all := *k
	all.former, all.kept = slices.Clone(former), nil
	seen := []string{k.id}
	for _, one := range former {
		if slices.Contains(seen, one.id) {
			return nil, ErrSameKey
		}
		seen = append(seen, one.id)
	}
	return &all, nil
}

// WithoutFormer returns the current master key alone.
func (k *Keyring) WithoutFormer() *Keyring {
	alone := *k
	alone.former = nil
	return &alone
}

// any asks the current and every former key; all of them, so that the time does not tell which.
func (k *Keyring) any(right func(one *Keyring) bool) bool {
	found := right(k)
	for _, one := range k.former {
		if right(one) {
			found = true
		}
	}
	return found
}

// Reseal returns the text sealed anew under the current key, or nil when it already is. The only error is ErrForged:
// no key that was given opens it.
func (k *Keyring) Reseal(purpose string, aad, sealed []byte) ([]byte, error) {
	if _, err := k.open(purpose, aad, sealed); err == nil {
		return nil, nil
	}
	plain, err := k.Open(purpose, aad, sealed)
	if err != nil {
		return nil, err
	}
	return k.Seal(purpose, aad, plain), nil
}

// MadeBy returns the key under which the value has that hash: the current one, a former one, or nil.
func (k *Keyring) MadeBy(domain, value string, hash []byte) *Keyring {
	for _, one := range append([]*Keyring{k}, k.former...) {
		if bytes.Equal(one.Lookup(domain, value), hash) {
			return one
		}
	}
	return nil
}

// SameMatchNumber compares the two digits that were typed, in constant time. While a former key is given its number is
// right too: the applicant may have read his before the change.
func (k *Keyring) SameMatchNumber(recoveryID, typed string) bool {
	digits := []byte(NormalizeCode(typed))
	return k.any(func(one *Keyring) bool {
		return subtle.ConstantTimeCompare([]byte(one.MatchNumber(recoveryID)), digits) == 1
	})
}

// Lasting returns the 32-byte keyed hash of a value that can never be hashed anew, because others know it or because
// nobody has the value: it stays the same over a change of the master key.
func (k *Keyring) Lasting(domain, value string) []byte {
	key := k.lookup
	if kept := k.kept[KeptNames]; kept != nil {
		key = kept
	}
	return mac(key, []byte(domain), []byte(value))
}

// Keep gives the keyring a secret that outlived an older master key. Only before it is used by anybody else.
func (k *Keyring) Keep(name string, value []byte) {
	if k.kept == nil {
		k.kept = map[string][]byte{}
	}
	k.kept[name] = bytes.Clone(value)
}

// KeptValue returns what has to be kept of this name when the master key changes.
func (k *Keyring) KeptValue(name string) []byte {
	switch kept := k.kept[name]; {
	case kept != nil:
		return bytes.Clone(kept)
	case name == KeptNames:
		return bytes.Clone(k.lookup)
	case name == KeptPush: // PushKey's numbers are derived from one secret each; the first one that is good is kept
		raw, err := k.PushKey().Bytes()
		if err != nil {
			panic("secret: a private key that was just made has no bytes: " + err.Error())
		}
		return raw
	}
	return k.key(name)
}

// Former returns the former key of that id; nil when it was not given.
func (k *Keyring) Former(id string) *Keyring {
	for _, one := range k.former {
		if one.id == id {
			return one
		}
	}
	return nil
}

// FreshSecret returns 32 random bytes, to take the place of a kept secret that somebody else may know.
func FreshSecret() []byte { return random(sha256.Size) }

// lasting is the kept secret of that name, or else derived from the master key.
func (k *Keyring) lasting(label string) []byte {
	if kept := k.kept[label]; kept != nil {
		return bytes.Clone(kept)
	}
	return k.key(label)
}

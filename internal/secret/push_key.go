package secret

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"strconv"
)

// PushKey returns the P-256 key with which the server names itself to push services (VAPID, RFC 8292). It is derived
// from the first master key and kept over a change of it, so that every process has the same one: a browser's
// subscription belongs to this key, and with another one people have to switch their notices on anew.
func (k *Keyring) PushKey() *ecdsa.PrivateKey {
	if kept := k.kept[KeptPush]; kept != nil {
		if key, err := ecdsa.ParseRawPrivateKey(elliptic.P256(), kept); err == nil {
			return key
		}
	}
	for n := 1; ; n++ {
		// One of 2^32 derived numbers is not below the order of the curve; then the next one is taken.
		if key, err := ecdsa.ParseRawPrivateKey(elliptic.P256(), k.key(KeptPush+" "+strconv.Itoa(n))); err == nil {
			return key
		}
	}
}

package secret

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"strconv"
)

// PushKey returns the P-256 key with which the server names itself to push services (VAPID, RFC 8292). It is derived
// from the master key, so that every process has the same one and none has to be kept. A browser's subscription
// belongs to this key: with another master key, people switch their notices on anew.
func (k *Keyring) PushKey() *ecdsa.PrivateKey {
	for n := 1; ; n++ {
		// One of 2^32 derived numbers is not below the order of the curve; then the next one is taken.
		if key, err := ecdsa.ParseRawPrivateKey(elliptic.P256(), k.key("web push "+strconv.Itoa(n))); err == nil {
			return key
		}
	}
}

package secret

import (
	"crypto/subtle"
	"encoding/binary"
	"fmt"
	"time"
)

// stopDays is how many days back a stop code still works: as long as the longest notice asks for it.
const stopDays = 3

// StopCode returns the eight digits, written 1234-5678, that a security notice to the owner carries.
// It can only stop things: disown a recovery, freeze the account. It is derived from the account and
// the UTC day, never stored, and of another form than every one-time code, so that the two cannot be
// mistaken for one another (T04).
func (k *Keyring) StopCode(account string, now time.Time) string {
	return k.stopCode(account, day(now))
}

// SameStopCode compares what was typed with the stop codes of today and the three days before, in constant time.
func (k *Keyring) SameStopCode(account, typed string, now time.Time) bool {
	typed = NormalizeCode(typed)
	return k.any(func(one *Keyring) bool {
		found := 0
		for d := range int64(stopDays + 1) {
			want := NormalizeCode(one.stopCode(account, day(now)-d))
			found |= subtle.ConstantTimeCompare([]byte(want), []byte(typed))
		}
		return found == 1
	})
}

func (k *Keyring) stopCode(account string, day int64) string {
	sum := mac(k.key("stop code"), []byte(account), binary.BigEndian.AppendUint64(nil, uint64(day))) //nolint:gosec // a day count is never negative here
	n := binary.BigEndian.Uint64(sum) % 100_000_000
	return fmt.Sprintf("%04d-%04d", n/10_000, n%10_000)
}

func day(t time.Time) int64 { return t.Unix() / int64(24*time.Hour/time.Second) }

// Package ratelimit decides whether something happens too often, by the generic cell rate
// algorithm (GCRA, ITU-T I.371): a bucket that holds Burst tokens and fills evenly, Burst in Per.
// It keeps one number a key, the theoretical arrival time, and needs no timer.
//
// The decision is pure; package store makes the same decision in one guarded statement, so that
// many processes cannot pass more than the limit together.
package ratelimit

import "time"

// Limit allows Burst acts at once, and Burst acts in every Per on the average.
type Limit struct {
	Burst int
	Per   time.Duration
}

// Step is the time one act costs: Per divided by Burst, whole microseconds, rounded up so that
// rounding never lets one more through.
func (l Limit) Step() time.Duration {
	n := time.Duration(max(l.Burst, 1))
	step := (l.Per + n - 1) / n
	return (step + time.Microsecond - 1).Truncate(time.Microsecond)
}

// Window is how far the theoretical arrival time may run ahead of the clock: Burst steps.
func (l Limit) Window() time.Duration { return l.Step() * time.Duration(max(l.Burst, 1)) }

// Decide says whether one more act may happen at now. tat is the theoretical arrival time kept from
// the last allowed act, zero for none; next is what to keep (tat unchanged when refused); after is
// how long to wait when refused.
func (l Limit) Decide(tat, now time.Time) (ok bool, next time.Time, after time.Duration) {
	from := tat
	if now.After(from) {
		from = now
	}
	next = from.Add(l.Step())
	if ahead := next.Sub(now); ahead > l.Window() {
		return false, tat, ahead - l.Window()
	}
	return true, next, 0
}

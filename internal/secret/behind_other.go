//go:build !linux

package secret

// behind runs work; only Linux gives one thread another priority.
func behind(work func()) { work() }

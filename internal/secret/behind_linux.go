package secret

import (
	"runtime"
	"syscall"
)

// politeness is the nice value of a thread that hashes: a tenth of the weight of any other, when others want to run.
const politeness = 10

// behind runs work on a thread of its own that stands behind all others: on Linux a nice value is a thread's. Long
// work then takes what is left of the cores, and no page waits for it. It needs free places in GOMAXPROCS to be of
// use: see Room.
func behind(work func()) {
	done := make(chan struct{})
	go func() {
		defer close(done)
		runtime.LockOSThread() // and never unlocked: the thread ends with this goroutine, and its low priority with it
		// Refused only where a sandbox forbids it; the work is done all the same, at everybody's priority.
		_ = syscall.Setpriority(syscall.PRIO_PROCESS, 0, politeness)
		work()
	}()
	<-done
}

package bench

import (
	"fmt"
	"net/http"
	"runtime"
	"runtime/metrics"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"doverie/internal/account"
	"doverie/internal/apptest"
	"doverie/internal/policy"
	"doverie/internal/secret"
	"doverie/internal/store/storetest"
)

// crowd is how many people press "sign in" at the same moment.
const crowd = 200

// memoryBound is what the crowd may cost above an idle server with its clients: far less than the
// 200 times 19 MiB that hashing all passwords at once would take, far more than noise.
const memoryBound = 400 << 20

// Two hundred people sign in at once. As many passwords are hashed at the same time as there are cores,
// some wait, and the rest are told at once, in their language and with Retry-After, that it is busy: nothing
// of theirs is lost, and when the rush is over each of them gets in. Pages that hash nothing stay quick.
func TestACrowdSignsIn(t *testing.T) {
	cores := secret.Room() // as the program does at its start
	w := apptest.New(t, "postgres", apptest.Options{
		Quiet: true, Hashing: secret.HasherOptions{Params: secret.DefaultParams(), Slots: cores},
		Policy: func(p *policy.Policy) { // they all come from one machine here, and have neighbouring numbers
			p.SignInsPerArea, p.SMSCodesArea, p.SMSCodesRange = 10*crowd, 10*crowd, 10*crowd
		},
	})
	people := make([]account.Account, crowd)
	clients := make([]*apptest.Client, crowd)
	for i := range people {
		people[i] = w.Add(storetest.Person{Given: "Вера", Phone: fmt.Sprintf("+7913%07d", 4000000+i)})
		clients[i] = w.Client()
		clients[i].Get("/sign-in") // the connection is there before the rush
	}
	signIn := func(i int) (apptest.Answer, error) {
		return clients[i].Try(t.Context(), http.MethodPost, "/sign-in", apptest.Form("identifier", people[i].Phone, "password", apptest.Password))
	}
	idle := probe(w, time.Second)
	runtime.GC()
	before := memory()

	var peak atomic.Int64
	stop := make(chan struct{})
	var watching sync.WaitGroup
	watching.Go(func() {
		for {
			select {
			case <-stop:
				return
			case <-time.After(2 * time.Millisecond):
				peak.Store(max(peak.Load(), memory()))
			}
		}
	})
	var rush []time.Duration
	watching.Go(func() { rush = probeUntil(w, stop) })
	answers := make([]apptest.Answer, crowd)
	start := time.Now()
	errs := storetest.Parallel(crowd, func(i int) (err error) {
		answers[i], err = signIn(i)
		return err
	})
	took := time.Since(start)
	close(stop)
	watching.Wait()

	entered, busy := 0, 0
	for i, a := range answers {
		switch {
		case errs[i] != nil:
			t.Fatal(errs[i])
		case a.Status == http.StatusSeeOther:
			entered++
		case a.Status == http.StatusServiceUnavailable && a.Header.Get("Retry-After") != "" && strings.Contains(a.Body, "Сейчас много обращений"):
			busy++
		default:
			t.Fatalf("person %d was answered %d: %s", i, a.Status, apptest.Words(a.Body))
		}
	}
	for i, a := range answers {
		if a.Status == http.StatusSeeOther || (i%10 != 0 && !*table) { // a sample is enough for the ordinary run
			continue
		}
		if again, err := signIn(i); err != nil || again.Status != http.StatusSeeOther {
			t.Fatalf("person %d, told to come back, was answered %d: %v", i, again.Status, err)
		}
	}
	grown := peak.Load() - before
	if entered == 0 || grown > memoryBound {
		t.Errorf("%d entered; memory grew by %d MiB", entered, grown>>20)
	}
	if *table {
		keep(t, "crowd", fmt.Sprintf("```text\n%d sign-ins at once, %d cores: %d got to the next page, %d were told \"busy\", in %s\n",
			crowd, cores, entered, busy, took.Round(10*time.Millisecond))+
			fmt.Sprintf("memory of the process, server and clients: %d MiB before, %d MiB more at the peak\n", before>>20, grown>>20)+
			fmt.Sprintf("a cheap page: idle p50 %s, p99 %s (%d asked); in the rush p50 %s, p99 %s (%d asked); p99 is %.1f times the idle one\n```\n",
				at(idle, 50), at(idle, 99), len(idle), at(rush, 50), at(rush, 99), len(rush), float64(at(rush, 99))/float64(at(idle, 99))))
	}
}

// probe asks for a cheap page, again and again, for that long.
func probe(w *apptest.World, during time.Duration) []time.Duration {
	stop := make(chan struct{})
	time.AfterFunc(during, func() { close(stop) })
	return probeUntil(w, stop)
}

func probeUntil(w *apptest.World, stop <-chan struct{}) []time.Duration {
	c := w.Client()
	c.Get("/sign-in")
	var all []time.Duration
	for {
		select {
		case <-stop:
			return all
		case <-time.After(5 * time.Millisecond):
		}
		start := time.Now()
		if a, err := c.Try(w.T.Context(), http.MethodGet, "/sign-in", nil); err != nil || a.Status != http.StatusOK {
			w.T.Errorf("the cheap page: %d, %v", a.Status, err)
			return all
		}
		all = append(all, time.Since(start))
	}
}

// at is a percentile, rounded for people.
func at(all []time.Duration, percent int) time.Duration {
	if len(all) == 0 {
		return 0
	}
	sorted := slices.Sorted(slices.Values(all))
	return sorted[min(len(sorted)*percent/100, len(sorted)-1)].Round(100 * time.Microsecond)
}

// memory is what the process holds of the machine, without what it has given back.
func memory() int64 {
	samples := []metrics.Sample{{Name: "/memory/classes/total:bytes"}, {Name: "/memory/classes/heap/released:bytes"}}
	metrics.Read(samples)
	return int64(samples[0].Value.Uint64() - samples[1].Value.Uint64())
}

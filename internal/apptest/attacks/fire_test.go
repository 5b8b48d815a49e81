package attacks

import (
	"fmt"
	"math/rand/v2"
	"strings"
	"time"

	"doverie/internal/policy"
	"doverie/internal/store/storetest"
	"doverie/internal/trust"
)

// What people do, as shares and hours. The rules must hold the fire even so.
const (
	seeds       = 0.01 // accounts the attacker begins with: nobody has noticed, nothing of theirs has changed
	gullible    = 0.10 // people who read a code of their own out to a stranger
	watchful    = 0.50 // contacts who call back, find that nothing is wrong there, and say no
	noticeHours = 12   // mean time until the owner reads one of the notices and freezes
	fireDays    = 14
)

// rulesOn are the rules that a world has switched on.
type rulesOn struct {
	name     string
	ownCode  bool // the principal's own code besides the contact's yes
	veto     bool // every contact is asked, and one no ends it
	cascades bool // who recovered lately approves for nobody: trust.AbleFrom
	notices  bool // every recovery is told on every channel, and one tap freezes
}

// forest is who guards whom: about half of the people have one to three contacts, nobody guards more than the policy allows.
type forest struct {
	contacts, principals [][]int32
}

func plant(size int, p policy.Policy, random *rand.Rand) forest {
	f := forest{make([][]int32, size), make([][]int32, size)}
	for i := range size {
		var n int
		switch share := random.Float64(); {
		case share < 0.10:
			n = p.MaxContacts
		case share < 0.25:
			n = 2
		case share < 0.50:
			n = 1
		}
		for len(f.contacts[i]) < n {
			c := random.IntN(size)
			if c != i && len(f.principals[c]) < p.MaxPrincipals {
				f.contacts[i] = append(f.contacts[i], int32(c))
				f.principals[c] = append(f.principals[c], int32(i))
			}
		}
	}
	return f
}

// tree is one person in the fire.
type tree struct {
	burning  bool
	takenAt  time.Time // by a recovery; zero for a seed
	frozenAt time.Time // when its owner stops the attacker; zero: never
	gullible bool
	watchful bool
	warned   bool // somebody said no: the owner knows
}

// burn returns how many times more accounts the attacker has in the end than at the beginning.
func burn(f forest, on rulesOn, p policy.Policy, seed uint64) (spread float64, last time.Duration) {
	random := rand.New(rand.NewPCG(seed, 2))
	trees := make([]tree, len(f.contacts))
	var fire []int
	for i := range trees {
		trees[i] = tree{gullible: random.Float64() < gullible, watchful: random.Float64() < watchful, burning: random.Float64() < seeds}
		if trees[i].burning {
			fire = append(fire, i)
		}
	}
	began, begun := storetest.Start, len(fire)
	settled := trust.Link{State: trust.Active, SettlesAt: began.Add(-time.Hour)}
	able := func(i int, now time.Time) bool {
		facts := trust.Facts{
			Account: "contact", Citizenship: p.Citizenship, Confirmed: true, Open: true, Age: p.ContactMinAge, Phone: "+79160000000", PhoneCurrent: true,
		}
		if on.cascades {
			facts.ChangedAt = trees[i].takenAt
		}
		if on.notices && !trees[i].frozenAt.IsZero() && !now.Before(trees[i].frozenAt) {
			facts.Open, facts.Frozen = false, true
		}
		from, why := trust.AbleFrom(settled, facts, now, p)
		return len(why) == 0 && !from.IsZero() && !from.After(now)
	}
	for now := began; now.Before(began.Add(fireDays * 24 * time.Hour)); now = now.Add(time.Hour) {
		var caught []int
		for _, i := range fire {
			if !able(i, now) {
				continue
			}
			for _, victim := range f.principals[i] {
				v := &trees[victim]
				if v.burning || v.warned || on.ownCode && !v.gullible {
					continue
				}
				if on.veto {
					for _, c := range f.contacts[victim] {
						v.warned = v.warned || !trees[c].burning && trees[c].watchful
					}
				}
				if v.warned {
					continue
				}
				v.burning, v.takenAt = true, now
				v.frozenAt = now.Add(time.Duration(random.ExpFloat64() * noticeHours * float64(time.Hour)))
				caught, last = append(caught, int(victim)), now.Sub(began)
			}
		}
		fire = append(fire, caught...)
	}
	return float64(len(fire)) / float64(begun), last
}

// forestFire burns one forest under every set of rules and prints the table.
func forestFire(size int, seed uint64) (table string, with, without float64) {
	p := policy.Default()
	f := plant(size, p, rand.New(rand.NewPCG(seed, 1)))
	worlds := []rulesOn{
		{name: "a contact's yes is enough"},
		{name: "and who recovered approves for nobody for 72 h", cascades: true},
		{name: "and every recovery is told", cascades: true, notices: true},
		{name: "own code besides the yes, nothing else", ownCode: true},
		{name: "all but: who recovered approves for nobody", ownCode: true, veto: true, notices: true},
		{name: "all rules", ownCode: true, veto: true, cascades: true, notices: true},
	}
	var b strings.Builder
	fmt.Fprintf(&b, "%d people, %.0f %% taken over at the beginning, %d days\n%-50s %8s %14s\n", size, seeds*100, fireDays, "rules", "spread", "last taken")
	for i, w := range worlds {
		spread, last := burn(f, w, p, seed)
		fmt.Fprintf(&b, "%-50s %7.2fx %14s\n", w.name, spread, last)
		switch i {
		case 0:
			without = spread
		case len(worlds) - 1:
			with = spread
		}
	}
	return b.String(), with, without
}

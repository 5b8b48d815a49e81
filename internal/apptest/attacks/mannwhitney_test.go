package attacks

import (
	"math"
	"math/rand/v2"
	"slices"
	"testing"
)

func median(x []float64) float64 {
	y := slices.Sorted(slices.Values(x))
	return y[len(y)/2]
}

// mannWhitney returns the two-sided p of the U test with the normal approximation and tie correction.
func mannWhitney(x, y []float64) float64 {
	type one struct {
		value float64
		first bool
	}
	var all []one
	for _, v := range x {
		all = append(all, one{v, true})
	}
	for _, v := range y {
		all = append(all, one{v, false})
	}
	slices.SortFunc(all, func(a, b one) int {
		switch {
		case a.value < b.value:
			return -1
		case a.value > b.value:
			return 1
		}
		return 0
	})
	n, m := float64(len(x)), float64(len(y))
	var ranks, ties float64
	for i := 0; i < len(all); {
		j := i
		for j < len(all) && all[j].value == all[i].value {
			j++
		}
		rank, same := float64(i+j+1)/2, float64(j-i)
		ties += same*same*same - same
		for ; i < j; i++ {
			if all[i].first {
				ranks += rank
			}
		}
	}
	u := ranks - n*(n+1)/2
	total := n + m
	sigma := math.Sqrt(n * m / 12 * (total + 1 - ties/(total*(total-1))))
	if sigma == 0 {
		return 1
	}
	return math.Erfc(math.Max(0, math.Abs(u-n*m/2)-0.5) / sigma / math.Sqrt2)
}

// The instrument itself: it sees a difference of half a deviation, and none where there is none.
func TestMannWhitney(t *testing.T) {
	random := rand.New(rand.NewPCG(1, 2))
	same, other, moved := make([]float64, 400), make([]float64, 400), make([]float64, 400)
	for i := range same {
		same[i], other[i], moved[i] = random.NormFloat64(), random.NormFloat64(), random.NormFloat64()+0.5
	}
	if p := mannWhitney(same, other); p < 0.05 {
		t.Errorf("two samples of one source: p = %v", p)
	}
	if p := mannWhitney(same, moved); p > 1e-6 {
		t.Errorf("half a deviation apart: p = %v", p)
	}
	// n = m = 3, fully separated, without ties: U = 0, sigma = sqrt(9·7/12).
	if p := mannWhitney([]float64{1, 2, 3}, []float64{4, 5, 6}); math.Abs(p-0.0809) > 0.001 {
		t.Errorf("p = %v, want 0.081", p)
	}
}

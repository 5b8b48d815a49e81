//go:build !race

package invariants_test

const slowed = 1

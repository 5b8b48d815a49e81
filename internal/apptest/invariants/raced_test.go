//go:build race

package invariants_test

// Under the race detector SQLite is about 25 times slower; the walk is the same, and shorter.
const slowed = 10

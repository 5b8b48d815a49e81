// Package invariants judges what is always true (I1 … I10, see docs/invariants.md). Its Judge watches
// every commit of the trust and recovery services, whatever stores them: the property tests of package
// recovery give it a model in memory, and the tests of this package SQLite and PostgreSQL. The doubles
// in lying.go remove one guard each, to show that a broken invariant is noticed.
package invariants

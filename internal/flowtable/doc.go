// Package flowtable prints the state × event tables of the pure machines and compares them with
// docs/flow.md, which is their golden file. Only tests import it.
//
// A machine is walked with samples (one or more values for each state) and variants (one or more
// values for each event type). The walk is total: Walk fails when a sample of a state, or a variant
// of an event type that the package declares, is missing. What is declared is read from the source,
// so that nobody has to remember to add a new state or event here.
//
// `go test ./internal/trust ./internal/recovery -update` rewrites the tables in the document.
package flowtable

// Package notify owns what Doverie says to people outside its own pages, and the ways to say it.
//
// A decision of the domain puts a row into the outbox: a Kind, a recipient, a channel and named arguments.
// The delivery loop hands the row to Router.Deliver as a Message. The Router renders it in the reader's
// language (Texts) and gives the finished Letter to the Channel that is configured for it.
//
// What an attacker would try, and what stands against it here:
//
//   - "Read me the code, it is for my account" (T04, the reverse attack): every code text begins with its own
//     action, names that action before the code, and says that nobody may be told. The contact's approval
//     code and the stop code are even written differently from the codes of a person's own account.
//   - A message that imitates ours (T50): an SMS never holds an address of a site, the sender's name is fixed,
//     and an e-mail links to the configured site only.
//   - A name or a device label that smuggles in words or an address (T40): names keep letters only, facts
//     keep no dots between words, no slashes and no control characters, and both are cut.
//   - The match number of a recovery is no argument of any message: it lives on the applicant's screen alone.
//
// The stop code of a security notice can only close things: it opens nothing, so that a person who is talked
// into reading it out has lost nothing.
//
// Texts lie in internal/i18n/locales/*/message.json. testdata/texts.golden.md shows every one as people get it;
// "go test ./internal/notify -run TestTextsGolden -update" writes it again.
package notify

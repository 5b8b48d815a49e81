// Package demo is the demonstration: people made up for it, their phones and mailboxes on a page, a clock
// that can be set forward, and a first page that leads a newcomer through the story in five minutes.
//
//	/                     the story, the people, the clock (in place of the first page)
//	/demo/phones          every phone and mailbox
//	/demo/phones/{key}    one person's
//	POST /demo/clock      one, 24 or 72 hours pass; what is due by then is done at once
//
// Nothing here weakens a rule: the people sign in, the codes live five minutes and the delays are the
// published ones. What an attacker would like here is real use of a demonstration, because the pages show
// everybody's codes: so it runs on a loopback address only, and says on every page what it is.
package demo

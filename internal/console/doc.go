// Package console is the operator's place, /operator: its own sign-in, cookie and look, on its own listener when
// one is configured. It holds no rule: package desk decides, and asks for the role again.
//
// # Addresses
//
//	sign-in, sign-in/passkey…, sign-out   who works here
//	enrol, enrol/key…, enrol/password     a new operator with a one-time code
//	/operator                             find one account and open a case; the rest by role
//	cases/{id}, cases/{id}/acts/{kind}    what can be done for the person at the desk
//	acts, acts/{id}                       what waits for a second operator; the same facts for both
//	audit, audit/export, audit/verify     what operators did
//	figures                               counts, none about fewer than ten people
//	offices, staff, rules, messages       the administrator's
//
// Every route stands in one table (Routes) with the roles it is for; the tests of package apptest/console read that
// table out of the server and try every route with every role.
//
// # What an attacker would try
//
// A citizen's cookie here or an operator's there (two gates, two cookies, two tables), another role's page (the table,
// and again the service), another operator's case by its id (it does not exist for him), a list of people (there is
// none), the paper twice (one commit hands it out and forgets it), a formula in an export (package desk's CSV is text).
package console

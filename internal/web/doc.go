// Package web is the citizen's pages: one file a page or an act, no rule of the domain.
//
// # Families, and where each begins
//
//	registration   /register                            no account yet: name, phone, code
//	sign_in        /sign-in, /sign-out                  password, then the second factor
//	step_up        /step-up                             both once more, before a protection is taken away
//	account        /settings/account                    «Профиль»: who I am, how sure that is, e-mail
//	security       /settings/safety/login               «Безопасность»: password, second factor
//	sessions       /settings/safety/sessions            where I am signed in
//	history        /settings/safety/events              «Действия в системе»
//	messages       /settings/safety/messages            «Сообщения от нас»: what we really sent
//	contacts       /settings/safety/trusted-contacts    «Доверенный контакт»: who guards me, whom I guard
//	invitations    /invitations/{id}                    the contact's yes or no
//	approvals      /approvals                           the contact's decision, step by step
//	recovery       /recovery                            a new password without the old one
//	safety         /safety/…                            "it was not me", freeze, thaw
//	landing        /landing/trusted_contact, /help      for whoever knows nothing yet
//
// # How a page is made
//
// A family is a value with the services it calls, each declared here as a small interface, and a Mount that
// lists its addresses. A handler reads the form, calls one method of a service with Kit.Act, and shows a page
// of package ui or redirects with 303. A fault that belongs to a field brings the form back with everything
// typed but passwords; every other error is returned, and the edge (package httpx) makes a page of it.
//
// # What an attacker would try
//
// Skip a step (the service's own state decides, and the page asks it each time), take a repeated check for
// granted (RequireStepUp stands before form and act), learn from a page whether somebody has an account (the
// answers are the service's, word for word the same), be sent away after a sign-in (SafeNext), read in a
// history from where another person acted (left out), confirm an address by a scanner of mail (a link only
// asks), or keep a key that was on a screen (shown once, never again).
package web

// Package session owns signed-in browsers: how a person signs in, proves himself again, sees where
// he is signed in, and signs out.
//
// # Sign-in (whose move: the person's, always)
//
//	Begin: identifier + password ──right──▶ pending ──right code──▶ done (a session with a new id and token)
//	                                        pending ──5 wrong codes──▶ failed
//	                                        pending ──sign_in_ttl──▶ dead by its own expiry
//	                                        pending ──password, freeze, recovery──▶ ended
//
// Gates of a session, strongest first: frozen (only the page that says so, and how to lift it),
// must-change-password (only the page that changes a temporary password), none.
//
// # Step-up
//
// Password and second factor again, in the same session, with a code of its own purpose that is
// bound to the session; good for policy.StepUpTTL. The session's token changes with it.
//
// # Addresses on the web
//
//	/sign-in, /sign-in/code        Begin, Choose, Resend, Enter
//	/step-up, /step-up/code        BeginStepUp, ChooseStepUp, ResendStepUp, EnterStepUp
//	/settings/safety/sessions      List, End, ForgetDevice, SignOutEverywhere
//	/sign-out                      SignOut
//
// # Clocks
//
// No timers: a pending sign-in, a step-up and a session carry their own last moment. A session ends
// at the earliest of session_ttl after its beginning and session_idle after its last use.
//
// # What an attacker would try, and what stands against it
//
//   - Find out who has an account: unknown identifier, wrong password, closed account and expired
//     temporary password are one answer after one Argon2id hash (I6). Only a right password leads on.
//   - Find out that an account is frozen: that is told only after password and second factor.
//   - Guess a password: policy.SignInsPerAccount tries an hour for one identifier, counted before the
//     hash, and policy.SignInsPerArea for one network area.
//   - Lock the owner out by guessing (T21): a browser he signed in from before has a bucket of its own,
//     which nobody without its secret cookie can empty; so do his other identifiers, and recovery.
//   - Guess a code: five tries for one pending sign-in whatever is re-sent, counted before comparing;
//     a TOTP step works once; policy.SignInCodesDay sign-ins a day may ask for a second factor.
//   - Use a sign-in code for a step-up, or in another browser: the hash is bound to purpose and object.
//   - Plant a session id (T38): sign-in and step-up give a new secret, and only its hash is stored.
//   - Sign in while a recovery or a freeze ends everything: pending sign-ins end in that transaction,
//     and the guard of this one does not hold any more (I4).
package session

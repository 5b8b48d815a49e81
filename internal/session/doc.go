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
// # Passkeys
//
// A key («ключ доступа») signs in alone, completes a sign-in after the password, steps up, and is a contact's
// last word in place of his code. Options are made (Begin…) and a challenge is kept for policy.CodeTTL, for one
// purpose and one object: the browser's secret, the pending sign-in, the session, or request and session.
// The answer burns the challenge in the commit of what it proves.
//
//	live ──removed by its owner (not the last second factor)──▶ ended
//	live ──its count went back: there is a copy──▶ ended, and every channel is told
//	live ──a recovery of the account──▶ stale: a second factor after the password, and nothing alone
//	stale ──kept by its owner after the hold, with a step-up without it──▶ live
//
// # Addresses on the web
//
//	/sign-in, /sign-in/code        Begin, Choose, Resend, Enter
//	/step-up, /step-up/code        BeginStepUp, ChooseStepUp, ResendStepUp, EnterStepUp
//	/settings/safety/passkeys      BeginAdd, Add, List, Rename, Remove, Keep (of Passkeys)
//	…/passkey/options, …/passkey   beside the pages above: options, and the answer of a key
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
//   - Replay a key's answer, use it for another purpose, another request or in another browser: each
//     challenge is bound, and a guarded update burns it once. Another origin never gets that far.
//   - Plant a key before a recovery, to come back after it: it is stale and opens nothing alone.
//   - Copy a key: a count that does not go up ends it. Keys that do not count are those that are synced.
//   - Sign in while a recovery or a freeze ends everything: pending sign-ins end in that transaction,
//     and the guard of this one does not hold any more (I4).
package session

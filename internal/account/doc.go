// Package account owns a person's identity record: who the person is, how sure we are of it,
// which identifiers and credentials belong to it, and whether the account is open at all.
//
// # Levels (how sure we are)
//
//	simplified ──document data, SNILS──▶ standard ──in person, or import──▶ confirmed
//
// # States
//
//	open ⇄ frozen      (Freeze and Thaw, effects of session, recovery and the operator)
//	open → closed      (for good)
//
// # Registration (a row of its own, until the phone answers)
//
//	pending ──right code──▶ done      (the account is created in the same transaction)
//	pending ──5 wrong codes──▶ failed
//	pending ──registration_ttl──▶ (dead by its own expiry, nothing to do)
//
// # Addresses on the web
//
//	/register, /register/code              Register, ResendRegistrationCode, EnterRegistrationCode
//	/settings/account                      Profile, EnterDocument
//	/settings/account/email                RequestEmail; /email/verify?t=: PendingEmail, VerifyEmail
//	/settings/safety/password, .../totp     ChangePassword, EnrolTOTP, ConfirmTOTP, RemoveTOTP
//
// # Clocks
//
// Nothing here arms a timer: a registration, an e-mail link and an unconfirmed TOTP key carry
// their own last moment and are refused after it. Intervals are half open: at the very
// instant of expiry a thing is expired.
//
// # What an attacker would try, and what stands against it
//
//   - Learn whether a phone has an account: registration says and costs the same for every phone,
//     the code goes to the phone itself, and only its holder gets any further (I6).
//   - Register with somebody's phone: useless without the code. With the code (a new owner of the
//     number, or a stolen SIM) the older account keeps everything but loses the claim that this
//     phone is its own, and its owner is told by e-mail.
//   - Learn whose a SNILS is: a taken SNILS is refused in words that name nobody, few times a day.
//   - Plant a name that reads like another one (Latin "a" in a Cyrillic name, invisible or
//     right-to-left marks): one name has one script, and such marks are refused.
//   - Change the password from a stolen session: needs the step-up and the old password.
//   - Plant an e-mail or a TOTP key: needs the step-up, is closed during the hold, is told on every channel.
//   - Write two states at once: every commit is guarded by the version that was read.
package account

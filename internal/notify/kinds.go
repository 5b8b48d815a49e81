package notify

import (
	"cmp"
	"slices"

	"doverie/internal/effect"
)

// Kind names one message. It is what effect.Send.Kind holds; the texts live under "message."+Kind.
type Kind string

// Messages with a code.
const (
	RegisterCode       Kind = "register.code"
	SignInCode         Kind = "sign_in.code"
	StepUpCode         Kind = "step_up.code"
	RecoveryCode       Kind = "recovery.code"        // the first code: proves the account's own phone or e-mail
	RecoveryFinishCode Kind = "recovery.finish_code" // the second code: just before the new password
	ApprovalCode       Kind = "approval.code"        // the contact's own code, to the contact's own phone
	ChangePhoneCode    Kind = "change_phone.code"    // to the new number
	EmailVerifyLink    Kind = "email.verify_link"
)

// Notices about a person's own account.
const (
	AccountRegistered Kind = "account.registered"
	AccountPhoneTaken Kind = "account.phone_taken"      // to the e-mail of the number's former owner
	AccountReassigned Kind = "account.phone_reassigned" // to the e-mail: the number is somebody else's, an operator says
	AccountSIMChanged Kind = "account.sim_changed"      // to the e-mail: the phone itself may be in a thief's hands
	AccountConfirmed  Kind = "account.confirmed"
	AccountSNILSLost  Kind = "account.snils_lost" // somebody else proved in person the SNILS that was only typed here
	AccountFrozen     Kind = "account.frozen"
	AccountThawed     Kind = "account.thawed"
	AccountClosed     Kind = "account.closed"
	GuardFalling      Kind = "guard.falling" // a switched-off guard still guards for a while
	PasswordChanged   Kind = "password.changed"
	FactorChanged     Kind = "factor.changed"
	PhoneChanged      Kind = "phone.changed"
	EmailChanged      Kind = "email.changed"
	EmailRequested    Kind = "email.requested" // a new address waits for its confirmation
	DocumentEntered   Kind = "document.entered"
	SessionNewDevice  Kind = "session.new_device"
	SignInAsked       Kind = "sign_in.asked"   // a sign-in from a new device waits for the contacts
	SignInRefused     Kind = "sign_in.refused" // and no contact can approve it
	SessionsEnded     Kind = "session.ended_everywhere"
)

// Notices about what a service desk does.
const (
	DeskCaseOpened   Kind = "desk.case_opened" // an operator looks at the account, with the person's document
	NameCorrected    Kind = "account.name_corrected"
	RecoveryUnlocked Kind = "recovery.unlocked"
)

// Notices about invitations and links.
const (
	TrustInvited        Kind = "trust.invited" // to the invited person
	TrustAccepted       Kind = "trust.accepted"
	TrustDeclined       Kind = "trust.declined"
	TrustExpired        Kind = "trust.expired"
	TrustLeaving        Kind = "trust.leaving"
	TrustLeavingStopped Kind = "trust.leaving_stopped"
	TrustDoubted        Kind = "trust.doubted" // to the principal: the contact stopped his own removal as suspicious
	TrustEnded          Kind = "trust.ended"
	TrustResigned       Kind = "trust.resigned"
	TrustSuspended      Kind = "trust.suspended"
	TrustResumed        Kind = "trust.resumed"
	TrustHealth         Kind = "trust.health" // once a year: who guards you
)

// Notices about approvals and recoveries.
const (
	ApprovalAsked        Kind = "approval.asked" // to the contact, for a guarded action that is no recovery
	ActionRejected       Kind = "action.rejected"
	RecoveryAttempt      Kind = "recovery.attempt"
	RecoveryAsked        Kind = "recovery.asked"         // to the contact
	RecoverySecondDevice Kind = "recovery.second_device" // to the contact
	RecoveryApproved     Kind = "recovery.approved"
	RecoveryRejected     Kind = "recovery.rejected"
	RecoveryFraud        Kind = "recovery.fraud"
	RecoveryExpired      Kind = "recovery.expired"
	RecoveryDisowned     Kind = "recovery.disowned"
	RecoveryLockedOut    Kind = "recovery.locked_out"
	RecoveryCancelled    Kind = "recovery.cancelled"
	RecoveryCompleted    Kind = "recovery.completed"
)

// OutreachLetter is a covering letter of the information campaign, to an organisation.
const OutreachLetter Kind = "outreach.letter"

// RoleContact as the argument "role" chooses the contact's own text of a kind that has one.
// Anything else is the principal's.
const RoleContact = "contact"

// stopRule says whether a notice carries the stop code (SMS) and the "this was not me" link (e-mail).
type stopRule int

const (
	neverStops stopRule = iota
	mayStop             // with a code or a link when the domain gives one, else with advice to freeze
	mustStop            // refused without one
)

// Spec is what the registry knows of a kind.
type Spec struct {
	Channels []effect.Channel
	Purpose  string   // the secret.Purpose of the code (or link) it carries; empty: none
	OptOut   bool     // a person may switch it off; security notices never
	Needs    []string // arguments without which it is refused
	Person   string   // whom "first_name" names: "principal" or "contact"; empty: nobody
	TwoSided bool     // has a text of its own for the contact (argument "role")

	namesAction bool   // its letter says which guarded action it is about
	button      string // key of the e-mail button's label
	page        string // what a push of it leads to, when not what its other facts say
	contactPage string // the same of the contact's own text; empty: his contacts
	stop        stopRule
	question    string // how the stop advice asks: "you" (when empty), "request" or "number"
}

// HasCode reports whether the message carries a one-time code or link.
func (s Spec) HasCode() bool { return s.Purpose != "" }

// Stops reports whether the message may carry a stop code.
func (s Spec) Stops() bool { return s.stop != neverStops }

// Urgent reports whether the message warns of what only a quick answer stops: nothing may hold it back.
func (s Spec) Urgent() bool { return s.stop == mustStop }

// Asks reports whether the message asks its reader, as a contact, for a decision.
func (s Spec) Asks() bool { return s.button == "request" }

// Opens is the page of the cabinet that a push of the kind leads to. None of these pages does anything by being opened.
func (s Spec) Opens() string {
	switch {
	case s.page != "":
		return s.page
	case s.Asks():
		return "/approvals"
	case s.button == "invitation":
		return "/settings/safety/trusted-contacts"
	case s.Urgent():
		return "/safety/alarm"
	case s.Stops():
		return "/settings/safety/login"
	}
	return "/settings/safety/events"
}

const (
	principal = "principal"
	contact   = "contact"
)

func only(channels ...effect.Channel) []effect.Channel { return channels }

func code(purpose string, channels ...effect.Channel) Spec {
	return Spec{Channels: channels, Purpose: purpose, Needs: []string{"code"}}
}

// own is a notice about the reader's own account.
func own(stop stopRule, needs ...string) Spec {
	return Spec{Channels: effect.All(), Needs: needs, stop: stop, button: "safety"}
}

// about is a notice that names another person.
func about(person string, needs ...string) Spec {
	return Spec{Channels: effect.All(), Needs: append([]string{"first_name"}, needs...), Person: person, button: "safety"}
}

func (s Spec) twoSided() Spec             { s.TwoSided = true; return s }
func (s Spec) optional() Spec             { s.OptOut = true; return s }
func (s Spec) maybeStops() Spec           { s.stop = mayStop; return s }
func (s Spec) withButton(key string) Spec { s.button = key; return s }
func (s Spec) aboutRequest() Spec         { s.question = "request"; return s }
func (s Spec) onAction() Spec             { s.namesAction = true; return s }
func (s Spec) opening(page string) Spec   { s.page = page; return s }
func (s Spec) contactOpening(page string) Spec {
	s.contactPage = page
	return s
}
func (s Spec) also(needs ...string) Spec { s.Needs = append(s.Needs, needs...); return s }

var registry = map[Kind]Spec{
	RegisterCode:       code("register_phone", effect.SMS),
	SignInCode:         code("sign_in", effect.SMS),
	StepUpCode:         code("step_up", effect.SMS),
	RecoveryCode:       code("recovery_prove", effect.SMS, effect.Email),
	RecoveryFinishCode: code("recovery_finish", effect.SMS, effect.Email),
	ApprovalCode:       code("approval", effect.SMS).also("first_name"),
	ChangePhoneCode:    code("change_phone", effect.SMS),
	EmailVerifyLink:    {Channels: only(effect.Email), Purpose: "verify_email", Needs: []string{"link"}, button: "verify"},

	AccountRegistered: own(neverStops),
	AccountPhoneTaken: {Channels: only(effect.Email, effect.Push), stop: mayStop, question: "number"},
	AccountReassigned: {Channels: only(effect.Email, effect.Push), stop: mayStop, question: "number"},
	AccountSIMChanged: {Channels: only(effect.Email, effect.Push), stop: mayStop, button: "safety"},
	AccountConfirmed:  own(neverStops),
	AccountSNILSLost:  own(neverStops),
	AccountFrozen:     own(neverStops),
	AccountThawed:     own(mayStop),
	PasswordChanged:   own(mayStop),
	FactorChanged:     own(mayStop),
	AccountClosed:     own(neverStops),
	GuardFalling:      own(mayStop, "until").twoSided().onAction(),
	PhoneChanged:      own(mayStop).twoSided(),
	EmailChanged:      own(mayStop),
	EmailRequested:    own(mayStop),
	DocumentEntered:   own(mayStop),
	SessionNewDevice:  own(mayStop).twoSided(),
	SignInAsked:       own(mustStop).opening("/settings/safety/sessions"),
	SignInRefused:     own(mayStop),
	SessionsEnded:     own(mayStop),

	DeskCaseOpened:   own(mayStop),
	NameCorrected:    own(mayStop),
	RecoveryUnlocked: own(mayStop),

	TrustInvited:        about(principal, "until").withButton("invitation"),
	TrustAccepted:       about(contact).maybeStops().aboutRequest(),
	TrustDeclined:       about(contact),
	TrustExpired:        about(contact),
	TrustLeaving:        about(contact, "until").twoSided(),
	TrustLeavingStopped: about(contact).twoSided(),
	TrustDoubted:        about(contact).maybeStops().aboutRequest(),
	TrustEnded:          about(contact).twoSided(),
	TrustResigned:       about(contact).twoSided(),
	TrustSuspended:      about(contact).twoSided(),
	TrustResumed:        about(contact).twoSided().optional(),
	TrustHealth:         own(neverStops, "who"),

	ApprovalAsked:        about(principal).onAction().withButton("request"),
	ActionRejected:       about(contact).onAction().maybeStops().aboutRequest(),
	RecoveryAttempt:      own(mustStop),
	RecoveryAsked:        about(principal).withButton("request"),
	RecoverySecondDevice: about(principal).withButton("request"),
	RecoveryApproved:     about(contact).maybeStops().aboutRequest(),
	RecoveryRejected:     about(contact).maybeStops().aboutRequest(),
	RecoveryFraud:        about(contact).maybeStops().aboutRequest(),
	RecoveryExpired:      own(neverStops),
	RecoveryDisowned:     own(neverStops).twoSided().contactOpening("/approvals"),
	RecoveryLockedOut:    own(mayStop, "until").aboutRequest(),
	RecoveryCancelled:    own(mayStop),
	RecoveryCompleted:    own(mustStop).twoSided().contactOpening("/approvals"), // from there he freezes the account

	OutreachLetter: {
		Channels: only(effect.Email), Needs: []string{"link", "organisation", "sender", "salutation", "number", "date", "subject", "until"}, button: "letter",
	},
}

// Lookup returns what is known of the kind.
func Lookup(kind Kind) (Spec, bool) {
	s, ok := registry[kind]
	return s, ok
}

// Kinds lists every kind in alphabetical order.
func Kinds() []Kind {
	out := make([]Kind, 0, len(registry))
	for k := range registry {
		out = append(out, k)
	}
	slices.Sort(out)
	return out
}

// Allows reports whether the kind may travel by the channel.
func (s Spec) Allows(channel effect.Channel) bool { return slices.Contains(s.Channels, channel) }

// forContact is the spec of the contact's own text: it names the principal, needs only that name, and has no
// stop code, which is the principal's.
func (s Spec) forContact() Spec {
	s.Person, s.stop, s.page = principal, neverStops, cmp.Or(s.contactPage, "/settings/safety/trusted-contacts")
	needs := []string{"first_name"}
	if slices.Contains(s.Needs, "until") {
		needs = append(needs, "until")
	}
	s.Needs = needs
	return s
}

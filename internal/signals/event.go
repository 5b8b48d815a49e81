package signals

import "slices"

// Event is the identifier of an event type: a URI.
type Event string

// Where event types are defined.
const (
	caep = "https://schemas.openid.net/secevent/caep/event-type/"
	risc = "https://schemas.openid.net/secevent/risc/event-type/"
	ssf  = "https://schemas.openid.net/secevent/ssf/event-type/"
)

// The events about people: OpenID CAEP 1.0, section 3, and OpenID RISC 1.0, section 2.
const (
	SessionRevoked             Event = caep + "session-revoked"
	CredentialChange           Event = caep + "credential-change"
	RiskLevelChange            Event = caep + "risk-level-change"
	AccountDisabled            Event = risc + "account-disabled"
	AccountEnabled             Event = risc + "account-enabled"
	AccountPurged              Event = risc + "account-purged"
	IdentifierChanged          Event = risc + "identifier-changed"
	RecoveryActivated          Event = risc + "recovery-activated"
	RecoveryInformationChanged Event = risc + "recovery-information-changed"
)

// Verification is the event about the stream itself (OpenID SSF 1.0, section 8.1.4): it comes when it is asked for.
const Verification Event = ssf + "verification"

// Logout is no event of a stream: it is the one event of a logout token (Back-Channel Logout 1.0, section 2.4).
const Logout Event = "http://schemas.openid.net/event/backchannel-logout"

// Supported lists every event that a stream may ask for, in a fixed order.
func Supported() []Event {
	return []Event{
		SessionRevoked, CredentialChange, RiskLevelChange, AccountDisabled, AccountEnabled, AccountPurged,
		IdentifierChanged, RecoveryActivated, RecoveryInformationChanged,
	}
}

// occasions translates what a decision tells (effect.TellSystems.What) into events. One occasion may be
// several events: a token carries one event only (SSF 1.0, section 10.1.2).
var occasions = map[string][]Event{
	"recovery-activated":           {RecoveryActivated},
	"recovery-disowned":            {RiskLevelChange, SessionRevoked},
	"recovery-deceived":            {RiskLevelChange},
	"recovery-information-changed": {RecoveryInformationChanged},
	"credential-change":            {CredentialChange},
	"session-revoked":              {SessionRevoked},
	"account-disabled":             {AccountDisabled, SessionRevoked},
	"account-enabled":              {AccountEnabled},
	"account-purged":               {AccountPurged},
	"identifier-changed":           {IdentifierChanged},
}

// EventsOf lists the events of an occasion, none for a word that nobody knows.
func EventsOf(what string) []Event { return slices.Clone(occasions[what]) }

// credential is how CAEP names what changed: credential_type and change_type (CAEP 1.0, section 3.3.1).
type credential struct{ kind, change string }

// credentials translates why a credential changed. What is not named here is a password that was replaced.
var credentials = map[string]credential{
	"password":        {"password", "update"},
	"recovery":        {"password", "update"},
	"temporary":       {"password", "create"},
	"totp_enrolled":   {"app", "create"},
	"totp_removed":    {"app", "delete"},
	"passkey_added":   {"fido2-roaming", "create"},
	"passkey_changed": {"fido2-roaming", "update"},
	"passkey_copied":  {"fido2-roaming", "update"},
	"passkey_removed": {"fido2-roaming", "delete"},
}

// reason says in plain words, for the log of a system's operator and for its user, why an event came.
type reason struct{ en, ru string }

var reasons = map[string]reason{
	"recovery":            {"access to the account was recovered with a new password", "доступ к учётной записи восстановили, пароль новый"},
	"password":            {"the person replaced the password", "человек сменил пароль"},
	"temporary":           {"a temporary password was given in person", "временный пароль выдали лично"},
	"totp_enrolled":       {"a code generator was added", "добавлен генератор кодов"},
	"totp_removed":        {"the code generator was removed", "генератор кодов убран"},
	"passkey_added":       {"a passkey was added", "добавлен ключ доступа"},
	"passkey_changed":     {"a passkey was changed", "ключ доступа изменён"},
	"passkey_removed":     {"a passkey was removed", "ключ доступа убран"},
	"passkey_copied":      {"a passkey seems to have been copied and is no longer trusted", "ключ доступа, похоже, скопирован, ему больше не верят"},
	"sign_out_everywhere": {"the person signed out everywhere", "человек вышел на всех устройствах"},
	"disowned":            {"the person says that a recovery under way was somebody else's", "человек сказал, что доступ восстанавливал не он"},
	"deceived":            {"a trusted contact says that swindlers tried to recover the account", "доверенный контакт сказал, что восстановить доступ пытались мошенники"},
	"self":                {"the person froze the account", "человек заморозил учётную запись"},
	"notice":              {"the account was frozen from a notice sent to its owner", "учётную запись заморозили из сообщения её хозяину"},
	"operator":            {"the account was frozen in person at a service desk", "учётную запись заморозили в центре обслуживания"},
	"contact_fraud":       {"a trusted contact froze the account because of swindlers", "доверенный контакт заморозил запись из-за мошенников"},
	"phone":               {"the phone number was changed", "номер телефона сменили"},
	"contacts":            {"the trusted contacts of the account changed", "у учётной записи сменились доверенные контакты"},
}

// body is the event's own claims. Every event of CAEP and RISC may carry the time and reasons; the rest
// is each one's own.
func (d Delivery) body() map[string]any {
	if d.Event == Verification {
		if d.Detail == "" {
			return map[string]any{}
		}
		return map[string]any{"state": d.Detail}
	}
	out := map[string]any{"event_timestamp": d.At.Unix(), "initiating_entity": d.initiator()}
	if r, known := reasons[d.Why]; known {
		words := map[string]string{"en": r.en, "ru": r.ru}
		out["reason_admin"], out["reason_user"] = words, words
	}
	switch d.Event {
	case CredentialChange:
		c, known := credentials[d.Why]
		if !known {
			c = credentials["password"]
		}
		out["credential_type"], out["change_type"] = c.kind, c.change
	case RiskLevelChange: // CAEP 1.0, section 3.8: principal and current_level are required
		out["principal"], out["current_level"], out["risk_reason"] = "USER", "HIGH", d.riskReason()
	case AccountDisabled:
		if d.Why == "contact_fraud" {
			out["reason"] = "hijacking" // RISC 1.0, section 2.3
		}
	}
	return out
}

func (d Delivery) riskReason() string {
	if d.Why == "deceived" {
		return "ATTEMPT_TO_TAKE_OVER"
	}
	return "RECOVERY_DISOWNED"
}

// initiator is who made it happen (CAEP 1.0, section 2).
func (d Delivery) initiator() string {
	switch d.Why {
	case "contact_fraud", "deceived":
		return "policy" // another person's word, by the rules
	case "operator", "temporary":
		return "admin"
	}
	return "user"
}

// Package policy holds every number of the trusted-contact service as one checked value.
// No number of the rules stands anywhere else in the code.
package policy

import (
	"fmt"
	"reflect"
	"regexp"
	"strings"
	"time"
)

// Policy is one version of the rules. Every field has a configuration key (`key`), a plain
// sentence (`doc`) and bounds (`min`, `max`); durations are bounded in Go's notation.
type Policy struct {
	Version  string `key:"version" doc:"name of this version of the rules, written into every event"`
	TimeZone string `key:"time_zone" doc:"IANA zone in which civil dates and ages are counted"`

	PrincipalMinAge int           `key:"principal_min_age" doc:"youngest principal, full years" min:"14" max:"120"`
	ContactMinAge   int           `key:"contact_min_age" doc:"youngest contact, full years" min:"18" max:"120"`
	Citizenship     string        `key:"citizenship" doc:"citizenship (ISO 3166 alpha-3) both must have"`
	MaxContacts     int           `key:"max_contacts" doc:"contacts one principal may have; 1 is the letter's plain form" min:"1" max:"3"`
	MaxPrincipals   int           `key:"max_principals" doc:"principals one contact may guard" min:"1" max:"5"`
	PhoneFresh      time.Duration `key:"phone_fresh" doc:"a phone is current this long after a code sent to it was entered" min:"24h" max:"17520h"`
	SimChangeQuiet  time.Duration `key:"sim_change_quiet" doc:"after a SIM change the phone alone proves nothing for this long" min:"1h" max:"720h"`

	InvitationTTL        time.Duration `key:"invitation_ttl" doc:"life of an unanswered invitation" min:"1h" max:"720h"`
	InvitationsPerDay    int           `key:"invitations_per_day" doc:"invitations one principal may send in 24 h" min:"1" max:"50"`
	InvitationsPhoneWeek int           `key:"invitations_per_phone_week" doc:"invitations one principal may send to one phone in 7 days" min:"1" max:"50"`
	Settling             time.Duration `key:"settling" doc:"time in which a fresh link guards but its contact cannot approve" min:"0s" max:"720h"`
	Leaving              time.Duration `key:"leaving" doc:"time in which a removed contact still guards" min:"1h" max:"720h"`
	LinkReview           time.Duration `key:"link_review" doc:"how often it is checked that a contact is still eligible" min:"1h" max:"720h"`
	HealthReminder       time.Duration `key:"health_reminder" doc:"how often a principal is reminded who guards him" min:"24h" max:"17520h"`

	StepUpTTL         time.Duration `key:"step_up_ttl" doc:"life of a repeated check of password and second factor" min:"30s" max:"15m"`
	SessionTTL        time.Duration `key:"session_ttl" doc:"longest life of a session" min:"5m" max:"24h"`
	SessionIdle       time.Duration `key:"session_idle" doc:"a session unused this long ends" min:"1m" max:"1h"`
	SignInTTL         time.Duration `key:"sign_in_ttl" doc:"time to enter the second factor after the password" min:"1m" max:"30m"`
	RegistrationTTL   time.Duration `key:"registration_ttl" doc:"life of an unfinished registration" min:"5m" max:"24h"`
	EmailLinkTTL      time.Duration `key:"email_link_ttl" doc:"life of an e-mail confirmation link" min:"5m" max:"24h"`
	NoticeLinkTTL     time.Duration `key:"notice_link_ttl" doc:"life of the 'this was not me' link of a notice" min:"1h" max:"720h"`
	SignInsPerAccount int           `key:"sign_ins_per_account_hour" doc:"password attempts for one account from unknown devices in an hour" min:"3" max:"100"`
	SignInsPerArea    int           `key:"sign_ins_per_area_hour" doc:"password attempts from one network area in an hour" min:"3" max:"100000"`
	PasswordMin       int           `key:"password_min" doc:"shortest password, characters" min:"8" max:"64"`
	PasswordMax       int           `key:"password_max" doc:"longest password, characters" min:"64" max:"1024"`

	CodeTTL          time.Duration `key:"code_ttl" doc:"life of a one-time code" min:"1m" max:"10m"`
	CodeTries        int           `key:"code_tries" doc:"tries to enter one code" min:"1" max:"5"`
	CodeResend       time.Duration `key:"code_resend" doc:"pause before a code may be sent again" min:"10s" max:"10m"`
	CodesPerPhoneDay int           `key:"codes_per_phone_day" doc:"codes of one purpose one phone may be sent in 24 h" min:"1" max:"50"`
	SignInCodesDay   int           `key:"sign_in_codes_per_phone_day" doc:"sign-in and step-up codes one phone may be sent in 24 h, after a right password" min:"5" max:"200"`

	SMSPrefixes       string        `key:"sms_prefixes" doc:"beginnings of the numbers that SMS go to, with commas between them; to no other number is anything sent"`
	SMSCodesPhone     int           `key:"sms_codes_per_phone_hour" doc:"codes by SMS to one phone in an hour, all purposes together" min:"3" max:"1000"`
	SMSCodesPerson    int           `key:"sms_codes_per_person_hour" doc:"codes by SMS for one account in an hour" min:"3" max:"1000"`
	SMSCodesArea      int           `key:"sms_codes_per_area_hour" doc:"codes by SMS asked for from one network area in an hour" min:"3" max:"1000000"`
	SMSRangeDigits    int           `key:"sms_range_digits" doc:"digits that numbers of one range have in common" min:"2" max:"10"`
	SMSCodesRange     int           `key:"sms_codes_per_range_hour" doc:"codes by SMS to one range of numbers in an hour" min:"3" max:"1000000"`
	SMSCodes          int           `key:"sms_codes_per_hour" doc:"codes by SMS to everybody in an hour" min:"10" max:"100000000"`
	SMSNoticesPhone   int           `key:"sms_notices_per_phone_day" doc:"notices by SMS to one phone in 24 h; warnings of a recovery are not counted" min:"5" max:"10000"`
	SMSNoticesKind    int           `key:"sms_notices_per_kind_day" doc:"of notices that only a quick answer stops, or that ask for one, those of one kind by SMS to one phone in 24 h" min:"15" max:"1000"`
	SMSNotices        int           `key:"sms_notices_per_hour" doc:"notices by SMS to everybody in an hour; warnings of a recovery are not counted" min:"10" max:"100000000"`
	MessagesShown     time.Duration `key:"messages_shown" doc:"a person sees what was sent to him this long" min:"24h" max:"720h"`
	ConversionPercent int           `key:"code_conversion_percent" doc:"alarm when of the codes sent by SMS in an hour fewer percent were entered" min:"1" max:"100"`
	ConversionMin     int           `key:"code_conversion_min" doc:"codes in that hour below which there is no such alarm" min:"1" max:"1000000"`
	CheckpointAlarm   time.Duration `key:"checkpoint_alarm" doc:"event log: longest time that an event may wait for a checkpoint, and for one outside the database, before the alarm" min:"2m" max:"168h"`

	RecoveryProving   time.Duration `key:"recovery_proving" doc:"time to enter the first code of a recovery" min:"5m" max:"2h"`
	RecoveryWait      time.Duration `key:"recovery_wait" doc:"life of a request to the contact; silence is refusal" min:"10m" max:"72h"`
	RecoveryQuietWait time.Duration `key:"recovery_quiet_wait" doc:"a recovery waits at least this long while a quiet exit runs" min:"1h" max:"720h"`
	RecoveryFinish    time.Duration `key:"recovery_finish" doc:"time to set the new password after approval" min:"10m" max:"72h"`
	RecoveryLock      time.Duration `key:"recovery_lock" doc:"online recovery is locked this long after a rejection or a disown" min:"1h" max:"720h"`
	RecoveriesPerArea int           `key:"recoveries_per_area_hour" doc:"recoveries started from one network area in an hour" min:"3" max:"100000"`
	RecoveryCodesHere int           `key:"recovery_codes_here_day" doc:"first codes for recoveries of one account, those sent again included, that one network area gets in 24 h" min:"1" max:"50"`
	ToldActsDay       int           `key:"told_acts_day" doc:"times a day one thing may be asked of the contacts, one contact's removal begun, one switch switched off: each tells people" min:"3" max:"50"`
	AsksPerDay        int           `key:"asks_per_day" doc:"times a contact is asked for one principal in 24 h" min:"1" max:"10"`
	MatchTries        int           `key:"match_tries" doc:"tries to type the match number; the last miss rejects" min:"1" max:"3"`
	NoCascade         time.Duration `key:"no_cascade" doc:"a contact who recovered or changed phone, password or second factor cannot approve for this long" min:"1h" max:"720h"`
	Hold              time.Duration `key:"hold" doc:"time after a recovery in which dangerous actions are closed" min:"1h" max:"720h"`
	GuardOff          time.Duration `key:"guard_off" doc:"delay before a switched-off guard stops guarding" min:"1h" max:"720h"`
	UnfreezeAlone     time.Duration `key:"unfreeze_alone" doc:"a freeze without contacts is lifted online after this long" min:"1h" max:"720h"`
	OperatorQueue     time.Duration `key:"operator_queue" doc:"time for the second operator to decide" min:"5m" max:"24h"`
	TempPassword      time.Duration `key:"temporary_password" doc:"life of a temporary password given on paper" min:"1h" max:"72h"`

	SystemArea        int           `key:"system_requests_per_area_hour" doc:"other systems: requests to sign in brought from one network area in an hour" min:"100" max:"1000000"`
	SystemCode        time.Duration `key:"system_code_ttl" doc:"other systems: life of an authorization code" min:"10s" max:"60s"`
	SystemPushed      time.Duration `key:"system_pushed_ttl" doc:"other systems: life of a request pushed over the back channel" min:"10s" max:"599s"`
	SystemRequest     time.Duration `key:"system_request_ttl" doc:"other systems: time to sign in and agree" min:"5m" max:"2h"`
	SystemAccess      time.Duration `key:"system_access_ttl" doc:"other systems: life of an access token and of an id token" min:"1m" max:"1h"`
	SystemRefresh     time.Duration `key:"system_refresh_ttl" doc:"other systems: longest time tokens are renewed without the person" min:"1h" max:"2160h"`
	SystemConsent     time.Duration `key:"system_consent_ttl" doc:"other systems: life of a consent" min:"24h" max:"17520h"`
	SystemProof       time.Duration `key:"system_proof_age" doc:"other systems: oldest proof (client assertion, DPoP) and longest life of a nonce" min:"10s" max:"5m"`
	SystemKeyAnnounce time.Duration `key:"system_key_announce" doc:"other systems: a signing key is published this long before it signs" min:"1h" max:"720h"`
	SystemKeyLife     time.Duration `key:"system_key_life" doc:"other systems: a key signs this long" min:"24h" max:"17520h"`

	CheckpointLook   time.Duration `key:"checkpoint_look" doc:"event log: how often new events are added to the signed tree" min:"10s" max:"1h"`
	CheckpointEvery  time.Duration `key:"checkpoint_every" doc:"event log: longest time between checkpoints while there are new events" min:"1m" max:"24h"`
	CheckpointEvents int           `key:"checkpoint_events" doc:"event log: new events after which a checkpoint is signed at once" min:"1" max:"1000000"`

	CampaignLinkTTL time.Duration `key:"campaign_link_ttl" doc:"life of the link in a covering letter of the campaign" min:"24h" max:"8760h"`
	CountFloor      int           `key:"count_floor" doc:"a counter below this is shown as 'fewer than'" min:"2" max:"1000"`

	OperatorSession   time.Duration `key:"operator_session" doc:"longest life of an operator's session" min:"15m" max:"12h"`
	OperatorIdle      time.Duration `key:"operator_idle" doc:"an operator's session unused this long ends" min:"1m" max:"30m"`
	OperatorEnrolment time.Duration `key:"operator_enrolment" doc:"life of the one-time code with which a new operator makes his first key" min:"1h" max:"168h"`
	OperatorSettling  time.Duration `key:"operator_settling" doc:"whoever's access was given, or given anew, takes no part in an act of two operators for this long" min:"0s" max:"720h"`
	OperatorCase      time.Duration `key:"operator_case" doc:"how long a case stays open for the operator who opened it" min:"10m" max:"8h"`
	OperatorLooks     int           `key:"operator_looks_hour" doc:"times one operator may look for an account in an hour, found or not" min:"3" max:"200"`
	FiguresLeast      int           `key:"figures_least" doc:"figures about fewer people than this are not shown" min:"10" max:"1000"`
}

// Default is the policy of the published rules.
func Default() Policy {
	const day = 24 * time.Hour
	return Policy{
		Version: "2026-11", TimeZone: "Europe/Moscow",
		PrincipalMinAge: 14, ContactMinAge: 18, Citizenship: "RUS",
		MaxContacts: 3, MaxPrincipals: 5, PhoneFresh: 365 * day, SimChangeQuiet: 72 * time.Hour,
		InvitationTTL: 72 * time.Hour, InvitationsPerDay: 5, InvitationsPhoneWeek: 3,
		Settling: 24 * time.Hour, Leaving: 72 * time.Hour, LinkReview: day, HealthReminder: 365 * day,
		StepUpTTL: 5 * time.Minute, SessionTTL: 24 * time.Hour, SessionIdle: time.Hour,
		SignInTTL: 10 * time.Minute, RegistrationTTL: time.Hour, EmailLinkTTL: 24 * time.Hour, NoticeLinkTTL: 72 * time.Hour,
		SignInsPerAccount: 10, SignInsPerArea: 300, PasswordMin: 8, PasswordMax: 128,
		CodeTTL: 5 * time.Minute, CodeTries: 5, CodeResend: time.Minute, CodesPerPhoneDay: 5, SignInCodesDay: 30,
		SMSPrefixes: "+79", SMSCodesPhone: 20, SMSCodesPerson: 20, SMSCodesArea: 600, SMSRangeDigits: 7, SMSCodesRange: 300,
		SMSCodes: 20_000, SMSNoticesPhone: 60, SMSNoticesKind: 20, SMSNotices: 100_000, MessagesShown: 30 * day, ConversionPercent: 40, ConversionMin: 100,
		RecoveryProving: 30 * time.Minute, RecoveryWait: 12 * time.Hour, RecoveryQuietWait: 72 * time.Hour,
		RecoveryFinish: 12 * time.Hour, RecoveryLock: 24 * time.Hour, RecoveriesPerArea: 100, RecoveryCodesHere: 3,
		ToldActsDay: 5, AsksPerDay: 3, MatchTries: 2, NoCascade: 72 * time.Hour, Hold: 72 * time.Hour, GuardOff: 72 * time.Hour,
		UnfreezeAlone: 72 * time.Hour, OperatorQueue: 30 * time.Minute, TempPassword: 24 * time.Hour,
		SystemArea: 20000, SystemCode: time.Minute, SystemPushed: 90 * time.Second, SystemRequest: 30 * time.Minute, SystemAccess: 5 * time.Minute,
		SystemRefresh: 30 * day, SystemConsent: 365 * day, SystemProof: time.Minute, SystemKeyAnnounce: day, SystemKeyLife: 90 * day,

		CheckpointLook: time.Minute, CheckpointEvery: 10 * time.Minute, CheckpointEvents: 1000, CheckpointAlarm: 30 * time.Minute,

		CampaignLinkTTL: 60 * day, CountFloor: 10,
		OperatorSession: 8 * time.Hour, OperatorIdle: 15 * time.Minute, OperatorEnrolment: 24 * time.Hour,
		OperatorSettling: 72 * time.Hour, OperatorCase: time.Hour, OperatorLooks: 20, FiguresLeast: 10,
	}
}

// Entry describes one field of a policy for people: `doverie policy` and the documentation print it.
type Entry struct {
	Key, Value, Min, Max, Doc string
}

// Entries lists every field of the policy in the order of the struct.
func (p Policy) Entries() []Entry {
	v := reflect.ValueOf(p)
	t := v.Type()
	out := make([]Entry, 0, t.NumField())
	for i := range t.NumField() {
		tag := t.Field(i).Tag
		out = append(out, Entry{
			Key: tag.Get("key"), Value: fmt.Sprint(v.Field(i).Interface()),
			Min: tag.Get("min"), Max: tag.Get("max"), Doc: tag.Get("doc"),
		})
	}
	return out
}

// Set changes the field with that key, given as text ("72h", "3", "Europe/Moscow").
// An unknown key or an unreadable value is an error that names the key.
func (p *Policy) Set(key, value string) error {
	v := reflect.ValueOf(p).Elem()
	t := v.Type()
	for i := range t.NumField() {
		if t.Field(i).Tag.Get("key") != key {
			continue
		}
		switch f := v.Field(i); f.Interface().(type) {
		case string:
			f.SetString(value)
		case int:
			var n int64
			if _, err := fmt.Sscanf(value, "%d", &n); err != nil || fmt.Sprint(n) != value {
				return fmt.Errorf("policy.%s: %q is not a whole number", key, value)
			}
			f.SetInt(n)
		case time.Duration:
			d, err := time.ParseDuration(value)
			if err != nil {
				return fmt.Errorf("policy.%s: %q is not a duration such as 72h or 5m", key, value)
			}
			f.SetInt(int64(d))
		default:
			return fmt.Errorf("policy.%s: a field of an unexpected type", key)
		}
		return nil
	}
	return fmt.Errorf("policy.%s: no such key", key)
}

// Check returns every reason why the policy must not be used, each naming its key.
func (p Policy) Check() []error {
	var errs []error
	v := reflect.ValueOf(p)
	t := v.Type()
	for i := range t.NumField() {
		tag := t.Field(i).Tag
		key := tag.Get("key")
		switch x := v.Field(i).Interface().(type) {
		case string:
			if x == "" {
				errs = append(errs, fmt.Errorf("policy.%s: must not be empty", key))
			}
		case int:
			var lo, hi int
			if _, err := fmt.Sscan(tag.Get("min"), &lo); err != nil {
				errs = append(errs, fmt.Errorf("policy.%s: no lower bound: %w", key, err))
			}
			if _, err := fmt.Sscan(tag.Get("max"), &hi); err != nil {
				errs = append(errs, fmt.Errorf("policy.%s: no upper bound: %w", key, err))
			}
			if x < lo || x > hi {
				errs = append(errs, fmt.Errorf("policy.%s: %d is outside %d–%d", key, x, lo, hi))
			}
		case time.Duration:
			lo, errLo := time.ParseDuration(tag.Get("min"))
			hi, errHi := time.ParseDuration(tag.Get("max"))
			if errLo != nil || errHi != nil {
				errs = append(errs, fmt.Errorf("policy.%s: unreadable bounds", key))
			} else if x < lo || x > hi {
				errs = append(errs, fmt.Errorf("policy.%s: %s is outside %s–%s", key, x, lo, hi))
			}
		}
	}
	if p.SystemKeyAnnounce >= p.SystemKeyLife {
		errs = append(errs, fmt.Errorf("policy.system_key_announce: must be shorter than system_key_life (%s)", p.SystemKeyLife))
	}
	if _, err := time.LoadLocation(p.TimeZone); err != nil {
		errs = append(errs, fmt.Errorf("policy.time_zone: %q is not a known time zone", p.TimeZone))
	}
	if p.CodeResend >= p.CodeTTL {
		errs = append(errs, fmt.Errorf("policy.code_resend: must be shorter than code_ttl (%s)", p.CodeTTL))
	}
	if p.RecoveryQuietWait < p.Leaving {
		errs = append(errs, fmt.Errorf("policy.recovery_quiet_wait: must not be shorter than leaving (%s)", p.Leaving))
	}
	for prefix := range strings.SplitSeq(p.SMSPrefixes, ",") {
		if !smsPrefix.MatchString(strings.TrimSpace(prefix)) {
			errs = append(errs, fmt.Errorf("policy.sms_prefixes: %q is not a plus and one to seven digits such as +79", prefix))
		}
	}
	return errs
}

// smsPrefix is the beginning of an E.164 number.
var smsPrefix = regexp.MustCompile(`^\+[1-9][0-9]{0,6}$`)

// Location is the zone of civil dates. Check has proved that it loads.
func (p Policy) Location() *time.Location {
	loc, err := time.LoadLocation(p.TimeZone)
	if err != nil {
		return time.UTC
	}
	return loc
}

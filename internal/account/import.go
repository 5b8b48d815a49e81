package account

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"strings"
	"time"
	"unicode/utf8"

	"doverie/internal/fault"
	"doverie/internal/policy"
	"doverie/internal/secret"
)

// ImportLineMax is the longest line of an import file, bytes.
const ImportLineMax = 16 << 10

// ImportPerson is one line (one JSON object) of an import file: a person whose identity the
// sending body has proven, with a phone and an e-mail that it vouches for. Unknown fields are refused.
type ImportPerson struct {
	Family       string `json:"family"`        // required
	Given        string `json:"given"`         // required
	Patronymic   string `json:"patronymic"`    // optional
	BirthDate    string `json:"birth_date"`    // required, 2006-01-02
	Citizenship  string `json:"citizenship"`   // required, ISO 3166 alpha-3, "RUS"
	SNILS        string `json:"snils"`         // required, with right check digits
	Phone        string `json:"phone"`         // required, mobile
	Email        string `json:"email"`         // optional
	Locale       string `json:"locale"`        // optional, "ru" (default) or "en"
	PasswordHash string `json:"password_hash"` // optional, PHC string of Argon2id; without it the person sets a password by recovery
}

// ParseImportLine checks one line and returns the account it describes, without id, or every
// fault of the line at once. Nothing is looked up: this is a pure function of the text and the day.
func ParseImportLine(line []byte, now time.Time, p policy.Policy) (Account, []fault.Field) {
	whole := func(key string) (Account, []fault.Field) { return Account{}, []fault.Field{{Name: "line", Key: key}} }
	switch {
	case len(line) > ImportLineMax:
		return whole("fault.import.long")
	case !utf8.Valid(line):
		return whole("fault.import.encoding")
	case len(bytes.TrimSpace(line)) == 0:
		return whole("fault.import.empty")
	}
	var in ImportPerson
	d := json.NewDecoder(bytes.NewReader(line))
	d.DisallowUnknownFields()
	if err := d.Decode(&in); err != nil {
		return Account{}, []fault.Field{jsonFault(err)}
	}
	if _, err := d.Token(); !errors.Is(err, io.EOF) {
		return whole("fault.import.json")
	}
	return in.account(now, p)
}

// jsonFault tells a wrong type and an unknown field from text that is no JSON object at all.
func jsonFault(err error) fault.Field {
	var wrongType *json.UnmarshalTypeError
	if errors.As(err, &wrongType) && wrongType.Field != "" {
		return fault.Field{Name: wrongType.Field, Key: "fault.import.type"}
	}
	if name, found := strings.CutPrefix(err.Error(), `json: unknown field "`); found {
		return fault.Field{Name: strings.TrimSuffix(name, `"`), Key: "fault.import.unknown"}
	}
	return fault.Field{Name: "line", Key: "fault.import.json"}
}

func (in ImportPerson) account(now time.Time, p policy.Policy) (Account, []fault.Field) {
	var bad []fault.Field
	fail := func(name, key string) {
		if key != "" {
			bad = append(bad, fault.Field{Name: name, Key: key})
		}
	}
	name := func(field, text string, optional bool) string {
		clean, wrong := CleanName(field, text, optional)
		if wrong != nil {
			bad = append(bad, *wrong)
		}
		return clean
	}
	a := Account{
		Level: Confirmed, State: Open, Quorum: 1, Locale: "ru", CreatedAt: now, ConfirmedAt: now,
		Family: name("family", in.Family, false), Given: name("given", in.Given, false), Patronymic: name("patronymic", in.Patronymic, true),
		PhoneVerifiedAt: now, PhoneConfirmedAt: now,
	}
	var wrong string
	a.BirthDate, wrong = parseBirth(in.BirthDate, now, p)
	fail("birth_date", wrong)
	a.Citizenship, wrong = ParseCitizenship(in.Citizenship)
	fail("citizenship", wrong)
	a.SNILS, wrong = ParseSNILS(in.SNILS)
	fail("snils", wrong)
	a.Phone, wrong = ParsePhone(in.Phone)
	fail("phone", wrong)
	if strings.TrimSpace(in.Email) != "" {
		a.Email, wrong = ParseEmail(in.Email)
		a.EmailVerifiedAt = now
		fail("email", wrong)
	}
	switch in.Locale {
	case "":
	case "ru", "en":
		a.Locale = in.Locale
	default:
		fail("locale", "fault.locale.unknown")
	}
	if in.PasswordHash != "" {
		if !secret.IsHash(in.PasswordHash) { // refused at once, because no sign-in could ever verify it
			fail("password_hash", "fault.import.password_hash")
		}
		a.PasswordHash, a.PasswordChangedAt = in.PasswordHash, now
	}
	if len(bad) > 0 {
		return Account{}, bad
	}
	return a, nil
}

// oldest is how long ago a living person may have been born, in years.
const oldest = 130

func parseBirth(text string, now time.Time, p policy.Policy) (Date, string) {
	text = strings.TrimSpace(text)
	if text == "" {
		return Date{}, "fault.birth.missing"
	}
	d, err := ParseDate(text)
	if err != nil {
		return Date{}, "fault.birth.invalid"
	}
	switch age := Age(d, now, p.Location()); {
	case age < 0:
		return Date{}, "fault.birth.future"
	case age > oldest:
		return Date{}, "fault.birth.old"
	}
	return d, ""
}

package account

import (
	"context"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"doverie/internal/effect"
	"doverie/internal/fault"
	"doverie/internal/policy"
)

// DocumentInput is what a person types to reach the standard level.
type DocumentInput struct {
	BirthDate   string // "2006-01-02" or "02.01.2006"
	Citizenship string // ISO 3166 alpha-3
	SNILS       string
	Kind        DocumentKind
	Number      string // series and number; only its last four characters and a keyed hash are kept
}

// EnterDocument raises a simplified account to standard, or corrects a standard one. A confirmed
// account is corrected in person only. A SNILS of another account is refused without saying whose, or whether it is
// proven there: whoever it belongs to comes with the document, and what was only typed gives way (package desk).
// Faults: Invalid with every wrong field; Refused ("fault.account.confirmed", freeze,
// "fault.snils.taken"); Limited; Conflict.
func (s *Service) EnterDocument(ctx context.Context, act effect.Act, c Caller, in DocumentInput) (Account, error) {
	now := s.Now()
	before, err := s.open(ctx, c.Account)
	if err != nil {
		return Account{}, err
	}
	if before.Level == Confirmed {
		return Account{}, fault.New(fault.Refused, "fault.account.confirmed", nil)
	}
	after, err := s.withDocument(before, in, now)
	if err != nil {
		return Account{}, err
	}
	if err := s.limit(ctx, "document:"+before.ID, s.Policy.CodesPerPhoneDay, 24*time.Hour, now); err != nil {
		return Account{}, err
	}
	other, err := s.Store.FindAccount(ctx, Identifier{BySNILS, after.SNILS})
	switch {
	case err == nil && other.ID != before.ID:
		return Account{}, fault.New(fault.Refused, "fault.snils.taken", nil)
	case err != nil && !fault.Is(err, fault.NotFound):
		return Account{}, err
	}
	err = s.commit(ctx, act, now, Change{Before: &before, After: &after},
		record("account.document_entered", "account:"+before.ID, map[string]string{"document": string(after.Document.Kind)}, before.ID),
		effect.Send{Kind: "document.entered", To: before.ID, Via: effect.All(), Args: at(now)},
	)
	if err != nil {
		return Account{}, err
	}
	after.Version++
	return after, nil
}

// ParseIdentity reads what a document says of a person besides his names, and returns every wrong field at once.
func ParseIdentity(in DocumentInput, now time.Time, p policy.Policy) (birth Date, citizenship, snils string, bad []fault.Field) {
	check := func(name, wrong string) {
		if wrong != "" {
			bad = append(bad, fault.Field{Name: name, Key: wrong})
		}
	}
	var wrong string
	birth, wrong = parseBirth(in.BirthDate, now, p)
	check("birth_date", wrong)
	citizenship, wrong = ParseCitizenship(in.Citizenship)
	check("citizenship", wrong)
	snils, wrong = ParseSNILS(in.SNILS)
	check("snils", wrong)
	return birth, citizenship, snils, bad
}

func (s *Service) withDocument(a Account, in DocumentInput, now time.Time) (Account, error) {
	var bad []fault.Field
	a.BirthDate, a.Citizenship, a.SNILS, bad = ParseIdentity(in, now, s.Policy)
	check := func(name, wrong string) {
		if wrong != "" {
			bad = append(bad, fault.Field{Name: name, Key: wrong})
		}
	}
	number, wrong := ParseDocument(in.Kind, in.Number)
	if wrong == "fault.document.kind" { // both are told at once: whoever chose nothing has often typed nothing either
		check("kind", wrong)
		_, wrong = foldDocument(in.Number)
	}
	check("document", wrong)
	if len(bad) > 0 {
		return Account{}, fault.BadFields(bad...)
	}
	runes := []rune(number)
	a.Document = Document{
		Kind: in.Kind, Last4: string(runes[len(runes)-4:]),
		Hash: s.Keys.Lookup("document", string(in.Kind)+":"+number),
	}
	a.Level = Standard
	return a, nil
}

// ParseDocument folds a document's series and number: upper case, no spaces and dashes. A Russian
// passport has ten digits; others have 5 to 20 letters and digits. The key says what is wrong, or is "".
func ParseDocument(kind DocumentKind, text string) (number, wrong string) {
	known := false
	for _, k := range DocumentKinds() {
		known = known || k == kind
	}
	if !known {
		return "", "fault.document.kind"
	}
	number, wrong = foldDocument(text)
	n := utf8.RuneCountInString(number)
	switch {
	case wrong != "":
		return "", wrong
	case kind == PassportRUS && (n != 10 || strings.ContainsFunc(number, func(r rune) bool { return r > '9' })):
		return "", "fault.document.passport"
	case n < 5 || n > 20:
		return "", "fault.document.number"
	}
	return number, ""
}

// Confirm raises a standard account to confirmed: an operator or the administrator saw the person
// and the document. Faults: NotFound, Refused ("fault.account.incomplete", freeze), Conflict when it
// is confirmed already.
func (s *Service) Confirm(ctx context.Context, act effect.Act, id string) error {
	now := s.Now()
	before, err := s.open(ctx, id)
	if err != nil {
		return err
	}
	switch {
	case before.Level == Confirmed:
		return fault.New(fault.Conflict, "fault.account.already_confirmed", nil)
	case before.SNILS == "" || before.BirthDate.IsZero() || before.Citizenship == "":
		return fault.New(fault.Refused, "fault.account.incomplete", nil)
	}
	after := before
	after.Level, after.ConfirmedAt = Confirmed, now
	return s.commit(ctx, act, now, Change{Before: &before, After: &after},
		record("account.confirmed", "account:"+id, nil, id),
		effect.Send{Kind: "account.confirmed", To: id, Via: effect.All(), Args: at(now)},
	)
}

// Find reads the open account that an identifier names, for the administrator's and operator's acts only:
// an answer to a stranger must never depend on it (I6). Faults: Invalid, NotFound.
func (s *Service) Find(ctx context.Context, text string) (Account, error) {
	id, wrong := ParseIdentifier(text)
	if wrong != "" {
		return Account{}, fault.BadFields(fault.Field{Name: "identifier", Key: wrong})
	}
	return s.Store.FindAccount(ctx, id)
}

// foldDocument is what can be said of a number before its kind is known.
func foldDocument(text string) (number, wrong string) {
	if len(text) > identifierMax || !utf8.ValidString(text) {
		return "", "fault.document.number"
	}
	var b strings.Builder
	for _, r := range text {
		switch {
		case unicode.IsSpace(r), isHyphen(r), r == '№':
		case r >= '0' && r <= '9', r >= 'A' && r <= 'Z', r >= 'a' && r <= 'z', r >= 'А' && r <= 'я', r == 'Ё', r == 'ё':
			b.WriteRune(unicode.ToUpper(r))
		default:
			return "", "fault.document.number"
		}
	}
	if b.Len() == 0 {
		return "", "fault.document.missing"
	}
	return b.String(), ""
}

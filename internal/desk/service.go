package desk

import (
	"context"
	"errors"
	"strings"

	"doverie/internal/account"
	"doverie/internal/effect"
	"doverie/internal/fault"
	"doverie/internal/secret"
	"doverie/internal/trust"
)

// The purposes of what the desk seals; the id of the row is bound to each.
const (
	sealPhone   = "desk phone"
	sealPayload = "desk payload"
	sealPaper   = "desk paper"
)

// SendPhoneCode sends a code to the new number of the person at the desk. He types it himself: nobody reads a code out.
// Faults: Invalid (field "phone"), Limited, Refused "fault.desk.frozen", Conflict "fault.code.other_live".
func (s *Service) SendPhoneCode(ctx context.Context, act effect.Act, who Operator, caseID, phone string) error {
	e164, wrong := account.ParsePhone(phone)
	if wrong != "" {
		return fault.BadFields(fault.Field{Name: "phone", Key: wrong})
	}
	if err := s.Codes.MaySend(ctx, string(secret.ChangePhone), caseID, s.Policy); err != nil {
		return err
	}
	code, err := secret.Code(secret.ChangePhone)
	if err != nil {
		return err
	}
	id := account.NewID()
	return s.Cases.DecideAtDesk(ctx, act, Asked{Case: caseID}, func(seen Seen) (Outcome, error) {
		if err := s.own(who, seen.Case); err != nil {
			return Outcome{}, err
		}
		if !seen.Circle.Principal.Open {
			return Outcome{}, fault.New(fault.Refused, "fault.desk.frozen", nil)
		}
		c, until := seen.Case, seen.Circle.Now.Add(s.Policy.CodeTTL)
		c.Phone = s.Keys.Seal(sealPhone, []byte(c.ID), []byte(e164))
		return Outcome{Case: &c, Outcome: trust.Outcome{Effects: []effect.Effect{
			effect.Record{Kind: "desk.code_sent", Object: "case:" + c.ID, Subjects: []string{c.Account}},
			effect.IssueCode{
				ID: id, Purpose: string(secret.ChangePhone), Bound: c.ID, Account: c.Account, Phone: e164,
				Hash: s.Keys.HashCode(secret.ChangePhone, c.ID, code), ExpiresAt: until, DayLimit: s.Policy.CodesPerPhoneDay,
			},
			effect.Send{
				Kind: "change_phone.code", To: c.Account, Address: e164, Via: []effect.Channel{effect.SMS}, NotAfter: until, Key: id,
				Args: map[string]string{"code": code},
			},
		}}}, nil
	})
}

// PendingPhone is the number whose code is on its way in the case, or "".
func (s *Service) PendingPhone(c Case) (string, error) {
	if len(c.Phone) == 0 {
		return "", nil
	}
	phone, err := s.Keys.Open(sealPhone, []byte(c.ID), c.Phone)
	return string(phone), err
}

// Wish is what an operator asks for in a case.
type Wish struct {
	Kind                      Kind
	Link                      string // EndLink
	Family, Given, Patronymic string // Name
	Code                      string // Phone: what the person typed
	Birth, Citizenship, SNILS string // Confirm, of a person whose data are not on record
}

// Act does what needs one operator, and proposes what needs two. The attempt at a code is counted before it is compared.
// Faults: NotFound for another's case; Conflict (case over, facts, already proposed); Invalid with fields; Refused,
// also "fault.desk.settling" of an act that needs two.
func (s *Service) Act(ctx context.Context, act effect.Act, who Operator, caseID string, w Wish) (Act, error) {
	seen, err := s.Cases.LookAtDesk(ctx, Asked{Case: caseID})
	if err != nil {
		return Act{}, err
	}
	if err := s.own(who, seen.Case); err != nil {
		return Act{}, err
	}
	in, burn, err := s.prepare(ctx, seen.Case, w)
	if err != nil {
		return Act{}, err
	}
	id, password := account.NewID(), ""
	if w.Kind == Recover {
		if password, in.Hash, err = s.temporary(ctx); err != nil {
			return Act{}, err
		}
	}
	payload := in.kept()
	var done Act
	err = s.Cases.DecideAtDesk(ctx, act, Asked{Case: caseID}, func(seen Seen) (Outcome, error) {
		if err := s.own(who, seen.Case); err != nil {
			return Outcome{}, err
		}
		begun := Begun{
			ID: id, Case: seen.Case.ID, Account: seen.Case.Account, Kind: w.Kind, Operator: who.ID, Office: who.Office, Link: w.Link,
			Two: Needs(w.Kind, seen.Circle), Facts: FactsOf(seen.Circle), Payload: s.Keys.Seal(sealPayload, []byte(id), payload),
		}
		if in.Holder != "" {
			begun.Also = AlsoTookSNILS
		}
		if !begun.Two && password != "" {
			begun.Paper = s.Keys.Seal(sealPaper, []byte(id), []byte(password))
		}
		if err := s.settled(who, begun.Two, seen); err != nil {
			return Outcome{}, err
		}
		a, effs, err := Act{}.Apply(seen.Circle.Now, s.Policy, begun)
		if err != nil {
			return Outcome{}, err
		}
		// What it would do is decided in either case: what cannot be done is not proposed.
		out, err := s.Deeds.Of(seen.Circle, a, in)
		if err != nil {
			return Outcome{}, err
		}
		if a.State == Proposed {
			out = trust.Outcome{}
		}
		out.Effects = append(append(effs, burn...), out.Effects...)
		done = a
		o := Outcome{Outcome: out, Act: &a}
		if w.Kind == Phone {
			c := seen.Case
			c.Phone = nil
			o.Case = &c
		}
		return o, nil
	})
	return done, err
}

// keptBetween stands between what is kept: no phone and no name can hold it.
const keptBetween = "\x00"

// kept is what the second operator's moment needs of the details.
func (in Details) kept() []byte {
	return []byte(strings.Join([]string{in.Phone, in.Family, in.Given, in.Patronymic}, keptBetween))
}

// prepare checks what was typed, before anything is locked.
func (s *Service) prepare(ctx context.Context, c Case, w Wish) (in Details, burn []effect.Effect, err error) {
	switch w.Kind {
	case Confirm:
		a, err := s.Accounts.Account(ctx, c.Account)
		switch {
		case err != nil:
			return in, nil, err
		case a.Level == account.Simplified:
			in, err = s.identity(ctx, c, w)
			return in, nil, err
		case a.Document.Kind != "" && (a.Document.Kind != c.Document || a.Document.Last4 != c.Last4):
			return in, nil, fault.New(fault.Refused, "fault.desk.document_differs", nil)
		}
	case Name:
		var bad []fault.Field
		clean := func(field, text string, optional bool) string {
			name, wrong := account.CleanName(field, text, optional)
			if wrong != nil {
				bad = append(bad, *wrong)
			}
			return name
		}
		in.Family, in.Given, in.Patronymic = clean("family", w.Family, false), clean("given", w.Given, false), clean("patronymic", w.Patronymic, true)
		if len(bad) > 0 {
			return in, nil, fault.BadFields(bad...)
		}
	case Phone:
		if in.Phone, err = s.PendingPhone(c); err != nil {
			return in, nil, err
		}
		if in.Phone == "" {
			return in, nil, fault.New(fault.Refused, "fault.desk.no_phone", nil)
		}
		try, err := s.Codes.CountTry(ctx, string(secret.ChangePhone), c.ID, s.Policy)
		if err != nil {
			return in, nil, err
		}
		if !s.Keys.SameCode(secret.ChangePhone, c.ID, w.Code, try.Hash) {
			return in, nil, fault.New(fault.Refused, "fault.code.wrong", fault.Args{"Left": try.Left})
		}
		burn = []effect.Effect{effect.UseCode{ID: try.CodeID}}
		if in.Loser, err = s.loser(ctx, in.Phone, c.Account); err != nil {
			return in, nil, err
		}
	case Thaw, Unlock, EndLink, Recover:
	default:
		return in, nil, fault.New(fault.NotFound, "fault.not_found", nil)
	}
	return in, burn, nil
}

// identity reads the data of the document at the desk, and looks who else has that SNILS. A person whose number
// somebody else has typed cannot type it herself: she is confirmed with it here (T21). Faults: Invalid with every wrong
// field, the SNILS of a confirmed account among them.
func (s *Service) identity(ctx context.Context, c Case, w Wish) (in Details, err error) {
	birth, citizenship, snils, bad := account.ParseIdentity(account.DocumentInput{BirthDate: w.Birth, Citizenship: w.Citizenship, SNILS: w.SNILS}, s.Now(), s.Policy)
	if len(bad) > 0 {
		return in, fault.BadFields(bad...)
	}
	in = Details{Birth: birth.String(), Citizenship: citizenship, SNILS: snils, Document: string(c.Document), Last4: c.Last4}
	holder, err := s.Accounts.FindAccount(ctx, account.Identifier{Kind: account.BySNILS, Value: snils})
	switch {
	case fault.Is(err, fault.NotFound) || err == nil && holder.ID == c.Account:
		return in, nil
	case err != nil:
		return in, err
	case holder.Level == account.Confirmed:
		return in, fault.BadFields(fault.Field{Name: "snils", Key: "fault.desk.snils_confirmed"})
	}
	in.Holder = holder.ID
	return in, nil
}

func (s *Service) loser(ctx context.Context, phone, owner string) (string, error) {
	loser, err := s.Owners.OwnerOf(ctx, phone)
	if loser == owner {
		loser = ""
	}
	return loser, err
}

// temporary makes a password for paper and its hash.
func (s *Service) temporary(ctx context.Context) (password, hash string, err error) {
	password = secret.TemporaryPassword()
	hash, err = s.Passwords.Hash(ctx, password)
	if errors.Is(err, secret.ErrBusy) {
		err = fault.New(fault.Busy, "fault.busy", nil).Because(err)
	}
	return password, hash, err
}

// Queue lists what waits for a second operator: his own office's, or every office's for a senior one.
func (s *Service) Queue(ctx context.Context, who Operator) ([]Act, error) {
	switch who.Role {
	case Senior:
		return s.Cases.Queue(ctx, "", s.Now())
	case Clerk:
		return s.Cases.Queue(ctx, who.Office, s.Now())
	case Auditor, Administrator:
	}
	return nil, nil
}

// may tells whether the act is the operator's to see: his own, his office's, or any for a senior one.
func (s *Service) may(who Operator, a Act) error {
	if a.ID == "" || !who.Role.Serves() || who.Role != Senior && a.Office != who.Office && a.Proposer != who.ID {
		return fault.New(fault.NotFound, "fault.not_found", nil)
	}
	return nil
}

// Proposal is an act as its page shows it: the same facts to both operators.
type Proposal struct {
	View

	Act     Act
	Kept    Details // new phone or names, while it is proposed
	Changed bool    // the facts are others than when it was proposed
}

// Proposal reads an act for somebody who may decide it, or who proposed it.
func (s *Service) Proposal(ctx context.Context, who Operator, actID string) (Proposal, error) {
	seen, err := s.Cases.LookAtDesk(ctx, Asked{Act: actID})
	if err != nil {
		return Proposal{}, err
	}
	if err := s.may(who, seen.Act); err != nil {
		return Proposal{}, err
	}
	v, err := s.view(ctx, seen)
	if err != nil {
		return Proposal{}, err
	}
	p := Proposal{View: v, Act: seen.Act, Changed: string(FactsOf(seen.Circle)) != string(seen.Act.Facts)}
	p.Kept, err = s.keptOf(seen.Act)
	return p, err
}

func (s *Service) keptOf(a Act) (Details, error) {
	if len(a.Payload) == 0 {
		return Details{}, nil
	}
	plain, err := s.Keys.Open(sealPayload, []byte(a.ID), a.Payload)
	if err != nil {
		return Details{}, err
	}
	k := strings.Split(string(plain), keptBetween)
	if len(k) != 4 {
		return Details{}, fault.New(fault.Internal, "fault.internal", nil)
	}
	return Details{Phone: k[0], Family: k[1], Given: k[2], Patronymic: k[3]}, nil
}

// Agree is the second operator's yes: the act is done in the same commit.
// Faults: NotFound; Refused "fault.desk.same_operator", "fault.desk.settling"; Conflict (state, facts changed).
func (s *Service) Agree(ctx context.Context, act effect.Act, who Operator, actID string) error {
	seen, err := s.Cases.LookAtDesk(ctx, Asked{Act: actID})
	if err != nil {
		return err
	}
	if err := s.may(who, seen.Act); err != nil {
		return err
	}
	in, err := s.keptOf(seen.Act)
	if err != nil {
		return err
	}
	if in.Phone != "" {
		if in.Loser, err = s.loser(ctx, in.Phone, seen.Act.Account); err != nil {
			return err
		}
	}
	password := ""
	if seen.Act.Kind == Recover {
		if password, in.Hash, err = s.temporary(ctx); err != nil {
			return err
		}
	}
	return s.decide(ctx, act, who, actID, func(seen Seen) (Outcome, error) {
		agreed := Agreed{By: who.ID, Facts: FactsOf(seen.Circle)}
		if password != "" {
			agreed.Paper = s.Keys.Seal(sealPaper, []byte(actID), []byte(password))
		}
		a, effs, err := seen.Act.Apply(seen.Circle.Now, s.Policy, agreed)
		if err != nil {
			return Outcome{}, err
		}
		out, err := s.Deeds.Of(seen.Circle, a, in)
		if err != nil {
			return Outcome{}, err
		}
		out.Effects = append(effs, out.Effects...)
		return Outcome{Outcome: out, Act: &a}, nil
	})
}

// Decline is the second operator's no. why is one of Whys.
func (s *Service) Decline(ctx context.Context, act effect.Act, who Operator, actID string, why Why) error {
	if !why.Known() {
		return fault.BadFields(fault.Field{Name: "why", Key: "fault.desk.why"})
	}
	return s.move(ctx, act, who, actID, Declined{By: who.ID, Why: string(why)})
}

// TakeBack is the first operator's change of mind.
func (s *Service) TakeBack(ctx context.Context, act effect.Act, who Operator, actID string) error {
	return s.move(ctx, act, who, actID, TakenBack{By: who.ID})
}

func (s *Service) decide(ctx context.Context, act effect.Act, who Operator, actID string, next func(Seen) (Outcome, error)) error {
	return s.Cases.DecideAtDesk(ctx, act, Asked{Act: actID}, func(seen Seen) (Outcome, error) {
		if err := s.may(who, seen.Act); err != nil {
			return Outcome{}, err
		}
		if err := s.settled(who, seen.Act.Two, seen); err != nil {
			return Outcome{}, err
		}
		return next(seen)
	})
}

// settled refuses, in an act that needs two operators, whoever was given his access lately: as the first, as the second,
// and at the printer. The store asks the same of the row it locks.
func (s *Service) settled(who Operator, two bool, seen Seen) error {
	if !two || who.Settled(seen.Circle.Now, s.Policy) {
		return nil
	}
	return fault.New(fault.Refused, "fault.desk.settling", fault.Args{"From": who.SettlesAt(s.Policy)})
}

func (s *Service) move(ctx context.Context, act effect.Act, who Operator, actID string, e Event) error {
	return s.decide(ctx, act, who, actID, func(seen Seen) (Outcome, error) { return s.moved(seen, e) })
}

func (s *Service) moved(seen Seen, e Event) (Outcome, error) {
	a, effs, err := seen.Act.Apply(seen.Circle.Now, s.Policy, e)
	return Outcome{Outcome: trust.Outcome{Effects: effs}, Act: &a}, err
}

package campaign

import (
	"context"
	"errors"
	"strconv"
	"strings"
	"time"

	"doverie/internal/effect"
	"doverie/internal/fault"
	"doverie/internal/outreach"
)

// How much a timer does before it sets itself again: a few seconds' worth, so that a lease is never outlived.
const (
	lettersAtOnce = 25
	kitsAtOnce    = 5
)

func countFact(n int) map[string]string { return map[string]string{"count": strconv.Itoa(n)} }

// system is who acts when a timer does.
var system = effect.Act{Actor: effect.System}

// SendSome sends the next letters of a campaign: the handler of TimerSend.
func (s *Service) SendSome(ctx context.Context, id string) error {
	c, err := s.Store.Campaign(ctx, id)
	if err != nil {
		return err
	}
	some, err := s.Store.Recipients(ctx, id, Filter{State: Listed}, 0, lettersAtOnce)
	if err != nil {
		return err
	}
	now := s.now()
	var changed []Recipient
	var effects []effect.Effect
	for _, r := range some {
		if r.N >= c.SendTo {
			break // imported after sending was asked for
		}
		after, more, err := s.letter(c, r, now)
		if err != nil {
			return err
		}
		changed, effects = append(changed, after), append(effects, more...)
	}
	if len(changed) == 0 {
		return nil
	}
	effects = append(effects, effect.Arm{Timer: TimerSend, Object: id, At: now})
	return s.Store.ChangeRecipients(ctx, system, changed, effects)
}

// letter decides one sending: the new state, its event, and the message with the signed link.
func (s *Service) letter(c Campaign, r Recipient, now time.Time) (Recipient, []effect.Effect, error) {
	after, effects, err := r.Apply(now, LetterSent{Life: s.Policy.CampaignLinkTTL})
	if err != nil {
		return r, nil, err
	}
	return after, append(effects, effect.Send{
		Kind: MessageLetter, Via: []effect.Channel{effect.Email}, Address: r.Org.Email, Locale: outreach.Russian, Key: after.messageKey(),
		Args: map[string]string{
			"link": s.Link(after), "organisation": r.Org.Name, "salutation": r.Org.Salutation, "sender": strings.Join(c.Letter.Letterhead, " "),
			"number": c.Letter.NumberOf(r.N), "date": c.Letter.Date, "subject": c.Letter.Subject, "until": after.ExpiresAt.Format(time.RFC3339),
		},
	}), nil
}

// SendAgain sends the letter to one organisation once more, with a fresh link.
func (s *Service) SendAgain(ctx context.Context, act effect.Act, campaign, recipient string) error {
	c, r, err := s.of(ctx, campaign, recipient)
	if err != nil {
		return err
	}
	if r.State == Listed {
		return fault.New(fault.Conflict, "fault.campaign.state", nil)
	}
	after, effects, err := s.letter(c, r, s.now())
	if err != nil {
		return err
	}
	return s.Store.ChangeRecipients(ctx, act, []Recipient{after}, effects)
}

// of reads an organisation of that campaign; another campaign's is not found.
func (s *Service) of(ctx context.Context, campaign, recipient string) (Campaign, Recipient, error) {
	c, err := s.Store.Campaign(ctx, campaign)
	if err != nil {
		return Campaign{}, Recipient{}, err
	}
	r, err := s.Store.Recipient(ctx, recipient)
	if err == nil && r.Campaign != campaign {
		err = fault.New(fault.NotFound, "fault.not_found", nil)
	}
	return c, r, err
}

// Of reads a campaign and one of its organisations.
func (s *Service) Of(ctx context.Context, campaign, recipient string) (Campaign, Recipient, error) {
	return s.of(ctx, campaign, recipient)
}

// MakeSome makes the next kits of a campaign: the handler of TimerKits. A kit that cannot be made is noted with its reason.
func (s *Service) MakeSome(ctx context.Context, id string) error {
	c, err := s.Store.Campaign(ctx, id)
	if err != nil {
		return err
	}
	some, err := s.Store.WithoutKit(ctx, id, c.KitsTo, kitsAtOnce)
	if err != nil || len(some) == 0 {
		return err
	}
	for i := range some {
		r := &some[i]
		packed, err := s.Kit(ctx, c, *r)
		var f *fault.Error
		switch {
		case errors.As(err, &f) && f.Kind == fault.Invalid:
			r.KitProblem = f.Key
			if len(f.Fields) > 0 {
				r.KitProblem = f.Fields[0].Key
			}
		case err != nil:
			return err
		default:
			r.KitAt, r.KitBytes, r.KitProblem = s.now(), int64(len(packed)), ""
		}
	}
	return s.Store.SetKits(ctx, some, []effect.Effect{effect.Arm{Timer: TimerKits, Object: id, At: s.now()}})
}

// Kit is an organisation's kit as a ZIP, from the shelf or made now, one at a time.
func (s *Service) Kit(ctx context.Context, c Campaign, r Recipient) ([]byte, error) {
	select {
	case s.kits <- struct{}{}:
	case <-ctx.Done():
		return nil, ctx.Err()
	}
	defer func() { <-s.kits }()
	logo, err := s.Store.Logo(ctx, r.ID)
	if err != nil {
		return nil, err
	}
	options := outreach.KitOptions{}
	if c.Counted {
		options.Code = r.Code
	}
	return s.Source.Kit(s.Shelf, r.Org, logo, options)
}

// CoveringLetter is an organisation's letter as PDF.
func (s *Service) CoveringLetter(c Campaign, r Recipient) ([]byte, error) {
	return s.Source.MakeLetter(c.Letter, r.N, []outreach.Organisation{r.Org})
}

// SetLogo keeps an organisation's logo as a small picture of our own drawing; its kit is made anew.
func (s *Service) SetLogo(ctx context.Context, act effect.Act, campaign, recipient string, file []byte) error {
	_, r, err := s.of(ctx, campaign, recipient)
	if err != nil {
		return err
	}
	png, err := outreach.SmallLogo(file)
	if err != nil {
		return err
	}
	r.HasLogo, r.KitAt, r.KitBytes, r.KitProblem = true, time.Time{}, 0, ""
	return s.Store.SetLogo(ctx, act, r, png, []effect.Effect{
		effect.Record{Kind: "campaign.logo_set", Object: "recipient:" + r.ID, Subjects: []string{act.ID}},
	})
}

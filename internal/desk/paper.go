package desk

import (
	"context"
	"slices"
	"time"

	"doverie/internal/effect"
	"doverie/internal/fault"
)

// Paper is what goes to the printer.
type Paper struct {
	Name, Password, Office string
	Until                  time.Time
}

// Print hands the paper out, once, to the operator who proposed the act: the person stands before him.
func (s *Service) Print(ctx context.Context, act effect.Act, who Operator, actID string) (Paper, error) {
	var p Paper
	err := s.decide(ctx, act, who, actID, func(seen Seen) (Outcome, error) {
		plain := []byte(nil)
		if len(seen.Act.Paper) > 0 {
			var err error
			if plain, err = s.Keys.Open(sealPaper, []byte(actID), seen.Act.Paper); err != nil {
				return Outcome{}, err
			}
		}
		p = Paper{Name: seen.Circle.Principal.PoliteName(), Password: string(plain), Office: who.OfficeName, Until: seen.Act.PaperUntil}
		return s.moved(seen, Printed{By: who.ID})
	})
	if err != nil {
		return Paper{}, err
	}
	return p, nil
}

var bySystem = effect.Act{Actor: effect.System}

// Expire ends an act that nobody decided: the timer's road.
func (s *Service) Expire(ctx context.Context, actID string) error { return s.timed(ctx, actID, Due{}) }

// WipePaper forgets a temporary password that nobody printed: the timer's road.
func (s *Service) WipePaper(ctx context.Context, actID string) error {
	return s.timed(ctx, actID, PaperDue{})
}

func (s *Service) timed(ctx context.Context, actID string, e Event) error {
	err := s.Cases.DecideAtDesk(ctx, bySystem, Asked{Act: actID}, func(seen Seen) (Outcome, error) { return s.moved(seen, e) })
	if fault.Is(err, fault.Conflict) || fault.Is(err, fault.NotFound) {
		return nil // decided meanwhile
	}
	return err
}

// Why says why a second operator refused.
type Why string

// The reasons of a refusal.
const (
	WhyDocument Why = "document" // the document does not fit the person
	WhyPressure Why = "pressure" // somebody presses or dictates
	WhyDoubt    Why = "doubt"
	WhyMistake  Why = "mistake" // the wrong act, or the wrong person
)

// Whys lists them in the order of the form.
func Whys() []Why { return []Why{WhyDocument, WhyPressure, WhyDoubt, WhyMistake} }

// Known tells whether it is one of Whys.
func (w Why) Known() bool { return slices.Contains(Whys(), w) }

package campaign

import (
	"context"
	"time"
)

// weeksShown is how far back the counters look.
const weeksShown = 12

// Monday is the beginning of the week of a moment in the zone of the rules.
func (s *Service) Monday(t time.Time) time.Time {
	t = t.In(s.Policy.Location())
	back := (int(t.Weekday()) + 6) % 7
	return time.Date(t.Year(), t.Month(), t.Day()-back, 0, 0, 0, 0, t.Location())
}

// Visit counts a visit of the landing for a placement. Of the visitor nothing is known here, and nothing is kept.
func (s *Service) Visit(ctx context.Context, code string) error {
	const longestCode = 12
	if code == "" || len(code) > longestCode {
		return nil
	}
	return s.Store.CountVisit(ctx, code, s.Monday(s.Now()))
}

// weeks are the Mondays of the weeks shown, oldest first.
func (s *Service) weeks() []time.Time {
	this := s.Monday(s.Now())
	out := make([]time.Time, weeksShown)
	for i := range out {
		out[i] = time.Date(this.Year(), this.Month(), this.Day()-7*(weeksShown-1-i), 0, 0, 0, 0, this.Location())
	}
	return out
}

// Counts are the counters of a campaign.
type Counts struct {
	Visits       []Visits
	Appointments []Week // of the whole service
}

// Counters reads visits by placement, and appointments by week.
func (s *Service) Counters(ctx context.Context, campaign string) (Counts, error) {
	var out Counts
	var err error
	if out.Visits, err = s.Store.VisitsOf(ctx, campaign, s.weeks()); err != nil {
		return out, err
	}
	out.Appointments, err = s.Store.Appointments(ctx, s.weeks())
	return out, err
}

// Shown is a count as it may be shown: ok is false when it is too small to be told.
func (s *Service) Shown(n int) (count int, ok bool) {
	if n < s.Policy.CountFloor {
		return 0, false
	}
	return n, true
}

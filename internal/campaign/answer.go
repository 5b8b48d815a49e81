package campaign

import (
	"context"
	"errors"
	"net/url"
	"strings"
	"time"
	"unicode/utf8"

	"doverie/internal/effect"
	"doverie/internal/fault"
	"doverie/internal/secret"
)

// Bounds of an answer.
const (
	placeMost      = 300 // letters
	linkMost       = 500
	placementsMost = 40 // of one organisation
)

// LinkPath begins the address of a recipient's page.
const LinkPath = "/outreach/letters/"

// linkPurpose separates these links from every other text the server signs.
const linkPurpose = "campaign recipient"

// Link is the path of the recipient's page, signed until the organisation's link expires.
func (s *Service) Link(r Recipient) string {
	return LinkPath + s.Keys.Sign(linkPurpose, []byte(r.ID), r.ExpiresAt)
}

// Open reads whose page a link leads to. A link that is altered or cut off is not found; one that has expired is refused.
func (s *Service) Open(ctx context.Context, token string) (Campaign, Recipient, error) {
	id, err := s.Keys.Verify(linkPurpose, token, s.Now())
	switch {
	case errors.Is(err, secret.ErrExpired):
		return Campaign{}, Recipient{}, fault.New(fault.Refused, "fault.campaign.link_over", nil)
	case err != nil:
		return Campaign{}, Recipient{}, fault.New(fault.NotFound, "fault.campaign.link", nil)
	}
	r, err := s.Store.Recipient(ctx, string(id))
	if err != nil {
		return Campaign{}, Recipient{}, err
	}
	c, err := s.Store.Campaign(ctx, r.Campaign)
	return c, r, err
}

// MarkOpened notes that a person opened the letter.
func (s *Service) MarkOpened(ctx context.Context, act effect.Act, r Recipient) error {
	after, effects, err := r.Apply(s.now(), LetterOpened{})
	if err != nil || len(effects) == 0 {
		return err
	}
	return s.Store.ChangeRecipients(ctx, act, []Recipient{after}, effects)
}

// Answer is what a recipient typed.
type Answer struct {
	Place string
	Day   string // 2025-12-05
	Link  string
	Photo []byte // the uploaded file; nil: none
}

// Answer takes the report of a placement: where and when, with a link or a photo.
func (s *Service) Answer(ctx context.Context, act effect.Act, r Recipient, a Answer) error {
	p, err := s.placement(r, a)
	if err != nil {
		return err
	}
	var photo []byte
	if len(a.Photo) > 0 {
		if photo, err = s.redraw(ctx, a.Photo); err != nil {
			return err
		}
		if p.Photo, err = newID(); err != nil {
			return err
		}
	}
	after, effects, err := r.Apply(s.now(), PlacementReported{Placement: p})
	if err != nil {
		return err
	}
	return s.Store.Report(ctx, act, after, p, photo, placementsMost, effects)
}

// placement checks what was typed and names every wrong field.
func (s *Service) placement(r Recipient, a Answer) (Placement, error) {
	p := Placement{Recipient: r.ID, Place: strings.Join(strings.Fields(a.Place), " "), Link: strings.TrimSpace(a.Link), CreatedAt: s.now()}
	var wrong []fault.Field
	bad := func(name, key string, args fault.Args) {
		wrong = append(wrong, fault.Field{Name: name, Key: key, Args: args})
	}
	switch {
	case p.Place == "":
		bad("place", "outreach.field.missing", nil)
	case utf8.RuneCountInString(p.Place) > placeMost:
		bad("place", "outreach.field.long", fault.Args{"Limit": placeMost})
	}
	today := s.Now().In(s.Policy.Location()).Format(time.DateOnly)
	day, err := time.Parse(time.DateOnly, strings.TrimSpace(a.Day))
	switch {
	case strings.TrimSpace(a.Day) == "":
		bad("day", "outreach.field.missing", nil)
	case err != nil || day.Year() < 2020:
		bad("day", "campaign.field.day", nil)
	case day.Format(time.DateOnly) > today:
		bad("day", "campaign.field.future", nil)
	}
	p.Day = day
	switch {
	case p.Link == "" && len(a.Photo) == 0:
		bad("link", "campaign.field.proof", nil)
	case p.Link != "" && !isPage(p.Link):
		bad("link", "campaign.field.link", fault.Args{"Limit": linkMost})
	}
	if len(wrong) > 0 {
		return p, fault.BadFields(wrong...)
	}
	p.ID, err = newID()
	return p, err
}

// isPage reports whether a text is the address of a page on the web.
func isPage(link string) bool {
	u, err := url.Parse(link)
	return err == nil && len(link) <= linkMost && (u.Scheme == "https" || u.Scheme == "http") && u.Hostname() != "" && u.User == nil &&
		!strings.ContainsAny(link, " \t\r\n\"<>")
}

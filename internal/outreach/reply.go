package outreach

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"doverie/internal/fault"
	"doverie/internal/outreach/sheet"
)

// Placed is one placement as a reply lists it.
type Placed struct {
	Organisation string // empty in an organisation's own reply
	Place        string
	Day          time.Time
	Link         string // may be empty
	Photo        bool
}

// Standing is what a reply of the ministry tells of a campaign.
type Standing struct {
	Sent, Opened, Answered int
	Placed                 []Placed
}

// ReplyTo is whom the ministry answers, and under which number and date.
type ReplyTo struct {
	Name, Position, Head, Salutation string // the name is needed, the others may be empty
	TheirNumber, TheirDate           string
	Number, Date                     string // of the reply itself; may be empty: written in by hand
}

// MakeSummary makes the ministry's reply: how the campaign stands, and where the materials hang.
func (s *Source) MakeSummary(l Letter, to ReplyTo, st Standing, day time.Time) ([]byte, error) {
	if err := to.check(); err != nil {
		return nil, err
	}
	fill := strings.NewReplacer("{day}", russianDay(day), "{sent}", strconv.Itoa(st.Sent), "{opened}", strconv.Itoa(st.Opened), "{answered}", strconv.Itoa(st.Answered))
	l.Subject, l.Body = s.Reply.Subject, append(filled(fill, s.Reply.Summary), s.placements(st.Placed)...)
	l.Number, l.Date = orBlank(to.Number, s.Reply.Blank), orBlank(to.Date, s.Reply.Blank)
	return s.reply(l, Organisation{
		Name: to.Name, Position: to.Position, Head: to.Head, Salutation: to.Salutation, TheirNumber: to.TheirNumber, TheirDate: to.TheirDate,
	}, day)
}

// MakeOwnReply makes an organisation's reply to the letter it got; number, date and signature are written in by hand.
func (s *Source) MakeOwnReply(l Letter, n int, from Organisation, placed []Placed, day time.Time) ([]byte, error) {
	fill := strings.NewReplacer("{date}", l.Date, "{number}", l.NumberOf(n))
	own := Letter{
		Letterhead: []string{from.Name}, Number: s.Reply.Blank, Date: s.Reply.Blank, Subject: s.Reply.Subject,
		Body: append(filled(fill, s.Reply.Own), s.placements(placed)...), Position: s.Reply.Position, Signer: s.Reply.Blank,
	}
	return s.reply(own, Organisation{Name: strings.Join(l.Letterhead, " "), TheirNumber: l.NumberOf(n), TheirDate: l.Date}, day)
}

func (s *Source) reply(l Letter, to Organisation, day time.Time) ([]byte, error) {
	p := letterPages{flow: newFlow(l.Subject, 28, 15)}
	p.heads(l, l.Number, []Organisation{to})
	p.body(l, []Organisation{to})
	p.signature(l)
	return sheet.PDF(p.flow.sheets, sheet.Print{Title: l.Subject, Author: strings.Join(l.Letterhead, " "), Lang: "ru-RU", Date: day})
}

// placements lists where the materials hang. Letters that the font lacks are left out: what people typed must not stop a letter.
func (s *Source) placements(all []Placed) []string {
	if len(all) == 0 {
		return []string{s.Reply.None}
	}
	out := []string{s.Reply.List}
	for i, p := range all {
		line := strconv.Itoa(i+1) + ". "
		if p.Organisation != "" {
			line += p.Organisation + ": "
		}
		parts := []string{p.Place, russianDay(p.Day)}
		if p.Link != "" {
			parts = append(parts, p.Link)
		}
		if p.Photo {
			parts = append(parts, s.Reply.Photo)
		}
		out = append(out, printable(line+strings.Join(parts, ", ")+";"))
	}
	out[len(out)-1] = strings.TrimSuffix(out[len(out)-1], ";") + "."
	return out
}

func printable(text string) string {
	missing := sheet.Unprintable(text)
	return strings.Map(func(r rune) rune {
		if strings.ContainsRune(missing, r) {
			return -1
		}
		return r
	}, text)
}

func filled(fill *strings.Replacer, texts []string) []string {
	out := slices.Clone(texts)
	for i, t := range out {
		out[i] = fill.Replace(t)
	}
	return out
}

func orBlank(text, blank string) string {
	if strings.TrimSpace(text) == "" {
		return blank
	}
	return text
}

func russianDay(t time.Time) string { return fmt.Sprintf("%02d.%02d.%d", t.Day(), t.Month(), t.Year()) }

// check names every wrong field of the addressee.
func (to ReplyTo) check() error {
	var wrong []fault.Field
	for _, f := range []struct{ name, text string }{
		{"to_name", to.Name}, {"to_position", to.Position}, {"to_head", to.Head}, {"to_salutation", to.Salutation}, {"their_number", to.TheirNumber}, {"number", to.Number},
	} {
		switch {
		case f.name == "to_name" && strings.TrimSpace(f.text) == "":
			wrong = append(wrong, fault.Field{Name: f.name, Key: "outreach.field.missing"})
		case len([]rune(f.text)) > nameMost:
			wrong = append(wrong, fault.Field{Name: f.name, Key: "outreach.field.long", Args: fault.Args{"Limit": nameMost}})
		case sheet.Unprintable(f.text) != "":
			wrong = append(wrong, fault.Field{Name: f.name, Key: "outreach.field.letters", Args: fault.Args{"Letters": sheet.Unprintable(f.text)}})
		}
	}
	if to.TheirDate != "" && !datePattern.MatchString(to.TheirDate) || to.TheirDate == "" && to.TheirNumber != "" {
		wrong = append(wrong, fault.Field{Name: "their_date", Key: "outreach.field.date"})
	}
	if to.Date != "" && !datePattern.MatchString(to.Date) {
		wrong = append(wrong, fault.Field{Name: "date", Key: "outreach.field.date"})
	}
	if len(wrong) > 0 {
		return fault.BadFields(wrong...)
	}
	return nil
}

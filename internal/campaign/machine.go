package campaign

import (
	"strconv"
	"time"

	"doverie/internal/effect"
	"doverie/internal/fault"
)

// event is what happens to an organisation of a campaign.
type event interface{ campaignEvent() }

type (
	// LetterSent puts the letter into the outbox; Life is that of its link.
	LetterSent struct{ Life time.Duration }
	// LetterOpened is the recipient's button on the page of the link.
	LetterOpened struct{}
	// PlacementReported is an answer.
	PlacementReported struct{ Placement Placement }
)

func (LetterSent) campaignEvent()        {}
func (LetterOpened) campaignEvent()      {}
func (PlacementReported) campaignEvent() {}

// Timers of a campaign; the object is its id.
const (
	TimerSend = "campaign.send"
	TimerKits = "campaign.kits"
)

// MessageLetter is the kind of the message that carries a covering letter.
const MessageLetter = "outreach.letter"

// Apply decides what an event makes of an organisation. An event that its state does not know is a Conflict.
func (r Recipient) Apply(now time.Time, e event) (Recipient, []effect.Effect, error) {
	record := func(kind string, facts map[string]string) []effect.Effect {
		return []effect.Effect{effect.Record{Kind: kind, Object: "recipient:" + r.ID, Facts: facts}}
	}
	switch e := e.(type) {
	case LetterSent:
		r.Letters++
		r.SentAt, r.ExpiresAt, r.Delivery, r.SettledAt = now, now.Add(e.Life), NotYet, time.Time{}
		if r.State == Listed {
			r.State = Sent
		}
		return r, record("campaign.letter_sent", map[string]string{"letter": strconv.Itoa(r.N + 1)}), nil
	case LetterOpened:
		switch r.State {
		case Sent:
			r.State, r.OpenedAt = Opened, now
			return r, record("campaign.letter_opened", nil), nil
		case Opened, Answered:
			return r, nil, nil // pressed again: nothing new
		case Listed:
		}
	case PlacementReported:
		switch r.State {
		case Sent, Opened, Answered:
			r.State = Answered
			if r.OpenedAt.IsZero() {
				r.OpenedAt = now
			}
			if r.AnsweredAt.IsZero() {
				r.AnsweredAt = now
			}
			return r, record("campaign.answered", nil), nil
		case Listed:
		}
	}
	return r, nil, fault.New(fault.Conflict, "fault.campaign.state", nil)
}

// messageKey names one sending of one letter, for the outbox and for what becomes of it.
func (r Recipient) messageKey() string { return MessageKey(r.ID, r.Letters) }

// MessageKey names the n-th sending of an organisation's letter.
func MessageKey(recipient string, n int) string {
	return "campaign:" + recipient + ":" + strconv.Itoa(n)
}

package i18n

import (
	"fmt"
	"strings"
	"time"
)

// Date prints the day with its year: «21 ноября 2026», "21 November 2026".
func (p *Printer) Date(t time.Time) string {
	t = t.In(p.zone)
	return p.Civil(t.Year(), t.Month(), t.Day())
}

// Civil prints a civil date, such as a birthday, which has no zone.
func (p *Printer) Civil(year int, month time.Month, day int) string {
	return fmt.Sprintf("%d\u00a0%s %d", day, p.month(month), year)
}

// Day prints the day without its year: «21 ноября».
func (p *Printer) Day(t time.Time) string {
	t = t.In(p.zone)
	return fmt.Sprintf("%d\u00a0%s", t.Day(), p.month(t.Month()))
}

// Clock prints the time of day: «19:05».
func (p *Printer) Clock(t time.Time) string { return t.In(p.zone).Format("15:04") }

// DateTime prints «21 ноября, 19:05»: the form for what happens within weeks.
func (p *Printer) DateTime(t time.Time) string { return p.Day(t) + ", " + p.Clock(t) }

// FullDateTime adds the year, for history: «21 ноября 2026, 19:05».
func (p *Printer) FullDateTime(t time.Time) string { return p.Date(t) + ", " + p.Clock(t) }

// DateTimeZone adds the zone in words, for deadlines: «24 ноября, 19:05 по московскому времени».
func (p *Printer) DateTimeZone(t time.Time) string { return p.DateTime(t) + " " + p.zoneName(t) }

func (p *Printer) zoneName(t time.Time) string {
	if p.zone.String() == "Europe/Moscow" {
		return p.T("time.zone.moscow")
	}
	return t.In(p.zone).Format("UTC-07:00")
}

func (p *Printer) month(m time.Month) string {
	return p.T("time.month." + strings.ToLower(m.String()[:3]))
}

// The grammatical case of a length of time. English has one for all.
const (
	nominative = "nom" // «1 минута», «5 минут»
	accusative = "acc" // «через 1 минуту»
	genitive   = "gen" // «в течение 1 минуты»
)

// Duration prints a length of time in words: «72 часа», «5 минут», «1 час 30 минут». It is rounded up to a
// whole second, so that a person is never told less time than there is to wait.
func (p *Printer) Duration(d time.Duration) string { return p.words(d, nominative) }

// In prints «через 5 минут», "in 5 minutes".
func (p *Printer) In(d time.Duration) string {
	return p.T("time.in", "Time", p.words(d, accusative))
}

// For prints «на 72 часа», "for 72 hours".
func (p *Printer) For(d time.Duration) string {
	return p.T("time.for", "Time", p.words(d, accusative))
}

// Within prints «в течение 72 часов», "within 72 hours".
func (p *Printer) Within(d time.Duration) string {
	return p.T("time.within", "Time", p.words(d, genitive))
}

// Ago prints «5 минут назад», "5 minutes ago"; less than a minute is «только что», "just now".
func (p *Printer) Ago(d time.Duration) string {
	if d < time.Minute {
		return p.T("time.just_now")
	}
	if d >= time.Hour {
		d = d.Truncate(time.Hour)
	}
	if d > 72*time.Hour {
		d = d.Truncate(24 * time.Hour)
	}
	return p.T("time.ago", "Time", p.words(d.Truncate(time.Minute), accusative))
}

// words shows at most two units: days only above 72 hours, because the rules speak of «72 часа».
func (p *Printer) words(d time.Duration, grammar string) string {
	const day = 24 * time.Hour
	if d < 0 {
		d = 0
	}
	seconds := (d + time.Second - 1).Truncate(time.Second)
	if seconds > 2*time.Minute { // minutes are near enough, rounded up
		seconds = (seconds + time.Minute - 1).Truncate(time.Minute)
	}
	var parts []string
	add := func(unit string, n int64) {
		if n > 0 && len(parts) < 2 {
			parts = append(parts, p.N("time."+grammar+"."+unit, int(n)))
		}
	}
	if seconds > 72*time.Hour {
		add("days", int64(seconds/day))
		seconds %= day
	}
	add("hours", int64(seconds/time.Hour))
	add("minutes", int64(seconds%time.Hour/time.Minute))
	add("seconds", int64(seconds%time.Minute/time.Second))
	if len(parts) == 0 {
		return p.N("time."+grammar+".seconds", 0)
	}
	return strings.Join(parts, " ")
}

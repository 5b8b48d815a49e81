package account

import (
	"fmt"
	"time"
)

// Date is a civil date without time or zone. The zero Date means "not known".
type Date struct {
	Year  int
	Month time.Month
	Day   int
}

// ParseDate reads "2006-01-02" or the Russian "02.01.2006"; a day that does not exist is an error.
func ParseDate(text string) (Date, error) {
	for _, layout := range []string{time.DateOnly, "02.01.2006"} {
		if t, err := time.Parse(layout, text); err == nil {
			return DateOf(t), nil
		}
	}
	return Date{}, fmt.Errorf("date %q is neither 2006-01-02 nor 02.01.2006, or does not exist", text)
}

// DateOf is the civil date of an instant in that instant's own zone.
func DateOf(t time.Time) Date {
	y, m, d := t.Date()
	return Date{y, m, d}
}

// IsZero reports whether the date is not known.
func (d Date) IsZero() bool { return d == Date{} }

// String is the ISO 8601 form, or "" when not known.
func (d Date) String() string {
	if d.IsZero() {
		return ""
	}
	return fmt.Sprintf("%04d-%02d-%02d", d.Year, d.Month, d.Day)
}

// Before reports whether d is an earlier day than e.
func (d Date) Before(e Date) bool {
	if d.Year != e.Year {
		return d.Year < e.Year
	}
	if d.Month != e.Month {
		return d.Month < e.Month
	}
	return d.Day < e.Day
}

// Age counts full years in civil dates of the zone (DOMAIN §2). The birthday itself counts;
// somebody born on 29 February has it on 1 March in common years. Not known, or in the future: -1.
func Age(birth Date, now time.Time, zone *time.Location) int {
	today := DateOf(now.In(zone))
	if birth.IsZero() || today.Before(birth) {
		return -1
	}
	years := today.Year - birth.Year
	// In a common year 28 February is before, and 1 March after, "29 February" of that year.
	if today.Before(Date{today.Year, birth.Month, birth.Day}) {
		years--
	}
	return years
}

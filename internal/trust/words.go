package trust

import (
	"strconv"
	"time"

	"doverie/internal/fault"
)

// rfc prints a moment for a message argument; the text formats it for its reader.
func rfc(t time.Time) string { return t.UTC().Format(time.RFC3339) }

func itoa(n int64) string { return strconv.FormatInt(n, 10) }

// NotEligible is the refusal that names every reason, to the person they concern.
func NotEligible(reasons []Reason) *fault.Error {
	fields := make([]fault.Field, 0, len(reasons))
	for _, r := range reasons {
		fields = append(fields, fault.Field{Name: "eligibility", Key: "reason." + string(r)})
	}
	return &fault.Error{Kind: fault.Refused, Key: "fault.trust.not_eligible", Fields: fields}
}

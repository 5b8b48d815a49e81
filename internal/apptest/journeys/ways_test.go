package journeys

import "testing"

// twice walks a journey in two ways that together have both languages, both engines, and scripts on and off.
func twice(t *testing.T, journey func(s *stage)) {
	t.Helper()
	walk(t, []way{{"ru", false, "sqlite"}, {"en", true, "postgres"}}, journey)
}

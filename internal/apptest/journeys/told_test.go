package journeys

import (
	"doverie/internal/account"
	"doverie/internal/notify"
)

// told fails unless so many messages of a kind came to every one of these phones and mailboxes.
func (s *stage) told(kind notify.Kind, want int, addresses ...string) {
	s.t.Helper()
	for _, address := range addresses {
		if got := s.Count(address, kind); got != want {
			s.t.Errorf("%s came to %s %d times, want %d", kind, address, got, want)
		}
	}
}

// reach is where messages find somebody: his phone, and his mailbox if he has one.
func reach(who account.Account) []string {
	if who.Email == "" {
		return []string{who.Phone}
	}
	return []string{who.Phone, who.Email}
}

package trust

import (
	"context"
	"time"
)

// Freezing is what the owner of a frozen account is told of the freeze and of the way out of it.
type Freezing struct {
	Now      time.Time
	Since    time.Time // zero: the account is not frozen
	Contacts []string  // first names of who can lift it together with the owner; none: the owner alone
	Alone    time.Time // from when the owner alone can lift it; zero when there are contacts
}

// Freezing reads how the account's freeze stands, for its own page.
func (s *Protect) Freezing(ctx context.Context, account string) (Freezing, error) {
	c, err := s.Circles.Look(ctx, Around{Principal: account})
	if err != nil {
		return Freezing{}, err
	}
	f := Freezing{Now: c.Now, Since: c.FrozenAt}
	for _, g := range c.Guardians {
		f.Contacts = append(f.Contacts, g.Contact.Given)
	}
	if !f.Since.IsZero() && len(f.Contacts) == 0 {
		f.Alone = f.Since.Add(s.Policy.UnfreezeAlone)
	}
	return f, nil
}

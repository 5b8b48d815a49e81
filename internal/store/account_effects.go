package store

import (
	"context"
	"fmt"
	"time"

	"doverie/internal/effect"
	"doverie/internal/fault"
)

// applyAccountEffect does what a decision wants done to an account: password, sessions, lock,
// freeze, hold, pending changes, confirmed phone. An effect nobody knows is our own failure, and
// the whole commit is refused.
func applyAccountEffect(ctx context.Context, tx *Tx, now time.Time, e effect.Effect) error {
	return fault.New(fault.Internal, "fault.internal", nil).Because(fmt.Errorf("store: effect %T has no implementation", e))
}

package web

import (
	"context"

	"doverie/internal/effect"
	"doverie/internal/secret"
	"doverie/internal/ui"
)

// Deliveries tells what has become of the message with the newest code of a purpose for an object.
type Deliveries interface {
	CodeDelivery(ctx context.Context, purpose secret.Purpose, bound string) effect.Delivery
}

// arrivals is the part of a page family that shows whether a code has arrived. It is shown to who may know whom the code
// was for: after a right password, to who typed the number himself, or after the contact's yes. Whoever begins a
// recovery is never shown it, because a message to nobody arrives nowhere (I6).
type arrivals struct{ deliveries Deliveries }

// ShowDeliveries makes the pages say what has become of a code. Without it they say nothing.
func (t *arrivals) ShowDeliveries(d Deliveries) { t.deliveries = d }

func (t *arrivals) delivery(ctx context.Context, purpose secret.Purpose, bound string) ui.Delivery {
	return deliveryOf(ctx, t.deliveries, purpose, bound)
}

func deliveryOf(ctx context.Context, of Deliveries, purpose secret.Purpose, bound string) ui.Delivery {
	if of == nil || bound == "" {
		return ui.Delivery{}
	}
	d := of.CodeDelivery(ctx, purpose, bound)
	return ui.Delivery{State: string(d.State), At: d.At}
}

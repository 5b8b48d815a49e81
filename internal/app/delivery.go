package app

import (
	"context"

	"doverie/internal/effect"
	"doverie/internal/secret"
	"doverie/internal/ui"
)

// deliveries tells pages what has become of codes. A page does without it when the database does not say.
type deliveries struct{ app *App }

// CodeDelivery implements web.Deliveries.
func (d deliveries) CodeDelivery(ctx context.Context, purpose secret.Purpose, bound string) effect.Delivery {
	found, err := d.app.Store.CodeDelivery(ctx, string(purpose), bound, d.app.now())
	if err != nil && ctx.Err() == nil {
		d.app.log.ErrorContext(ctx, "delivery", "error", err)
	}
	return found
}

// news are the lines above every page. Late messages are told to everybody alike, so that nobody learns from them
// whether a message of his own is on its way (I6).
func (a *App) news(context.Context, string) []ui.Notice {
	if !a.SMSDelayed() {
		return nil
	}
	return []ui.Notice{{Tone: ui.Warning, Title: ui.K("delivery.delayed.title"), Text: ui.K("delivery.delayed")}}
}

package app

import (
	"context"

	"doverie/internal/notify"
	"doverie/internal/policy"
	"doverie/internal/web"
)

// told is web.SentMessages.
type told struct {
	a      *App
	policy policy.Policy
}

// Sent implements web.SentMessages.
func (t told) Sent(ctx context.Context, account string, skip, limit int) ([]web.SentMessage, error) {
	now := t.a.now()
	list, err := t.a.Store.Told(ctx, account, now.Add(-t.policy.MessagesShown), now, skip, limit)
	out := make([]web.SentMessage, len(list))
	for i, m := range list {
		out[i] = web.SentMessage{Told: m, About: notify.About(notify.Kind(m.Kind), m.AsContact)}
	}
	return out, err
}

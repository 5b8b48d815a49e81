package console

import (
	"context"

	"doverie/internal/store"
)

func (s *office) read(query string, into any, args ...any) error {
	return s.Store.Read(context.Background(), func(ctx context.Context, q store.Querier) error {
		return q.QueryRow(ctx, query, args...).Scan(into)
	})
}

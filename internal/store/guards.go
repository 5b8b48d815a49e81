package store

import (
	"context"
	"database/sql"
	"maps"

	"doverie/internal/effect"
	"doverie/internal/trust"
)

const guardColumns = `account_id, name, state, off_at, version`

func scanGuard(row func(...any) error) (trust.Guard, error) {
	var g trust.Guard
	var off sql.NullInt64
	err := row(&g.Account, &g.Name, &g.State, &off, &g.Version)
	g.OffAt = FromNullMicros(off)
	return g, err
}

func guardsRead(of whose, c *trust.Circle) read {
	return into(&c.Guards, scanGuard, `SELECT `+guardColumns+` FROM guards WHERE account_id = `+of.principal, of.id)
}

func writeGuard(ctx context.Context, tx *Tx, g trust.Guard) error {
	if g.Version == 0 {
		return tx.ExecOne(ctx, `INSERT INTO guards (`+guardColumns+`) VALUES ($1, $2, $3, $4, 1)`,
			g.Account, string(g.Name), string(g.State), NullMicros(g.OffAt))
	}
	return tx.ExecOne(ctx, `UPDATE guards SET state = $3, off_at = $4, version = version + 1 WHERE account_id = $1 AND name = $2 AND version = $5`,
		g.Account, string(g.Name), string(g.State), NullMicros(g.OffAt), g.Version)
}

// keepGuards stops every guard of the account from falling. The timer finds it on, and is done.
func keepGuards(ctx context.Context, tx *Tx, accountID string) error {
	return tx.ExecAny(ctx, `UPDATE guards SET state = 'on', off_at = NULL, version = version + 1
		WHERE account_id = $1 AND state = 'falling'`, accountID)
}

// told is a contact whom a switch of his principal tells of something.
type told struct {
	contact   string
	principal trust.Names
}

// guardiansRead reads whom a switch of a principal tells: nobody while it is off.
func guardiansRead(of whose, guard string, all *[]told) read {
	return into(all, func(row func(...any) error) (t told, err error) {
		err = row(&t.contact, &t.principal.Given, &t.principal.Patronymic)
		return t, err
	}, `SELECT l.contact_id, a.given, a.patronymic FROM links l JOIN accounts a ON a.id = l.principal_id
		WHERE l.principal_id = `+of.principal+` AND l.state IN ('active', 'suspended', 'leaving')
			AND NOT EXISTS (SELECT 1 FROM guards g WHERE g.account_id = l.principal_id AND g.name = $2 AND g.state = 'off')
		ORDER BY l.id`, of.id, guard)
}

// toGuardians turns one notice for all contacts into a message for each of them.
func toGuardians(e effect.TellGuardians, all []told) []effect.Send {
	sends := make([]effect.Send, 0, len(all))
	for _, t := range all {
		args := maps.Clone(e.Args)
		args["first_name"] = t.principal.Polite()
		args["role"] = string(trust.ContactSide)
		sends = append(sends, effect.Send{Kind: e.Kind, To: t.contact, Via: effect.All(), Key: e.Key + ":" + t.contact, Args: args})
	}
	return sends
}

package signals

import "time"

// The types of our tokens: a token of one kind is never taken for one of another (RFC 8725, section 3.11).
const (
	TypeSET    = "secevent+jwt" // RFC 8417, section 2.3
	TypeLogout = "logout+jwt"   // Back-Channel Logout 1.0, section 2.4
)

// logoutLife is how long a logout token may be taken: two minutes, as Back-Channel Logout 1.0, section 2.4, advises.
// Every attempt signs a fresh one under the same jti.
const logoutLife = 2 * time.Minute

// Token gives the type and the claims of the token.
func (d Delivery) Token(issuer string, now time.Time) (typ string, claims map[string]any) {
	if d.Kind == LogoutToken {
		claims = map[string]any{
			"iss": issuer, "aud": d.Client, "iat": now.Unix(), "exp": now.Add(logoutLife).Unix(), "jti": d.ID,
			"sub": d.Subject, "events": map[string]any{string(Logout): map[string]any{}},
		}
		if d.SID != "" {
			claims["sid"] = d.SID
		}
		return TypeLogout, claims
	}
	claims = map[string]any{
		"iss": issuer, "aud": d.Client, "iat": d.At.Unix(), "jti": d.ID,
		"sub_id": d.subject(issuer), "events": map[string]any{string(d.Event): d.body()},
	}
	if d.Txn != "" {
		claims["txn"] = d.Txn
	}
	return TypeSET, claims
}

// subject is the sub_id: the person by issuer and sub (RFC 9493, section 3.2.4), or the stream itself
// (SSF 1.0, section 8.1.4.2).
func (d Delivery) subject(issuer string) map[string]any {
	if d.Subject == "" {
		return map[string]any{"format": "opaque", "id": d.Stream}
	}
	return map[string]any{"format": "iss_sub", "iss": issuer, "sub": d.Subject}
}

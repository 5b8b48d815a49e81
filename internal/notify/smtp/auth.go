package smtp

import (
	"errors"
	"slices"

	wire "github.com/wneessen/go-mail/smtp"
)

var (
	errClearText = errors.New("smtp: the line is not encrypted: no password goes over it")
	errNoMethod  = errors.New("smtp: the server offers none of SCRAM-SHA-256, PLAIN, LOGIN")
)

// login takes the best way of signing in that the server offers, over an encrypted line only.
type login struct {
	user, password, host string
	chosen               wire.Auth
}

// Start implements the library's Auth.
func (l *login) Start(server *wire.ServerInfo) (proto string, toServer []byte, err error) {
	switch {
	case !server.TLS:
		return "", nil, errClearText
	case slices.Contains(server.Auth, "SCRAM-SHA-256"):
		l.chosen = wire.ScramSHA256Auth(l.user, l.password)
	case slices.Contains(server.Auth, "PLAIN"):
		l.chosen = wire.PlainAuth("", l.user, l.password, l.host, false)
	case slices.Contains(server.Auth, "LOGIN"):
		l.chosen = wire.LoginAuth(l.user, l.password, l.host, false)
	default:
		return "", nil, errNoMethod
	}
	return l.chosen.Start(server)
}

// Next implements the library's Auth.
func (l *login) Next(fromServer []byte, more bool) ([]byte, error) {
	return l.chosen.Next(fromServer, more)
}

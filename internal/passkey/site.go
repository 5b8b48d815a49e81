package passkey

import (
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"net/url"
	"strings"

	"github.com/go-webauthn/webauthn/protocol"
	"github.com/go-webauthn/webauthn/webauthn"

	"doverie/internal/session"
)

// Site is the service as a relying party. It is safe for concurrent use.
type Site struct{ of *webauthn.WebAuthn }

var _ session.Ceremonies = (*Site)(nil)

var errNotOffered = errors.New("passkey: not possible at this address")

// New prepares the service at its base URL, with the name that a device shows. An address at which browsers
// refuse passkeys is no error: see Offered.
func New(base *url.URL, name string) (*Site, error) {
	host := base.Hostname()
	if !secure(base) {
		return &Site{}, nil
	}
	of, err := webauthn.New(&webauthn.Config{
		RPID: host, RPDisplayName: name, RPOrigins: []string{base.Scheme + "://" + base.Host},
		AttestationPreference: protocol.PreferNoAttestation,
		AuthenticatorSelection: protocol.AuthenticatorSelection{
			ResidentKey: protocol.ResidentKeyRequirementRequired, RequireResidentKey: protocol.ResidentKeyRequired(),
			UserVerification: protocol.VerificationRequired,
		},
	})
	if err != nil {
		return nil, fmt.Errorf("passkey: %w", err)
	}
	return &Site{of: of}, nil
}

// secure reports whether browsers take the host as a relying party id: a secure context, and no IP address.
func secure(base *url.URL) bool {
	host := base.Hostname()
	if host == "" || net.ParseIP(host) != nil {
		return false
	}
	local := host == "localhost" || strings.HasSuffix(host, ".localhost")
	return base.Scheme == "https" && (local || strings.Contains(host, ".")) || base.Scheme == "http" && local
}

// Offered reports whether passkeys work at this address at all.
func (s *Site) Offered() bool { return s.of != nil }

// owner is a person as the library wants him.
type owner struct {
	session.KeyOwner

	keys []webauthn.Credential
}

func (o owner) WebAuthnID() []byte                         { return []byte(o.ID) }
func (o owner) WebAuthnName() string                       { return o.Name }
func (o owner) WebAuthnDisplayName() string                { return o.Name }
func (o owner) WebAuthnCredentials() []webauthn.Credential { return o.keys }

func descriptors(credentials [][]byte) []protocol.CredentialDescriptor {
	out := make([]protocol.CredentialDescriptor, len(credentials))
	for i, id := range credentials {
		out[i] = protocol.CredentialDescriptor{Type: protocol.PublicKeyCredentialType, CredentialID: id}
	}
	return out
}

// both writes the options for the browser and the state to be kept.
func both(options, state any) (optionsJSON, stateJSON []byte, err error) {
	if optionsJSON, err = json.Marshal(options); err != nil {
		return nil, nil, fmt.Errorf("passkey: %w", err)
	}
	if stateJSON, err = json.Marshal(state); err != nil {
		return nil, nil, fmt.Errorf("passkey: %w", err)
	}
	return optionsJSON, stateJSON, nil
}

// wrong wraps what the library says of an answer that does not fit. Its words are for the log.
func wrong(err error) error {
	if detailed, ok := errors.AsType[*protocol.Error](err); ok {
		return fmt.Errorf("%w: %s: %s", session.ErrWrongKey, detailed.Details, detailed.DevInfo)
	}
	return fmt.Errorf("%w: %w", session.ErrWrongKey, err)
}

// BeginRegistration implements session.Ceremonies: devices that hold one of the excluded credentials refuse to make another.
func (s *Site) BeginRegistration(who session.KeyOwner, excluded [][]byte) (options, state []byte, err error) {
	if s.of == nil {
		return nil, nil, errNotOffered
	}
	creation, data, err := s.of.BeginRegistration(owner{KeyOwner: who}, webauthn.WithExclusions(descriptors(excluded)))
	if err != nil {
		return nil, nil, fmt.Errorf("passkey: begin registration: %w", err)
	}
	return both(creation, data)
}

// FinishRegistration implements session.Ceremonies.
func (s *Site) FinishRegistration(who session.KeyOwner, state, answer []byte) (session.NewKey, error) {
	data, err := s.recall(state)
	if err != nil {
		return session.NewKey{}, err
	}
	parsed, err := protocol.ParseCredentialCreationResponseBytes(answer)
	if err != nil {
		return session.NewKey{}, wrong(err)
	}
	key, err := s.of.CreateCredential(owner{KeyOwner: who}, data, parsed)
	if err != nil {
		return session.NewKey{}, wrong(err)
	}
	record, err := json.Marshal(key)
	if err != nil {
		return session.NewKey{}, fmt.Errorf("passkey: %w", err)
	}
	return session.NewKey{Credential: key.ID, Record: record, SignCount: int64(key.Authenticator.SignCount), Synced: key.Flags.BackupEligible}, nil
}

func (s *Site) recall(state []byte) (data webauthn.SessionData, err error) {
	if s.of == nil {
		return data, errNotOffered
	}
	if err = json.Unmarshal(state, &data); err != nil {
		return data, fmt.Errorf("passkey: kept state: %w", err)
	}
	return data, nil
}

// BeginAssertion implements session.Ceremonies. Without credentials the person says by his key who he is.
func (s *Site) BeginAssertion(who session.KeyOwner, allowed [][]byte) (options, state []byte, err error) {
	if s.of == nil {
		return nil, nil, errNotOffered
	}
	if who.ID == "" {
		assertion, data, err := s.of.BeginDiscoverableLogin()
		if err != nil {
			return nil, nil, fmt.Errorf("passkey: begin: %w", err)
		}
		return both(assertion, data)
	}
	keys := make([]webauthn.Credential, len(allowed))
	for i, id := range allowed {
		keys[i].ID = id
	}
	assertion, data, err := s.of.BeginLogin(owner{KeyOwner: who, keys: keys})
	if err != nil {
		return nil, nil, fmt.Errorf("passkey: begin: %w", err)
	}
	// Which of the allowed keys still exist is judged when one is used; a key removed meanwhile must not spoil the others.
	data.AllowedCredentialIDs = nil
	return both(assertion, data)
}

// CredentialOf implements session.Ceremonies: it reads and proves nothing.
func (s *Site) CredentialOf(answer []byte) ([]byte, error) {
	parsed, err := protocol.ParseCredentialRequestResponseBytes(answer)
	if err != nil {
		return nil, wrong(err)
	}
	return parsed.RawID, nil
}

// FinishAssertion implements session.Ceremonies.
func (s *Site) FinishAssertion(who session.KeyOwner, state, record, answer []byte) (session.Assertion, error) {
	data, err := s.recall(state)
	if err != nil {
		return session.Assertion{}, err
	}
	var key webauthn.Credential
	if err = json.Unmarshal(record, &key); err != nil {
		return session.Assertion{}, fmt.Errorf("passkey: kept key: %w", err)
	}
	parsed, err := protocol.ParseCredentialRequestResponseBytes(answer)
	if err != nil {
		return session.Assertion{}, wrong(err)
	}
	flag := parsed.Response.AuthenticatorData.Flags.HasBackupEligible()
	flipped := key.Flags.BackupEligible != flag
	key.Flags.BackupEligible, key.Authenticator.CloneWarning = flag, false
	used, err := s.check(owner{KeyOwner: who, keys: []webauthn.Credential{key}}, data, parsed)
	if err != nil {
		return session.Assertion{}, wrong(err)
	}
	copied := used.Authenticator.CloneWarning
	out, err := json.Marshal(used)
	if err != nil {
		return session.Assertion{}, fmt.Errorf("passkey: %w", err)
	}
	return session.Assertion{Record: out, SignCount: int64(used.Authenticator.SignCount), Synced: flag, Flipped: flipped, Copied: copied}, nil
}

// check verifies an assertion in the way it was begun: with the person named, or not.
func (s *Site) check(who owner, data webauthn.SessionData, parsed *protocol.ParsedCredentialAssertionData) (*webauthn.Credential, error) {
	if len(data.UserID) > 0 {
		return s.of.ValidateLogin(who, data, parsed)
	}
	_, used, err := s.of.ValidatePasskeyLogin(func(_, _ []byte) (webauthn.User, error) { return who, nil }, data, parsed)
	return used, err
}

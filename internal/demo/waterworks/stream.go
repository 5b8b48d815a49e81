package waterworks

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"time"

	"golang.org/x/oauth2/clientcredentials"
)

// tryAgain is how soon the site asks again for its stream: the service may not be there yet.
const tryAgain = 2 * time.Second

// Run makes the site's stream of signals, and says where they are to be pushed. It returns when that is done, or when
// ctx ends.
func (s *Site) Run(ctx context.Context) {
	for {
		err := s.listen(ctx)
		if err == nil || ctx.Err() != nil {
			return
		}
		s.c.Log.InfoContext(ctx, "waterworks: no stream of signals yet", "error", err)
		t := time.NewTimer(tryAgain)
		select {
		case <-ctx.Done():
			t.Stop()
			return
		case <-t.C:
		}
	}
}

// transmitter is what a receiver needs of the metadata (OpenID SSF 1.0, section 7.1).
type transmitter struct {
	Issuer  string `json:"issuer"`
	Streams string `json:"configuration_endpoint"`
	Verify  string `json:"verification_endpoint"`
}

var errStream = errors.New("waterworks: the transmitter refuses")

// listen creates the stream, or gives the one that is there this start's secret, and asks for a verification.
func (s *Site) listen(ctx context.Context) error {
	p, err := s.service(ctx)
	if err != nil {
		return err
	}
	own := clientcredentials.Config{
		ClientID: s.c.ClientID, ClientSecret: s.c.Secret, TokenURL: p.Endpoint().TokenURL, Scopes: []string{"ssf.manage"}, AuthStyle: s.client(p).Endpoint.AuthStyle,
	}
	call := own.Client(ctx)
	var meta transmitter
	if err := ask(ctx, call, http.MethodGet, s.c.Issuer+"/.well-known/ssf-configuration", nil, &meta); err != nil {
		return err
	}
	if meta.Issuer != s.c.Issuer {
		return errStream
	}
	var there []struct {
		ID string `json:"stream_id"`
	}
	if err := ask(ctx, call, http.MethodGet, meta.Streams, nil, &there); err != nil {
		return err
	}
	in := map[string]any{
		"description": "waterworks",
		"delivery":    map[string]string{"method": "urn:ietf:rfc:8935", "endpoint_url": s.c.Address + signalsPath, "authorization_header": s.push},
	}
	method := http.MethodPost
	if len(there) > 0 {
		method, in["stream_id"] = http.MethodPut, there[0].ID
	}
	var made struct {
		ID string `json:"stream_id"`
	}
	if err := ask(ctx, call, method, meta.Streams, in, &made); err != nil {
		return err
	}
	return ask(ctx, call, http.MethodPost, meta.Verify, map[string]string{"stream_id": made.ID, "state": "hello"}, nil)
}

// ask sends one request of JSON and reads the answer into out, which may be nil.
func ask(ctx context.Context, client *http.Client, method, address string, in, out any) error {
	var body io.Reader
	if in != nil {
		text, err := json.Marshal(in)
		if err != nil {
			return fmt.Errorf("waterworks: %w", err)
		}
		body = bytes.NewReader(text)
	}
	r, err := http.NewRequestWithContext(ctx, method, address, body)
	if err != nil {
		return fmt.Errorf("waterworks: %w", err)
	}
	r.Header.Set("Content-Type", "application/json")
	answer, err := client.Do(r)
	if err != nil {
		return fmt.Errorf("waterworks: %w", err)
	}
	defer answer.Body.Close()
	text, err := io.ReadAll(io.LimitReader(answer.Body, maxBody))
	if err != nil {
		return fmt.Errorf("waterworks: %w", err)
	}
	if answer.StatusCode >= http.StatusMultipleChoices {
		return fmt.Errorf("%w: %s %s: %d", errStream, method, address, answer.StatusCode)
	}
	if out == nil {
		return nil
	}
	if err := json.Unmarshal(text, out); err != nil {
		return fmt.Errorf("waterworks: %w", err)
	}
	return nil
}

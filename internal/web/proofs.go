package web

import (
	"context"
	"encoding/json"
	"net/http"
	"strconv"
	"time"

	"doverie/internal/httpx"
	"doverie/internal/notary"
	"doverie/internal/ui"
)

const pathProofs = "/settings/safety/events/proofs"

// provenAtOnce is how many events one file holds; older ones are asked for with ?before=.
const provenAtOnce = 500

// Proofs gives a person his own history as a file that proves itself.
type Proofs struct {
	kit *httpx.Kit
	of  ProvenHistories
	key string // public key of the checkpoints
	now func() time.Time
}

// ProvenHistories reads what Proofs needs. The store has it.
type ProvenHistories interface {
	Histories
	Standing(ctx context.Context) (notary.Standing, error)
	ProvenHistory(ctx context.Context, account string, size, before int64, limit int) ([]notary.Proven, error)
}

// NewProofs prepares the pages.
func NewProofs(kit *httpx.Kit, of ProvenHistories, key string, now func() time.Time) *Proofs {
	return &Proofs{kit: kit, of: of, key: key, now: now}
}

// Mount adds the pages. The file holds the whole history: it is given after password and code were proved again, like
// the other file with everything.
func (p *Proofs) Mount(mux *http.ServeMux, citizens *httpx.Gate) {
	stepUp := func(h httpx.Handler) http.Handler { return p.kit.Handle(citizens.RequireStepUp(h)) }
	mux.Handle("GET "+pathProofs, stepUp(p.offer))
	mux.Handle("GET "+pathProofs+"/file", stepUp(p.download))
}

func (p *Proofs) offer(w http.ResponseWriter, r *http.Request) error {
	standing, err := p.of.Standing(r.Context())
	if err != nil {
		return err
	}
	newest, err := p.of.History(r.Context(), httpx.VisitorOf(r).Account, 0, 1)
	if err != nil {
		return err
	}
	page := ui.HistoryProofs{Key: p.key, SignedAt: standing.SignedAt, Ready: standing.Signed > 0}
	page.Newer = len(newest) > 0 && newest[0].Seq > standing.Signed
	return p.kit.Page(w, r, page, httpx.Section(pathEvents))
}

func (p *Proofs) download(w http.ResponseWriter, r *http.Request) error {
	before, err := strconv.ParseInt(r.URL.Query().Get("before"), 10, 64)
	if err != nil || before < 0 {
		before = 0 // from the newest
	}
	file, err := p.gather(r.Context(), httpx.VisitorOf(r).Account, before)
	if err != nil {
		return err
	}
	body, err := json.MarshalIndent(file, "", " ")
	if err != nil {
		return err
	}
	h := w.Header()
	h.Set("Content-Type", "application/json; charset=utf-8")
	h.Set("Content-Disposition", `attachment; filename="doverie-history-`+file.MadeAt.Format(time.DateOnly)+`.json"`)
	h.Set("Cache-Control", "no-store")
	_, err = w.Write(append(body, '\n'))
	return err
}

func (p *Proofs) gather(ctx context.Context, account string, before int64) (notary.History, error) {
	standing, err := p.of.Standing(ctx)
	if err != nil {
		return notary.History{}, err
	}
	file := notary.History{
		Format: notary.HistoryFormat, Account: account, MadeAt: p.now().UTC(), Key: p.key, Checkpoint: string(standing.Note), Events: []notary.HistoryItem{},
	}
	newest, err := p.of.History(ctx, account, 0, 1)
	if err != nil {
		return file, err
	}
	file.Newer = len(newest) > 0 && newest[0].Seq > standing.Signed
	if standing.Signed == 0 {
		return file, nil
	}
	events, err := p.of.ProvenHistory(ctx, account, standing.Signed, before, provenAtOnce+1)
	if err != nil {
		return file, err
	}
	if len(events) > provenAtOnce {
		events = events[:provenAtOnce]
		file.Older = events[provenAtOnce-1].Seq
	}
	for _, e := range events {
		file.Events = append(file.Events, notary.HistoryItem{Fields: e.Show(e.Salt, notary.MayRead(e.Event, account)), Proof: e.Proof})
	}
	return file, nil
}

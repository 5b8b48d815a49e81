package web

import (
	"archive/zip"
	"context"
	"fmt"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"

	"doverie/internal/campaign"
	"doverie/internal/effect"
	"doverie/internal/fault"
	"doverie/internal/httpx"
	"doverie/internal/outreach"
	"doverie/internal/ui"
)

// The addresses of the campaign's staff.
const (
	pathOutreach  = "/outreach"
	pathCampaigns = "/outreach/campaigns"
)

// maxRegister bounds an uploaded register, in bytes: twenty thousand organisations fit.
const maxRegister = 16 << 20

// Campaigns are the pages of the information campaign's staff.
type Campaigns struct {
	Kit *httpx.Kit
	Of  *campaign.Service
}

// Mount puts the pages on the mux. Everything needs the right of the campaign's staff; letters go out after the repeated check.
func (p Campaigns) Mount(mux *http.ServeMux, citizens *httpx.Gate) {
	staff := func(h httpx.Handler) http.Handler { return p.Kit.Handle(citizens.RequireSession(p.staff(h))) }
	stepUp := func(h httpx.Handler) http.Handler {
		return p.Kit.Handle(citizens.RequireStepUp(p.staff(h)))
	}
	mux.Handle("GET "+pathOutreach, staff(p.list))
	mux.Handle("GET "+pathOutreach+"/new", staff(p.newForm))
	mux.Handle("POST "+pathOutreach+"/new", staff(p.create))
	mux.Handle("GET "+pathCampaigns+"/{id}", staff(p.home))
	mux.Handle("GET "+pathCampaigns+"/{id}/events", staff(p.events))
	mux.Handle("GET "+pathCampaigns+"/{id}/import", staff(p.importForm))
	mux.Handle("POST "+pathCampaigns+"/{id}/import", staff(p.imported))
	mux.Handle("POST "+pathCampaigns+"/{id}/kits", staff(p.makeKits))
	mux.Handle("GET "+pathCampaigns+"/{id}/kits.zip", staff(p.allKits))
	mux.Handle("GET "+pathCampaigns+"/{id}/letters.zip", staff(p.allLetters))
	mux.Handle("GET "+pathCampaigns+"/{id}/send", stepUp(p.sendForm))
	mux.Handle("POST "+pathCampaigns+"/{id}/send", stepUp(p.send))
	mux.Handle("GET "+pathCampaigns+"/{id}/export.csv", staff(p.export))
	mux.Handle("GET "+pathCampaigns+"/{id}/counts", staff(p.counts))
	mux.Handle("GET "+pathCampaigns+"/{id}/reply", staff(p.replyForm))
	mux.Handle("POST "+pathCampaigns+"/{id}/reply", staff(p.reply))
	mux.Handle("GET "+pathCampaigns+"/{id}/organisations", staff(p.organisations))
	mux.Handle("GET "+pathCampaigns+"/{id}/organisations/{org}", staff(p.organisation))
	mux.Handle("GET "+pathCampaigns+"/{id}/organisations/{org}/letter.pdf", staff(p.letter))
	mux.Handle("GET "+pathCampaigns+"/{id}/organisations/{org}/kit.zip", staff(p.kit))
	mux.Handle("POST "+pathCampaigns+"/{id}/organisations/{org}/logo", staff(p.logo))
	mux.Handle("POST "+pathCampaigns+"/{id}/organisations/{org}/again", staff(p.again))
	mux.Handle("GET "+pathOutreach+"/photos/{id}", staff(p.photo))
	p.Kit.Large("POST "+pathCampaigns+"/{id}/import", maxRegister)
	p.Kit.Large("POST "+pathCampaigns+"/{id}/organisations/{org}/logo", campaign.PhotoBytesMost)
}

// staff lets only those through who may work on campaigns; to others the pages do not exist.
func (p Campaigns) staff(h httpx.Handler) httpx.Handler {
	return func(w http.ResponseWriter, r *http.Request) error {
		if err := p.Of.Allowed(r.Context(), httpx.VisitorOf(r).Account); err != nil {
			return err
		}
		return h(w, r)
	}
}

func wide(l *ui.Layout) { l.BodyClass = "wide" }

func campaignPath(id string) string { return pathCampaigns + "/" + url.PathEscape(id) }

func (p Campaigns) list(w http.ResponseWriter, r *http.Request) error {
	all, err := p.Of.Store.Campaigns(r.Context())
	if err != nil {
		return err
	}
	page := ui.CampaignList{Empty: ui.EmptyState{
		Icon: "mail", Title: ui.K("campaign.list.none"), Text: ui.K("campaign.list.none_text"),
		Action: ui.NavLink{Text: ui.K("campaign.list.new"), Href: pathOutreach + "/new"},
	}}
	for _, c := range all {
		page.Campaigns = append(page.Campaigns, ui.Row{
			Icon: "mail", Title: ui.Plain(c.Name), Href: campaignPath(c.ID), Note: ui.K("campaign.list.note", "Count", c.LastN, "Date", ui.DateOf(c.CreatedAt)),
		})
	}
	return p.Kit.Page(w, r, page)
}

// campaign reads the campaign of the address.
func (p Campaigns) campaign(r *http.Request) (campaign.Campaign, error) {
	return p.Of.Store.Campaign(r.Context(), r.PathValue("id"))
}

// stageKeys name the states as the map and the lists show them.
var stageKeys = map[campaign.State]string{
	campaign.Listed: "campaign.state.listed", campaign.Sent: "campaign.state.sent",
	campaign.Opened: "campaign.state.opened", campaign.Answered: "campaign.state.answered",
}

func (p Campaigns) home(w http.ResponseWriter, r *http.Request) error {
	c, err := p.campaign(r)
	if err != nil {
		return err
	}
	progress, err := p.Of.Store.Progress(r.Context(), c)
	if err != nil {
		return err
	}
	areas, err := p.Of.Store.Areas(r.Context(), c.ID)
	if err != nil {
		return err
	}
	page := homePage(c, progress, areas)
	page.Done = campaignDone(r.URL.Query())
	change := []func(*ui.Layout){wide}
	for _, work := range page.Works {
		if work.Running() {
			const seconds = 3
			change = append(change, httpx.Live(page.Path+"/events", seconds))
		}
	}
	return p.Kit.Page(w, r, page, change...)
}

// campaignDone thanks for what was just done, in fixed sentences.
func campaignDone(query url.Values) ui.Notice {
	switch what := query.Get("done"); what {
	case "created", "kits", "sending", "again", "logo", "answered":
		return ui.Notice{Tone: ui.Success, Text: ui.K("campaign.done." + what)}
	}
	return ui.Notice{}
}

func homePage(c campaign.Campaign, progress campaign.Progress, areas []campaign.Area) ui.CampaignHome {
	page := ui.CampaignHome{Name: c.Name, Path: campaignPath(c.ID), Total: c.LastN}
	sum := map[campaign.State]int{}
	for i, a := range areas {
		for state, n := range a.Count {
			sum[state] += n
		}
		if i == 0 || areas[i-1].Region != a.Region {
			page.Regions = append(page.Regions, ui.CampaignRegion{Name: nameOr(a.Region, "campaign.map.no_region")})
		}
		last := &page.Regions[len(page.Regions)-1]
		last.Areas = append(last.Areas, areaTile(page.Path, a))
	}
	page.Waiting, page.Kits = sum[campaign.Listed], progress.Kits > 0
	for _, state := range campaign.States() {
		page.Stages = append(page.Stages, ui.CampaignStage{
			Name: ui.K(stageKeys[state]), Count: sum[state], Href: page.Path + "/organisations?state=" + string(state),
		})
	}
	if c.KitsTo > 0 {
		work := ui.CampaignWork{ID: "kits", Name: ui.K("campaign.work.kits"), Done: progress.Kits + progress.KitProblems, Of: progress.KitsOf}
		work.Done = min(work.Done, work.Of)
		const mebi = 1 << 20
		work.Note = ui.K("campaign.work.size", "Size", strconv.FormatFloat(float64(progress.KitBytes)/mebi, 'f', 1, 64))
		if progress.KitProblems > 0 {
			work.Note = ui.K("campaign.work.problems", "Count", progress.KitProblems)
		}
		page.Works = append(page.Works, work)
	}
	if c.SendTo > 0 {
		page.Works = append(page.Works, ui.CampaignWork{ID: "letters", Name: ui.K("campaign.work.letters"), Done: min(progress.Letters, c.SendTo), Of: c.SendTo})
	}
	return page
}

// nameOr is a name of the register, or the words for there being none.
func nameOr(name, none string) ui.Text {
	if name == "" {
		return ui.K(none)
	}
	return ui.Plain(name)
}

func areaTile(path string, a campaign.Area) ui.CampaignArea {
	const whole = 100
	total := a.Total()
	tile := ui.CampaignArea{
		Name: nameOr(a.Municipality, "campaign.map.no_municipality"), Href: areaHref(path, a.Region, a.Municipality), Total: total,
		Answered: a.Count[campaign.Answered], Opened: a.Count[campaign.Answered] + a.Count[campaign.Opened],
	}
	tile.AnsweredWidth, tile.OpenedWidth = whole*tile.Answered/total, whole*tile.Opened/total
	return tile
}

func areaHref(path, region, municipality string) string {
	return path + "/organisations?" + url.Values{"region": {region}, "municipality": {municipality}, "area": {"1"}}.Encode()
}

func (p Campaigns) events(w http.ResponseWriter, r *http.Request) error {
	id := r.PathValue("id")
	return watch(w, r, lookEvery, func() (string, bool, error) {
		c, err := p.Of.Store.Campaign(r.Context(), id)
		if err != nil {
			return "", false, err
		}
		progress, err := p.Of.Store.Progress(r.Context(), c)
		over := progress.Kits+progress.KitProblems >= progress.KitsOf && progress.Letters >= progress.LettersOf
		return fmt.Sprint(progress), over, err
	})
}

// button answers a button of a campaign: it does one thing and comes back with thanks.
func (p Campaigns) button(w http.ResponseWriter, r *http.Request, done string, do func(context.Context, effect.Act, string) error) error {
	c, err := p.campaign(r)
	if err != nil {
		return err
	}
	if err := do(r.Context(), p.Kit.Act(r), c.ID); err != nil {
		return err
	}
	return httpx.Redirect(w, r, campaignPath(c.ID)+"?done="+done)
}

func (p Campaigns) makeKits(w http.ResponseWriter, r *http.Request) error {
	return p.button(w, r, "kits", p.Of.AskKits)
}

func (p Campaigns) send(w http.ResponseWriter, r *http.Request) error {
	return p.button(w, r, "sending", p.Of.AskSend)
}

func (p Campaigns) sendForm(w http.ResponseWriter, r *http.Request) error {
	c, err := p.campaign(r)
	if err != nil {
		return err
	}
	n, err := p.Of.Store.Count(r.Context(), c.ID, campaign.Filter{State: campaign.Listed})
	if err == nil && n == 0 {
		err = fault.New(fault.Refused, "fault.campaign.nobody", nil)
	}
	if err != nil {
		return err
	}
	return p.Kit.Page(w, r, ui.CampaignSend{Name: c.Name, Path: campaignPath(c.ID), Count: n, Life: p.Of.Policy.CampaignLinkTTL, Subject: c.Letter.Subject})
}

// download sends a finished file to be saved, never to be shown.
func download(w http.ResponseWriter, name, contentType string, data []byte) error {
	h := w.Header()
	h.Set("Content-Type", contentType)
	h.Set("Content-Disposition", `attachment; filename="`+name+`"`)
	h.Set("Content-Length", strconv.Itoa(len(data)))
	_, err := w.Write(data) //nolint:gosec // an attachment with its own type and nosniff: a browser saves it and never reads it as a page
	return err
}

// archive streams a ZIP while it is being made: it may take minutes, so it has no deadline.
func archive(w http.ResponseWriter, name string, fill func(*zip.Writer) error) error {
	if err := http.NewResponseController(w).SetWriteDeadline(time.Time{}); err != nil {
		return err
	}
	h := w.Header()
	h.Set("Content-Type", "application/zip")
	h.Set("Content-Disposition", `attachment; filename="`+name+`"`)
	z := zip.NewWriter(w)
	if err := fill(z); err != nil {
		panic(http.ErrAbortHandler) // the answer has begun: a broken connection tells the browser that the file is not whole
	}
	if err := z.Close(); err != nil {
		panic(http.ErrAbortHandler)
	}
	return nil
}

func (p Campaigns) allKits(w http.ResponseWriter, r *http.Request) error {
	c, err := p.campaign(r)
	if err != nil {
		return err
	}
	return archive(w, "kits.zip", func(z *zip.Writer) error {
		return p.Of.Each(r.Context(), c.ID, func(one campaign.Recipient) error {
			if one.KitProblem != "" {
				return nil
			}
			packed, err := p.Of.Kit(r.Context(), c, one)
			if err != nil {
				return err
			}
			return outreach.CopyInto(z, "kits", packed)
		})
	})
}

func (p Campaigns) allLetters(w http.ResponseWriter, r *http.Request) error {
	c, err := p.campaign(r)
	if err != nil {
		return err
	}
	return archive(w, "letters.zip", func(z *zip.Writer) error {
		return p.Of.Each(r.Context(), c.ID, func(one campaign.Recipient) error {
			pdf, err := p.Of.CoveringLetter(c, one)
			if err != nil {
				return err
			}
			return outreach.AddTo(z, "letters", []outreach.File{{Name: one.Org.ID + ".pdf", Data: pdf}})
		})
	})
}

func (p Campaigns) export(w http.ResponseWriter, r *http.Request) error {
	c, err := p.campaign(r)
	if err != nil {
		return err
	}
	table, err := p.Of.Export(r.Context(), c.ID)
	if err != nil {
		return err
	}
	return download(w, "campaign.csv", "text/csv; charset=utf-8", table)
}

func (p Campaigns) photo(w http.ResponseWriter, r *http.Request) error {
	jpeg, err := p.Of.Store.Photo(r.Context(), r.PathValue("id"))
	if err != nil {
		return err
	}
	w.Header().Set("Content-Type", "image/jpeg")
	w.Header().Set("Content-Length", strconv.Itoa(len(jpeg)))
	_, err = w.Write(jpeg) //nolint:gosec // re-encoded by us, with its own type and nosniff: never read as a page
	return err
}

func (p Campaigns) counts(w http.ResponseWriter, r *http.Request) error {
	c, err := p.campaign(r)
	if err != nil {
		return err
	}
	counters, err := p.Of.Counters(r.Context(), c.ID)
	if err != nil {
		return err
	}
	page := ui.CampaignCounts{Name: c.Name, Path: campaignPath(c.ID), Counted: c.Counted, Floor: p.Of.Policy.CountFloor}
	shown := func(n int) ui.Text {
		if n, ok := p.Of.Shown(n); ok {
			return ui.Plain(strconv.Itoa(n))
		}
		return ui.K("campaign.counts.few", "Floor", p.Of.Policy.CountFloor)
	}
	const visitWeeks = 4 // as many as a table holds
	for _, week := range counters.Appointments {
		page.Appointments = append(page.Appointments, ui.CampaignCount{Name: weekText(week.From), Counts: []ui.Text{shown(week.Count)}})
	}
	for _, week := range counters.Appointments[max(0, len(counters.Appointments)-visitWeeks):] {
		page.Weeks = append(page.Weeks, weekText(week.From))
	}
	for _, v := range counters.Visits {
		line := ui.CampaignCount{Name: ui.Plain(v.Name), Code: v.Code}
		for _, week := range v.Weeks[max(0, len(v.Weeks)-visitWeeks):] {
			line.Counts = append(line.Counts, shown(week.Count))
		}
		page.Visits = append(page.Visits, line)
	}
	return p.Kit.Page(w, r, page, wide)
}

func weekText(from time.Time) ui.Text { return ui.K("campaign.counts.from", "Date", ui.DateOf(from)) }

// lines are the lines of a text area without the empty ones.
func lines(text string) []string {
	var out []string
	for line := range strings.SplitSeq(text, "\n") {
		if line = strings.TrimSpace(line); line != "" {
			out = append(out, line)
		}
	}
	return out
}

package web

import (
	"net/http"
	"net/url"
	"strconv"

	"doverie/internal/campaign"
	"doverie/internal/httpx"
	"doverie/internal/ui"
)

// organisationsShown is how many organisations a page of the list holds.
const organisationsShown = 50

func (p Campaigns) organisations(w http.ResponseWriter, r *http.Request) error {
	c, err := p.campaign(r)
	if err != nil {
		return err
	}
	query := r.URL.Query()
	f := campaign.Filter{
		State: campaign.State(query.Get("state")), InArea: query.Has("area"), Region: query.Get("region"), Municipality: query.Get("municipality"),
	}
	if stageKeys[f.State] == "" {
		f.State = ""
	}
	from, err := strconv.Atoi(query.Get("from"))
	if err != nil || from < 0 {
		from = 0
	}
	count, err := p.Of.Store.Count(r.Context(), c.ID, f)
	if err != nil {
		return err
	}
	some, err := p.Of.Store.Recipients(r.Context(), c.ID, f, from, organisationsShown+1)
	if err != nil {
		return err
	}
	page := ui.CampaignOrganisations{Name: c.Name, Path: campaignPath(c.ID), Count: count, Pages: ui.Pages{Page: 1}}
	base := page.Path + "/organisations"
	page.Filters = append(page.Filters, ui.NavLink{Text: ui.K("campaign.organisations.all"), Href: base})
	for _, state := range campaign.States() {
		page.Filters = append(page.Filters, ui.NavLink{Text: ui.K(stageKeys[state]), Href: base + "?state=" + string(state)})
	}
	switch {
	case f.InArea && f.Municipality != "":
		page.Of = ui.Plain(f.Municipality)
	case f.InArea && f.Region != "":
		page.Of = ui.Plain(f.Region)
	case f.State != "":
		page.Of = ui.K(stageKeys[f.State])
	}
	if from > 0 {
		page.Pages.Newer = base + "?" + without(query, "from")
		page.Pages.Page = 2
	}
	if len(some) > organisationsShown {
		next := without(query, "from")
		if next != "" {
			next += "&"
		}
		page.Pages.Older = base + "?" + next + "from=" + strconv.Itoa(some[organisationsShown].N)
		some = some[:organisationsShown]
	}
	for _, one := range some {
		page.Rows = append(page.Rows, ui.Row{
			Icon: "building-2", Title: ui.Plain(one.Org.Name), Note: placeText(one), Badge: stateBadge(one), Href: base + "/" + one.ID,
		})
	}
	return p.Kit.Page(w, r, page, wide)
}

// without is the query without one name; only names that this page knows survive.
func without(query url.Values, name string) string {
	kept := url.Values{}
	for _, known := range []string{"state", "region", "municipality", "area", "from"} {
		if known != name && query.Has(known) {
			kept.Set(known, query.Get(known))
		}
	}
	return kept.Encode()
}

func placeText(r campaign.Recipient) ui.Text {
	switch {
	case r.Org.Municipality != "":
		return ui.Plain(r.Org.Municipality)
	case r.Org.Region != "":
		return ui.Plain(r.Org.Region)
	}
	return ui.Plain(r.Org.Email)
}

func stateBadge(r campaign.Recipient) ui.Badge {
	badge := ui.Badge{Text: ui.K(stageKeys[r.State])}
	switch {
	case r.State == campaign.Answered:
		badge.Tone = ui.Success
	case r.State == campaign.Sent && r.Delivery == campaign.Undelivered:
		badge.Tone, badge.Text = ui.Danger, ui.K("campaign.delivery.failed")
	case r.State == campaign.Opened:
		badge.Tone = ui.Info
	}
	return badge
}

// deliveryTexts say what became of the message that carried the letter.
var deliveryTexts = map[campaign.Delivery]ui.Text{
	campaign.NotYet: ui.K("campaign.delivery.waits"), campaign.Taken: ui.K("campaign.delivery.sent"),
	campaign.Undelivered: ui.K("campaign.delivery.failed"), campaign.Uncertain: ui.K("campaign.delivery.unknown"),
}

func (p Campaigns) organisation(w http.ResponseWriter, r *http.Request) error {
	page, err := p.organisationPage(r, nil)
	if err != nil {
		return err
	}
	page.Done = campaignDone(r.URL.Query())
	return p.Kit.Page(w, r, page)
}

func (p Campaigns) organisationPage(r *http.Request, errs ui.Errors) (ui.CampaignOrganisation, error) {
	c, one, err := p.Of.Of(r.Context(), r.PathValue("id"), r.PathValue("org"))
	if err != nil {
		return ui.CampaignOrganisation{}, err
	}
	placed, err := p.Of.Store.Placements(r.Context(), c.ID, one.ID)
	if err != nil {
		return ui.CampaignOrganisation{}, err
	}
	page := ui.CampaignOrganisation{
		Name: one.Org.Name, Campaign: c.Name, Back: campaignPath(c.ID) + "/organisations", Path: campaignPath(c.ID) + "/organisations/" + one.ID,
		Badge: stateBadge(one), Facts: organisationFacts(c, one), Errors: errs, HasLogo: one.HasLogo, Sent: one.State != campaign.Listed,
		Logo: ui.FileField{Name: "logo", Label: ui.K("campaign.logo.file"), Hint: ui.K("campaign.logo.hint"), Accept: "image/png,image/jpeg"}.Check(errs),
	}
	for _, one := range placed {
		shown := ui.CampaignPlacement{Place: one.Place, Day: one.Day, Link: one.Link}
		if one.Photo != "" {
			shown.Photo = pathOutreach + "/photos/" + one.Photo
		}
		page.Placements = append(page.Placements, shown)
	}
	return page, nil
}

func organisationFacts(c campaign.Campaign, r campaign.Recipient) ui.Facts {
	facts := ui.Facts{
		{Icon: "mail", Label: ui.K("campaign.fact.email"), Value: ui.Plain(r.Org.Email)},
		{Label: ui.K("campaign.fact.number"), Value: ui.Plain(c.Letter.NumberOf(r.N))},
	}
	if r.Org.Region != "" || r.Org.Municipality != "" {
		facts = append(facts, ui.Fact{Label: ui.K("campaign.fact.place"), Value: placeText(r), Note: ui.Plain(r.Org.Region)})
	}
	if c.Counted {
		facts = append(facts, ui.Fact{Label: ui.K("campaign.counts.code"), Value: ui.Plain(r.Code)})
	}
	if !r.SentAt.IsZero() {
		facts = append(facts,
			ui.Fact{Icon: "clock", Label: ui.K("campaign.fact.sent"), Value: ui.K("campaign.fact.at", "At", r.SentAt), Note: deliveryTexts[r.Delivery]},
			ui.Fact{Label: ui.K("campaign.fact.until"), Value: ui.DateOf(r.ExpiresAt)})
	}
	if !r.OpenedAt.IsZero() {
		facts = append(facts, ui.Fact{Label: ui.K("campaign.fact.opened"), Value: ui.K("campaign.fact.at", "At", r.OpenedAt)})
	}
	if !r.AnsweredAt.IsZero() {
		facts = append(facts, ui.Fact{Label: ui.K("campaign.fact.answered"), Value: ui.K("campaign.fact.at", "At", r.AnsweredAt)})
	}
	if r.KitProblem != "" {
		facts = append(facts, ui.Fact{Tone: ui.Danger, Label: ui.K("campaign.fact.kit_problem"), Value: ui.K("campaign.fact.kit_problem_text")})
	}
	return facts
}

func (p Campaigns) letter(w http.ResponseWriter, r *http.Request) error {
	c, one, err := p.Of.Of(r.Context(), r.PathValue("id"), r.PathValue("org"))
	if err != nil {
		return err
	}
	pdf, err := p.Of.CoveringLetter(c, one)
	if err != nil {
		return err
	}
	return download(w, "letter-"+one.Org.ID+".pdf", "application/pdf", pdf)
}

func (p Campaigns) kit(w http.ResponseWriter, r *http.Request) error {
	c, one, err := p.Of.Of(r.Context(), r.PathValue("id"), r.PathValue("org"))
	if err != nil {
		return err
	}
	packed, err := p.Of.Kit(r.Context(), c, one)
	if err != nil {
		return err
	}
	return download(w, "kit-"+one.Org.ID+".zip", "application/zip", packed)
}

func (p Campaigns) logo(w http.ResponseWriter, r *http.Request) error {
	c, one, err := p.Of.Of(r.Context(), r.PathValue("id"), r.PathValue("org"))
	if err != nil {
		return err
	}
	_, file, err := httpx.FileForm(w, r, "logo")
	if err != nil {
		return err
	}
	var errs ui.Errors
	if file == nil {
		errs = ui.Errors{{Field: "logo", Text: ui.K("campaign.import.no_file")}}
	} else if err := p.Of.SetLogo(r.Context(), p.Kit.Act(r), c.ID, one.ID, file); err != nil {
		var ok bool
		if errs, ok = httpx.FormErrors(err, "logo"); !ok {
			return err
		}
	}
	if errs != nil {
		page, err := p.organisationPage(r, errs)
		if err != nil {
			return err
		}
		return p.Kit.FormAgain(w, r, page)
	}
	return httpx.Redirect(w, r, campaignPath(c.ID)+"/organisations/"+one.ID+"?done=logo")
}

func (p Campaigns) again(w http.ResponseWriter, r *http.Request) error {
	id, org := r.PathValue("id"), r.PathValue("org")
	if err := p.Of.SendAgain(r.Context(), p.Kit.Act(r), id, org); err != nil {
		return err
	}
	return httpx.Redirect(w, r, campaignPath(id)+"/organisations/"+url.PathEscape(org)+"?done=again")
}

package web

import (
	"net/http"
	"net/url"
	"strings"

	"doverie/internal/campaign"
	"doverie/internal/httpx"
	"doverie/internal/ui"
)

// maxAnswer bounds an answer with its photo, in bytes.
const maxAnswer = campaign.PhotoBytesMost + 64<<10

// CampaignLetters are the pages of whoever got a covering letter: there is no account, only the signed link.
type CampaignLetters struct {
	Kit *httpx.Kit
	Of  *campaign.Service
}

// Mount puts the pages on the mux.
func (p CampaignLetters) Mount(mux *http.ServeMux, citizens *httpx.Gate) {
	anybody := func(h httpx.Handler) http.Handler { return p.Kit.Handle(citizens.Maybe(h)) }
	mux.Handle("GET "+campaign.LinkPath+"{token}", anybody(p.show))
	mux.Handle("POST "+campaign.LinkPath+"{token}/open", anybody(p.open))
	mux.Handle("GET "+campaign.LinkPath+"{token}/letter.pdf", anybody(p.letter))
	mux.Handle("GET "+campaign.LinkPath+"{token}/kit.zip", anybody(p.kit))
	mux.Handle("GET "+campaign.LinkPath+"{token}/reply.pdf", anybody(p.reply))
	mux.Handle("POST "+campaign.LinkPath+"{token}/answer", anybody(p.answer))
	p.Kit.Large("POST "+campaign.LinkPath+"{token}/answer", maxAnswer)
}

func (p CampaignLetters) show(w http.ResponseWriter, r *http.Request) error {
	page, err := p.page(r, url.Values{}, nil)
	if err != nil {
		return err
	}
	page.Done = campaignDone(r.URL.Query())
	return p.Kit.Page(w, r, page)
}

func (p CampaignLetters) page(r *http.Request, typed url.Values, errs ui.Errors) (ui.CampaignLetter, error) {
	token := r.PathValue("token")
	c, one, err := p.Of.Open(r.Context(), token)
	if err != nil {
		return ui.CampaignLetter{}, err
	}
	placed, err := p.Of.Store.Placements(r.Context(), c.ID, one.ID)
	if err != nil {
		return ui.CampaignLetter{}, err
	}
	page := ui.CampaignLetter{
		Organisation: one.Org.Name, From: strings.Join(c.Letter.Letterhead, " "), Number: c.Letter.NumberOf(one.N), Date: c.Letter.Date,
		Path: campaign.LinkPath + token, Opened: !one.OpenedAt.IsZero() || errs != nil, Until: one.ExpiresAt, Errors: errs, Landing: p.Of.Source.Landing,
	}
	if c.Counted {
		page.Landing += "?p=" + one.Code
	}
	const longPlace, longLink = 300, 500
	page.Place = ui.TextField{
		Name: "place", Label: ui.K("campaign.answer.place"), Hint: ui.K("campaign.answer.place_hint"), Value: typed.Get("place"), Autocomplete: "off", MaxLength: longPlace,
	}.Check(errs)
	page.Day = ui.TextField{Name: "day", Label: ui.K("campaign.answer.day"), Value: typed.Get("day"), Type: "date", Autocomplete: "off", Short: true}.Check(errs)
	page.Link = ui.TextField{
		Name: "link", Label: ui.K("campaign.answer.link"), Hint: ui.K("campaign.answer.link_hint"), Value: typed.Get("link"), Type: "url", Autocomplete: "off",
		MaxLength: longLink, Optional: true,
	}.Check(errs)
	page.Photo = ui.FileField{
		Name: "photo", Label: ui.K("campaign.answer.photo"), Hint: ui.K("campaign.answer.photo_hint"), Accept: "image/jpeg,image/png,image/webp", Optional: true,
	}.Check(errs)
	for _, one := range placed {
		page.Placements = append(page.Placements, ui.CampaignPlacement{Place: one.Place, Day: one.Day, Link: one.Link, Shot: one.Photo != ""})
	}
	return page, nil
}

func (p CampaignLetters) open(w http.ResponseWriter, r *http.Request) error {
	_, one, err := p.Of.Open(r.Context(), r.PathValue("token"))
	if err != nil {
		return err
	}
	if err := p.Of.MarkOpened(r.Context(), p.Kit.Act(r), one); err != nil {
		return err
	}
	return httpx.Redirect(w, r, campaign.LinkPath+r.PathValue("token"))
}

func (p CampaignLetters) letter(w http.ResponseWriter, r *http.Request) error {
	c, one, err := p.Of.Open(r.Context(), r.PathValue("token"))
	if err != nil {
		return err
	}
	pdf, err := p.Of.CoveringLetter(c, one)
	if err != nil {
		return err
	}
	return download(w, "letter.pdf", "application/pdf", pdf)
}

func (p CampaignLetters) kit(w http.ResponseWriter, r *http.Request) error {
	c, one, err := p.Of.Open(r.Context(), r.PathValue("token"))
	if err != nil {
		return err
	}
	packed, err := p.Of.Kit(r.Context(), c, one)
	if err != nil {
		return err
	}
	return download(w, "kit-"+one.Org.ID+".zip", "application/zip", packed)
}

func (p CampaignLetters) reply(w http.ResponseWriter, r *http.Request) error {
	c, one, err := p.Of.Open(r.Context(), r.PathValue("token"))
	if err != nil {
		return err
	}
	pdf, err := p.Of.OwnReply(r.Context(), c, one)
	if err != nil {
		return err
	}
	return download(w, "reply.pdf", "application/pdf", pdf)
}

func (p CampaignLetters) answer(w http.ResponseWriter, r *http.Request) error {
	_, one, err := p.Of.Open(r.Context(), r.PathValue("token")) // before the body is read: strangers upload nothing
	if err != nil {
		return err
	}
	form, photo, err := httpx.FileForm(w, r, "photo")
	if err != nil {
		return err
	}
	err = p.Of.Answer(r.Context(), p.Kit.Act(r), one, campaign.Answer{Place: form.Get("place"), Day: form.Get("day"), Link: form.Get("link"), Photo: photo})
	if errs, ok := httpx.FormErrors(err, "place"); ok {
		page, err := p.page(r, form, named(errs, []string{"place", "day", "link", "photo"}, "campaign.answer."))
		if err != nil {
			return err
		}
		return p.Kit.FormAgain(w, r, page)
	}
	if err != nil {
		return err
	}
	return httpx.Redirect(w, r, campaign.LinkPath+r.PathValue("token")+"?done=answered")
}

package web

import (
	"net/http"
	"strings"

	"doverie/internal/fault"
	"doverie/internal/httpx"
	"doverie/internal/ui"
)

// freezeToo is the value of the button that freezes as well.
const freezeToo = "freeze"

func (p *Safety) notMeForm(w http.ResponseWriter, r *http.Request) error {
	return p.kit.Page(w, r, notMePage("", "", nil))
}

// notMe takes identifier and stop code. What it answers does not depend on whether they belong together.
func (p *Safety) notMe(w http.ResponseWriter, r *http.Request) error {
	form, err := httpx.Form(r)
	if err != nil {
		return err
	}
	who, code := form.Get("identifier"), form.Get("stop_code")
	if !stopCodeShape(code) {
		errs := ui.Errors{{Field: "stop_code", Text: ui.K("safety.not_me.code.wrong")}}
		return p.kit.FormAgain(w, r, notMePage(who, code, errs))
	}
	if err := p.stops.Stop(r.Context(), p.kit.Act(r), who, code, form.Get("do") == freezeToo); err != nil {
		if errs, ok := httpx.FormErrors(err, "identifier"); ok {
			return p.kit.FormAgain(w, r, notMePage(who, code, asField(errs, "identifier")))
		}
		return err
	}
	return httpx.Redirect(w, r, pathNotMeDone)
}

// stopCodeShape tells whether it has the eight digits of a stop code: a six-digit code typed here by
// mistake must not look as if it had worked.
func stopCodeShape(typed string) bool {
	const digits = 8
	n := 0
	for _, c := range typed {
		switch {
		case '0' <= c && c <= '9':
			n++
		case !strings.ContainsRune(" -\u00a0\u2010\u2011\u2012\u2013\u2014\t\r\n", c):
			return false
		}
	}
	return n == digits
}

func notMePage(who, code string, errs ui.Errors) ui.Page {
	return ui.SafetyNotMe{
		Errors: errs, Identifier: identifierField(who).Check(errs),
		StopCode: ui.TextField{
			Name: "stop_code", Label: ui.K("safety.not_me.code"), Hint: ui.K("safety.not_me.code.hint"), Value: code,
			Autocomplete: "off", InputMode: "numeric", MaxLength: 16, Short: true,
		}.Check(errs),
	}
}

// linkForm changes nothing: programs that read mail open every link in it.
func (p *Safety) linkForm(w http.ResponseWriter, r *http.Request) error {
	leads, err := p.stops.LinkLeads(r.Context(), r.PathValue("signed"))
	if err != nil {
		return err
	}
	if leads.Frozen { // the reader pressed already, or another did
		return httpx.Redirect(w, r, pathFroze)
	}
	return p.kit.Page(w, r, ui.SafetyLink{Alone: p.policy.UnfreezeAlone, Recovered: leads.Recovered})
}

func (p *Safety) link(w http.ResponseWriter, r *http.Request) error {
	form, err := httpx.Form(r)
	if err != nil {
		return err
	}
	frozen, err := p.stops.StopByLink(r.Context(), p.kit.Act(r), r.PathValue("signed"), form.Get("do") == freezeToo)
	if err != nil && !fault.Is(err, fault.Conflict) {
		return err
	}
	if frozen {
		return httpx.Redirect(w, r, pathFroze)
	}
	return httpx.Redirect(w, r, pathStopped)
}

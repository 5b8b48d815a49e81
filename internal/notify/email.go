package notify

import (
	_ "embed"
	"fmt"
	"html/template"
	"strings"

	"doverie/internal/i18n"
)

//go:embed email.html.tmpl
var emailSource string

var emailPage = template.Must(template.New("email").Parse(emailSource))

// fact is one row of what is known: a label and a value.
type fact struct{ Label, Value string }

// letterPage is an e-mail before it becomes plain text and HTML, which say the same.
type letterPage struct {
	Lang, Sender, Subject, Greeting string
	Lead                            []string
	FactsTitle                      string
	Facts                           []fact
	Todo                            []string
	Link, Button                    string
	Never                           []string
	Sign, Auto                      string
}

func (t *Texts) email(spec Spec, key string, p *i18n.Printer, data map[string]any) (Text, error) {
	page := letterPage{
		Lang: p.Lang(), Sender: p.T("message.sender"), Subject: p.Named(key+".title", data),
		Greeting: p.T("message.mail.greeting"),
		Lead:     []string{p.Named(key+".lead", data)}, FactsTitle: p.T("message.mail.facts"), Facts: facts(spec, p, data),
		Never: []string{p.T("message.mail.never"), p.T("message.mail.links", "site", t.base)},
		Sign:  p.T("message.mail.sign"), Auto: p.T("message.mail.auto"),
	}
	if salutation, _ := data["salutation"].(string); salutation != "" {
		page.Greeting = salutation
	}
	if p.Has(key + ".todo") {
		page.Todo = append(page.Todo, p.Named(key+".todo", data))
	}
	if data["until"] != "" && p.Has(key+".until") {
		page.Todo = append(page.Todo, p.Named(key+".until", data))
	}
	link, _ := data["link"].(string)
	if spec.Stops() {
		page.Todo = append(page.Todo, stopAdvice(p, data)...)
		if link != "" {
			page.Link, page.Button = link, p.T("message.stop.button")
		}
	} else if link != "" && spec.button != "" {
		page.Link, page.Button = link, p.T("message.button."+spec.button)
	}
	var html strings.Builder
	if err := emailPage.Execute(&html, page); err != nil {
		return Text{}, fmt.Errorf("notify: the e-mail page: %w", err)
	}
	return Text{Subject: page.Subject, Body: page.plain(), HTML: html.String()}, nil
}

func stopAdvice(p *i18n.Printer, data map[string]any) []string {
	var out []string
	if data["link"] != "" {
		out = append(out, p.Named("message.stop.mail.link", data))
	}
	if data["stop_code"] != "" {
		out = append(out, p.Named("message.stop.mail.code", data))
	}
	if len(out) == 0 {
		out = append(out, p.Named("message.stop.mail.none", data))
	}
	return out
}

// facts lists what the letter knows, in the order a person asks: who, what, when, until when, with what, from where, why.
func facts(spec Spec, p *i18n.Printer, data map[string]any) []fact {
	var out []fact
	add := func(label, arg string) {
		if value, ok := data[arg].(string); ok && value != "" {
			out = append(out, fact{Label: p.T("message.fact." + label), Value: value})
		}
	}
	if spec.Person != "" {
		add(spec.Person, "first_name")
	}
	if spec.namesAction {
		add("action", "action")
	}
	add("who", "who")
	add("organisation", "organisation")
	add("number", "number")
	add("date", "date")
	add("subject", "subject")
	if !spec.HasCode() {
		add("at", "at")
		add("until", "until")
	}
	add("email", "email")
	add("device", "device")
	add("area", "area")
	add("attempts", "attempts")
	add("reason", "reason")
	return out
}

// plain is the letter for readers of plain text. Paragraphs are parted by one empty line.
func (l letterPage) plain() string {
	blocks := []string{l.Greeting}
	blocks = append(blocks, l.Lead...)
	if len(l.Facts) > 0 {
		rows := []string{l.FactsTitle}
		for _, f := range l.Facts {
			rows = append(rows, "— "+f.Label+": "+f.Value)
		}
		blocks = append(blocks, strings.Join(rows, "\n"))
	}
	blocks = append(blocks, l.Todo...)
	if l.Link != "" {
		blocks = append(blocks, l.Button+":\n"+l.Link)
	}
	blocks = append(blocks, strings.Join(l.Never, "\n"), l.Sign+"\n"+l.Auto)
	return strings.Join(blocks, "\n\n") + "\n"
}

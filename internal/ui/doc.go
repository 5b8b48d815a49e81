// Package ui is what people see: embedded templates and assets, and one typed struct a page.
//
// # A page in four parts
//
// Say the page is "rename a contact" of the family "contacts". It needs:
//
// 1. A struct in ui/contacts.go. Fields are ready components or plain data; words are keys (K), data is Plain.
//
//	// ContactRename asks for a new name of a contact.
//	type ContactRename struct {
//		Errors Errors
//		Name   TextField
//		Now    time.Time
//	}
//
//	func (ContactRename) Template() string { return "contacts_rename.html" } // <family>_<page>.html
//	func (ContactRename) Title() Text      { return K("contacts.rename.title") }
//
// 2. A template in templates/contacts_rename.html that defines "main". Its dot is the struct. Every form posts to
// its own address; there is no hidden proof in it, the edge checks the origin of the request.
//
//	{{define "main"}}<section class="sheet">
//	  {{template "errors" .Errors}}
//	  <h1>{{t "contacts.rename.title"}}</h1>
//	  <p class="lead">{{t "contacts.rename.lead" "Day" (day .Now)}}</p>
//	  <form method="post" novalidate>
//	    {{template "text-field" .Name}}
//	    <div class="actions"><button class="button">{{t "common.save"}}</button>
//	    <a class="button secondary" href="/settings/safety/trusted-contacts">{{t "common.cancel"}}</a></div>
//	  </form>
//	</section>{{end}}
//
// 3. Its words, in i18n/locales/ru/contacts.json and i18n/locales/en/contacts.json:
//
//	{"contacts.rename.title": "Новое имя", "contacts.rename.lead": "Имя сменится сегодня, {{.Day}}.", "contacts.rename.name": "Имя"}
//
// 4. A handler (package web). It returns an error; Kit turns it into a page.
//
//	func (c contacts) renameForm(w http.ResponseWriter, r *http.Request) error {
//		return c.kit.Page(w, r, renamePage("", nil, c.now()), httpx.Section("/settings/safety/trusted-contacts"))
//	}
//
//	func (c contacts) rename(w http.ResponseWriter, r *http.Request) error {
//		form, err := httpx.Form(r)
//		if err != nil {
//			return err
//		}
//		if err := c.links.Rename(r.Context(), c.kit.Act(r), r.PathValue("id"), form.Get("name")); err != nil {
//			if errs, ok := httpx.FormErrors(err, "name"); ok { // nothing typed is lost
//				return c.kit.FormAgain(w, r, renamePage(form.Get("name"), errs, c.now()), httpx.Section("/settings/safety/trusted-contacts"))
//			}
//			return err
//		}
//		return httpx.Redirect(w, r, "/settings/safety/trusted-contacts")
//	}
//
//	func renamePage(typed string, errs ui.Errors, now time.Time) ui.Page {
//		return ui.ContactRename{Errors: errs, Now: now, Name: ui.TextField{
//			Name: "name", Label: ui.K("contacts.rename.name"), Value: typed, Autocomplete: "off", MaxLength: 60,
//		}.Check(errs)}
//	}
//
//	mux.Handle("GET /settings/safety/trusted-contacts/{id}/rename", kit.Handle(citizens.RequireStepUp(c.renameForm)))
//	mux.Handle("POST /settings/safety/trusted-contacts/{id}/rename", kit.Handle(citizens.RequireStepUp(c.rename)))
//
// # Functions of templates
//
// t "key" "Name" value ...; n "key" count "Name" value ...; say text; k "key" ... and plain "words" make a Text;
// date, day, clock, datetime, fulldatetime, datetimezone take a time; duration, in, for, within, ago take a
// time.Duration; phone "+7916…"; iso time (for <time datetime>); icon "name"; asset "file"; notice "warning" (k "…");
// badge "success" (k "…"); step 2 5; link (k "…") "/href". An unknown icon, asset or page is an error of the test.
//
// # Components (template name: struct)
//
// notice: Notice; errors: Errors; step: Step; text-field: TextField; password-field: PasswordField; radios: Radios;
// checkbox: Checkbox; code-field: CodeField; match-number: MatchNumber; facts: Facts; person-card: PersonCard;
// timeline: Timeline; empty-state: EmptyState; delayed: Delayed; section-card: SectionCard; rows: Rows; pages: Pages;
// badge: Badge.
//
// # Classes for the rest
//
// sheet (one white card, the usual page: <section class="sheet">), lead (first paragraph), note (small words),
// actions (row of buttons), button / button secondary / button danger / button approve / button link,
// key-sentence (the one sentence that decides everything), steps (numbered advice: <ol class="steps">),
// cards (a grid of section-card or person-card), stack (several sheets one under the other), panel (a quiet box
// inside a sheet), table-scroll (a wide table of the console), back (link to the page before), hero (landing),
// copyable: <span id="x">…</span><button class="quiet" hidden data-copy="x" data-done="{{t "common.copied"}}">,
// print-only and screen-only. The safe button comes first and is the primary one; the dangerous one is "danger"
// and says what will happen.
package ui

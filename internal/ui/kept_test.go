package ui_test

import (
	"reflect"
	"testing"
	"time"

	"doverie/internal/ui"
)

// everyField is a page with each kind of field, in the places where pages have them.
func everyField() ui.Desk {
	return ui.Desk{Heading: words("Всё"), Blocks: []ui.DeskBlock{{Form: ui.DeskForm{Action: "/x", Fields: []ui.DeskField{
		{Text: &ui.TextField{Name: "text"}}, {Password: &ui.PasswordField{Name: "password"}}, {Radios: &ui.Radios{Name: "radios"}},
		{Checkbox: &ui.Checkbox{Name: "box"}}, {Code: &ui.CodeField{Name: "code"}}, {Select: &ui.Select{Name: "select"}},
	}}, More: []ui.DeskForm{{Action: "/y", Fields: []ui.DeskField{{Text: &ui.TextField{Name: "more"}}}}}}}}
}

func TestKept(t *testing.T) {
	known := func(key string) bool { return key != "unknown" }
	errs := ui.Errors{
		{Field: "text", Text: ui.K("fault.a", "Left", 3, "After", time.Minute, "Until", noon, "Letters", "ё", "Field", ui.K("label", "Name", "А"))},
		{Field: "password", Text: ui.K("fault.b")}, {Field: "code", Text: ui.K("fault.c")}, {Field: "select", Text: ui.Plain("<b>")},
		{Field: "box", Text: ui.K("unknown")}, {Field: "radios", Text: ui.K("fault.d", "What", struct{}{})},
	}
	want := map[string]string{"text": "a", "radios": "yes", "box": "yes", "select": "RUS", "more": "b"}
	typed := ui.Kept{Typed: want, Errors: errs}.Into(everyField())
	kept := ui.KeptOf(typed)
	if !reflect.DeepEqual(kept.Typed, want) {
		t.Errorf("kept %v, want %v", kept.Typed, want)
	}
	again := ui.UnmarshalErrors(kept.MarshalErrors(), known)
	if !reflect.DeepEqual(again, errs[:4]) {
		t.Errorf("the errors came back as\n%+v, want\n%+v", again, errs[:4])
	}
	page, ok := ui.Kept{Typed: want, Errors: again}.Into(everyField()).(ui.Desk)
	if !ok || len(page.Errors) != 4 {
		t.Fatalf("%+v", page)
	}
	fields := page.Blocks[0].Form.Fields
	if fields[0].Text.Error.Key() != "fault.a" || fields[1].Password.Error.Key() != "fault.b" || fields[4].Code.Error.Key() != "fault.c" || !fields[3].Checkbox.Checked {
		t.Errorf("errors are not beside their fields: %+v", fields)
	}
	if got := ui.UnmarshalErrors(`[{"field":1`, known); got != nil {
		t.Errorf("nonsense is read as %v", got)
	}
	if plain := ui.KeptOf(ui.FaultPage{}); !plain.Empty() {
		t.Errorf("a page without a form keeps %+v", plain)
	}
}

// A rule against the whole form comes along as well, and what was folded away is open where it was used.
func TestKeptOfSpecialPages(t *testing.T) {
	why := ui.KeptOf(ui.ContactAdd{Why: []ui.Text{ui.K("reason.self")}, Name: ui.TextField{Name: "name", Value: "Вера"}})
	add, ok := why.Into(ui.ContactAdd{Name: ui.TextField{Name: "name"}}).(ui.ContactAdd)
	if !ok || len(add.Why) != 1 || add.Why[0].Key() != "reason.self" || len(add.Errors) != 0 || add.Name.Value != "Вера" {
		t.Errorf("%+v", add)
	}
	code := ui.RecoveryCode{Code: ui.CodeField{Name: "code"}, SNILS: ui.TextField{Name: "snils", Optional: true}}
	if closed, _ := (ui.Kept{Errors: ui.Errors{{Field: "code", Text: ui.K("field.code")}}}).Into(code).(ui.RecoveryCode); closed.Open {
		t.Error("the SNILS field is open though nobody used it")
	}
	opened, _ := (ui.Kept{Typed: map[string]string{"snils": "1"}}).Into(code).(ui.RecoveryCode)
	if !opened.Open || opened.SNILS.Optional {
		t.Errorf("%+v", opened)
	}
}

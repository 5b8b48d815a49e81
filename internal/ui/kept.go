package ui

import (
	"encoding/json"
	"reflect"
	"slices"
	"time"
)

// Kept is what a refused form showed: what was typed and what was wrong with it. The switch of the language carries
// it, so that the reader finds his form in the other language as he left it. Only what the page itself shows is in
// it: a password and a code never are.
type Kept struct {
	Typed  map[string]string // field → value
	Errors Errors            // those without a field are reasons against the whole form
}

// Empty reports whether there is nothing to carry.
func (k Kept) Empty() bool { return len(k.Typed) == 0 && len(k.Errors) == 0 }

// keeper is a field of a form. It gives what was typed into it, and takes that and its error back.
type keeper interface {
	typed() (name, value string)
	retype(k Kept)
}

// reasoned pages tell reasons against the whole form.
type reasoned interface{ reasons() *[]Text }

func (p *ContactAdd) reasons() *[]Text { return &p.Why }

// folded pages show a part of their fields only where it was used.
type folded interface{ unfold(k Kept) }

func (p *CampaignLetter) unfold(Kept) { p.Opened = true }
func (p *PhoneCode) unfold(k Kept)    { p.Sent = p.Sent || len(k.Errors) > 0 }
func (p *RecoveryCode) unfold(k Kept) {
	p.Open = k.Typed[p.SNILS.Name] != "" || !k.Errors.Of(p.SNILS.Name).Empty()
	p.SNILS.Optional = !p.Open
}

// KeptOf reads what a page's fields hold.
func KeptOf(page Page) Kept {
	k := Kept{Typed: map[string]string{}}
	copied := addressable(page)
	walk(copied.Elem(), func(f keeper) {
		if name, value := f.typed(); value != "" {
			k.Typed[name] = value
		}
	}, func(e *Errors) { k.Errors = slices.Clone(*e) })
	if p, ok := reflect.TypeAssert[reasoned](copied); ok {
		for _, why := range *p.reasons() {
			k.Errors = append(k.Errors, FieldError{Text: why})
		}
	}
	return k
}

// Into is the page with its fields filled and its errors told again. A field that the page has no more is left out.
func (k Kept) Into(page Page) Page {
	copied := addressable(page)
	walk(copied.Elem(), func(f keeper) { f.retype(k) }, func(e *Errors) {
		*e = slices.DeleteFunc(slices.Clone(k.Errors), func(one FieldError) bool { return one.Field == "" })
	})
	if p, ok := reflect.TypeAssert[reasoned](copied); ok {
		for _, one := range k.Errors {
			if one.Field == "" {
				*p.reasons() = append(*p.reasons(), one.Text)
			}
		}
	}
	if p, ok := reflect.TypeAssert[folded](copied); ok {
		p.unfold(k)
	}
	if changed, ok := reflect.TypeAssert[Page](copied.Elem()); ok {
		return changed
	}
	return page
}

// addressable is a pointer to a copy of the page.
func addressable(page Page) reflect.Value {
	copied := reflect.New(reflect.TypeOf(page))
	copied.Elem().Set(reflect.ValueOf(page))
	return copied
}

// walk shows every field of a page, and its errors, to be read or changed.
func walk(v reflect.Value, field func(keeper), errs func(*Errors)) {
	switch v.Kind() { // nothing else holds a field
	case reflect.Pointer:
		if !v.IsNil() {
			walk(v.Elem(), field, errs)
		}
	case reflect.Slice:
		if e, ok := reflect.TypeAssert[*Errors](v.Addr()); ok {
			errs(e)
			return
		}
		for i := range v.Len() {
			walk(v.Index(i), field, errs)
		}
	case reflect.Struct:
		if f, ok := reflect.TypeAssert[keeper](v.Addr()); ok {
			field(f)
			return
		}
		for i := range v.NumField() {
			if v.Type().Field(i).IsExported() {
				walk(v.Field(i), field, errs)
			}
		}
	}
}

func (f *TextField) typed() (name, value string)     { return f.Name, f.Value }
func (f *TextArea) typed() (name, value string)      { return f.Name, f.Value }
func (f *Radios) typed() (name, value string)        { return f.Name, f.Chosen }
func (f *Select) typed() (name, value string)        { return f.Name, f.Chosen }
func (f *FileField) typed() (name, value string)     { return f.Name, "" }
func (f *PasswordField) typed() (name, value string) { return f.Name, "" }
func (f *CodeField) typed() (name, value string)     { return f.Name, "" }

func (f *Checkbox) typed() (name, value string) {
	if f.Checked {
		return f.Name, ticked
	}
	return f.Name, ""
}

// ticked is what a ticked box sends.
const ticked = "yes"

func (f *TextField) retype(k Kept)     { f.Value = k.Typed[f.Name]; *f = f.Check(k.Errors) }
func (f *TextArea) retype(k Kept)      { f.Value = k.Typed[f.Name]; *f = f.Check(k.Errors) }
func (f *Radios) retype(k Kept)        { f.Chosen = k.Typed[f.Name]; *f = f.Check(k.Errors) }
func (f *Select) retype(k Kept)        { f.Chosen = k.Typed[f.Name]; *f = f.Check(k.Errors) }
func (f *FileField) retype(k Kept)     { *f = f.Check(k.Errors) }
func (f *PasswordField) retype(k Kept) { *f = f.Check(k.Errors) }
func (f *CodeField) retype(k Kept)     { *f = f.Check(k.Errors) }
func (f *Checkbox) retype(k Kept) {
	f.Checked, f.Error = k.Typed[f.Name] != "", k.Errors.Of(f.Name)
}

// told is one error as a browser carries it: the key of its words and the arguments by their kinds.
type told struct {
	Field     string                   `json:"field,omitempty"`
	Texts     map[string]told          `json:"texts,omitempty"`
	Key       string                   `json:"key,omitempty"`
	Plain     string                   `json:"plain,omitempty"`
	Words     map[string]string        `json:"words,omitempty"`
	Numbers   map[string]int           `json:"numbers,omitempty"`
	Durations map[string]time.Duration `json:"durations,omitempty"`
	Times     map[string]time.Time     `json:"times,omitempty"`
}

// MarshalErrors writes the errors for a hidden field. An argument of another kind leaves its error out.
func (k Kept) MarshalErrors() string {
	var all []told
	for _, e := range k.Errors {
		if one, ok := tell(e); ok {
			all = append(all, one)
		}
	}
	text, err := json.Marshal(all)
	if err != nil || len(all) == 0 {
		return ""
	}
	return string(text)
}

func tell(e FieldError) (told, bool) {
	one := told{
		Field: e.Field, Key: e.Text.key, Plain: e.Text.plain,
		Words: map[string]string{}, Numbers: map[string]int{}, Durations: map[string]time.Duration{}, Times: map[string]time.Time{},
		Texts: map[string]told{},
	}
	for name, arg := range e.Text.args {
		switch arg := arg.(type) {
		case string:
			one.Words[name] = arg
		case int:
			one.Numbers[name] = arg
		case time.Duration:
			one.Durations[name] = arg
		case time.Time:
			one.Times[name] = arg
		case Text:
			inner, ok := tell(FieldError{Text: arg})
			if !ok {
				return told{}, false
			}
			one.Texts[name] = inner
		default:
			return told{}, false
		}
	}
	return one, true
}

// UnmarshalErrors reads what MarshalErrors wrote; what cannot be read, or names no words that known knows, is no error.
func UnmarshalErrors(text string, known func(key string) bool) Errors {
	var all []told
	if json.Unmarshal([]byte(text), &all) != nil {
		return nil
	}
	var errs Errors
	for _, one := range all {
		if words, ok := one.text(known); ok {
			errs = append(errs, FieldError{Field: one.Field, Text: words})
		}
	}
	return errs
}

func (one told) text(known func(key string) bool) (Text, bool) {
	if one.Key == "" {
		return Plain(one.Plain), true
	}
	args := map[string]any{}
	for name, inner := range one.Texts {
		words, ok := inner.text(known)
		if !ok {
			return Text{}, false
		}
		args[name] = words
	}
	for name, arg := range one.Words {
		args[name] = arg
	}
	for name, arg := range one.Numbers {
		args[name] = arg
	}
	for name, arg := range one.Durations {
		args[name] = arg
	}
	for name, arg := range one.Times {
		args[name] = arg
	}
	return Text{key: one.Key, args: args}, known(one.Key)
}

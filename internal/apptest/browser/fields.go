package browser

import (
	"fmt"

	"github.com/chromedp/chromedp"
)

// Fill types into the field of that name, in place of what stands there.
func (p *Page) Fill(name, text string) {
	p.t.Helper()
	if !p.Exists(fmt.Sprintf(`[name=%q]`, name)) {
		p.failf("no field %s", name)
	}
	value[bool](p, fmt.Sprintf(`(() => { const e = document.querySelector('[name=%q]'); e.value = ""; e.focus(); return true })()`, name))
	if text != "" {
		p.run("fill "+name, chromedp.SendKeys(chromedp.CSS(fmt.Sprintf(`[name=%q]`, name)), text))
	}
}

// SetValue sets a field that browsers let nobody type into as text, such as a date.
func (p *Page) SetValue(name, text string) {
	p.t.Helper()
	if !value[bool](p, fmt.Sprintf(`(() => { const e = document.querySelector('[name=%q]'); e.value = %q; return e.value === %q })()`, name, text, text)) {
		p.failf("field %s does not take %q", name, text)
	}
}

// Upload chooses a file for the field of that name.
func (p *Page) Upload(name, file string) {
	p.t.Helper()
	p.run("choose a file for "+name, chromedp.SetUploadFiles(chromedp.CSS(fmt.Sprintf(`input[type=file][name=%q]`, name)), []string{file}, chromedp.NodeReady))
}

// Choose picks the radio button or checkbox of that name and value.
func (p *Page) Choose(name, choice string) {
	p.t.Helper()
	p.run("choose "+name+"="+choice, chromedp.Click(chromedp.CSS(fmt.Sprintf(`input[name=%q][value=%q]`, name, choice)), chromedp.NodeReady))
}

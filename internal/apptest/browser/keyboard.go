package browser

import (
	"context"
	"fmt"

	"github.com/chromedp/chromedp"
)

// Select chooses an option of the list of that name by its value or its words.
func (p *Page) Select(name, wanted string) {
	p.t.Helper()
	if !value[bool](p, fmt.Sprintf(`(() => { const e = document.querySelector('select[name=%q]'); if (!e) return false;
		const o = [...e.options].find(o => o.value === %q || o.text === %q); if (!o) return false; e.value = o.value; return true })()`, name, wanted, wanted)) {
		p.failf("no choice %s of %s", wanted, name)
	}
}

// maxTabs bounds how long the keyboard looks for something.
const maxTabs = 200

// TabTo presses Tab until the focus is on what the selector matches. What cannot be reached by the keyboard fails.
func (p *Page) TabTo(selector string) {
	p.t.Helper()
	for range maxTabs {
		p.Type("\t")
		if value[bool](p, fmt.Sprintf(`document.activeElement !== null && document.activeElement.matches(%q)`, selector)) {
			return
		}
	}
	p.failf("Tab does not reach %s", selector)
}

// Type presses keys where the focus is.
func (p *Page) Type(keys string) {
	p.t.Helper()
	ctx, cancel := context.WithTimeout(p.ctx, patience)
	defer cancel()
	if err := chromedp.Do(ctx, chromedp.KeyEvent(keys)); err != nil {
		p.failf("type %q: %v", keys, err)
	}
}

// Keys goes to the field of that name by Tab and types.
func (p *Page) Keys(name, text string) {
	p.t.Helper()
	p.TabTo(fmt.Sprintf(`[name=%q]`, name))
	p.Type(text)
}

// Enter presses Enter where the focus is and waits for the page it leads to.
func (p *Page) Enter() int64 {
	p.t.Helper()
	return p.navigate("press Enter", chromedp.KeyEvent("\r"))
}

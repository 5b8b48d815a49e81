package browser

import (
	"context"
	"encoding/base64"
	"fmt"

	"github.com/chromedp/chromedp"
)

// Fetch posts a form from the page, with its cookies, and returns what came: for answers that are files. A redirect is status 0.
func (p *Page) Fetch(path, form string) (status int, body []byte) {
	p.t.Helper()
	if !p.o.Script {
		p.run("scripts for the file", scripts(true))
		defer p.run("no scripts again", scripts(false))
	}
	ctx, cancel := context.WithTimeout(p.ctx, patience)
	defer cancel()
	type answer struct {
		Status int
		Body   string
	}
	got, err := chromedp.Run(ctx, chromedp.Evaluate[answer](fmt.Sprintf(`fetch(%q, {method: "POST", redirect: "manual", headers: {"Content-Type": "application/x-www-form-urlencoded"}, body: %q})
		.then(r => r.arrayBuffer().then(b => ({Status: r.status, Body: btoa(Array.from(new Uint8Array(b), c => String.fromCharCode(c)).join(""))})))`, path, form),
		chromedp.EvalAwaitPromise))
	if err != nil {
		p.failf("fetch %s: %v", path, err)
	}
	if body, err = base64.StdEncoding.DecodeString(got.Body); err != nil {
		p.failf("fetch %s: %v", path, err)
	}
	return got.Status, body
}

package browser

import (
	"context"
	"fmt"
	"strings"
	"time"

	cdpbrowser "github.com/chromedp/cdproto/browser"
	"github.com/chromedp/cdproto/cdp"
	"github.com/chromedp/cdproto/page"
	"github.com/chromedp/cdproto/serviceworker"
	"github.com/chromedp/chromedp"
)

// Before runs the script in every page from now on, before the page's own.
func (p *Page) Before(script string) {
	p.t.Helper()
	p.run("a script before the page's", chromedp.Func(func(ctx context.Context, target *chromedp.Target) error {
		_, err := cdp.Call(ctx, target, page.AddScriptToEvaluateOnNewDocument, page.AddScriptToEvaluateOnNewDocumentParams{Source: script})
		return err
	}))
}

// Notices is what the person answers when the browser asks whether the site may show notices.
func (p *Page) Notices(allowed bool) {
	p.t.Helper()
	setting := cdpbrowser.PermissionSettingDenied
	if allowed {
		setting = cdpbrowser.PermissionSettingGranted
	}
	c := chromedp.FromContext(p.ctx)
	ctx, cancel := context.WithTimeout(p.ctx, patience)
	defer cancel()
	if _, err := cdp.Call(ctx, c.Browser, cdpbrowser.SetPermission, cdpbrowser.SetPermissionParams{
		Permission: &cdpbrowser.PermissionDescriptor{Name: "notifications"}, Setting: setting, Origin: p.base, BrowserContextID: c.BrowserContextID,
	}); err != nil {
		p.failf("leave for notices: %v", err)
	}
}

// Push hands data to the site's service worker, as Chromium does with what its push service brought.
func (p *Page) Push(data string) {
	p.t.Helper()
	found := make(chan serviceworker.RegistrationID, 16)
	if err := chromedp.Listen(p.ctx, func(ev any) {
		if ev, ok := ev.(*serviceworker.EventWorkerRegistrationUpdated); ok {
			for _, r := range ev.Registrations {
				if strings.HasPrefix(r.ScopeURL, p.base) && !r.IsDeleted {
					select {
					case found <- r.RegistrationID:
					default: // one is enough
					}
				}
			}
		}
	}); err != nil {
		p.failf("listen: %v", err)
	}
	p.run("push", chromedp.Func(func(ctx context.Context, target *chromedp.Target) error {
		if _, err := cdp.Call(ctx, target, serviceworker.Enable, cdp.Empty{}); err != nil {
			return err
		}
		select {
		case id := <-found:
			_, err := cdp.Call(ctx, target, serviceworker.DeliverPushMessage, serviceworker.DeliverPushMessageParams{
				Origin: p.base, RegistrationID: id, Data: data,
			})
			return err
		case <-ctx.Done():
			return fmt.Errorf("no service worker: %w", ctx.Err())
		}
	}))
}

// Await evaluates an expression that may be a promise.
func Await[T any](p *Page, expression string) T {
	p.t.Helper()
	ctx, cancel := context.WithTimeout(p.ctx, patience)
	defer cancel()
	v, err := chromedp.Run(ctx, chromedp.Evaluate[T](expression, chromedp.EvalAwaitPromise))
	if err != nil {
		p.failf("%s: %v", expression, err)
	}
	return v
}

// InWorker evaluates an expression, which may be a promise, in the site's service worker.
func InWorker[T any](p *Page, expression string) T {
	p.t.Helper()
	var none T
	for deadline := time.Now().Add(patience); time.Now().Before(deadline); time.Sleep(100 * time.Millisecond) {
		targets, err := chromedp.Targets(p.ctx)
		if err != nil {
			p.failf("targets: %v", err)
		}
		for _, one := range targets {
			if one.Type != "service_worker" || !strings.HasPrefix(one.URL, p.base) {
				continue
			}
			ctx, cancel := chromedp.NewContext(p.ctx, chromedp.WithTargetID(one.TargetID), chromedp.WithDetachOnCancel())
			defer cancel()
			bounded, stop := context.WithTimeout(ctx, patience)
			defer stop()
			v, err := chromedp.Run(bounded, chromedp.Evaluate[T](expression, chromedp.EvalAwaitPromise))
			if err != nil {
				p.failf("in the service worker: %s: %v", expression, err)
			}
			return v
		}
	}
	p.failf("no service worker runs")
	return none
}

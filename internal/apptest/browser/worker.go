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
	"github.com/chromedp/cdproto/target"
	"github.com/chromedp/chromedp"
)

// Before runs the script in every page from now on, before the page's own.
func (p *Page) Before(script string) {
	p.t.Helper()
	p.run("a script before the page's", chromedp.Func(func(ctx context.Context, tab *chromedp.Target) error {
		_, err := cdp.Call(ctx, tab, page.AddScriptToEvaluateOnNewDocument, page.AddScriptToEvaluateOnNewDocumentParams{Source: script})
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
	if p.worker == "" {
		p.findWorker()
	}
	p.run("push", chromedp.Func(func(ctx context.Context, tab *chromedp.Target) error {
		_, err := cdp.Call(ctx, tab, serviceworker.DeliverPushMessage, serviceworker.DeliverPushMessageParams{
			Origin: p.base, RegistrationID: p.worker, Data: data,
		})
		return err
	}))
}

// findWorker waits until the site's service worker is active, and asks for its name once: Chromium tells it once.
func (p *Page) findWorker() {
	p.t.Helper()
	if !Await[bool](p, `navigator.serviceWorker.ready.then((worker) => !!worker.active)`) {
		p.failf("the service worker is not active")
	}
	found := make(chan serviceworker.RegistrationID, 1)
	if err := chromedp.Listen(p.ctx, func(ev any) {
		if ev, ok := ev.(*serviceworker.EventWorkerRegistrationUpdated); ok {
			for _, r := range ev.Registrations {
				if r.ScopeURL == p.base+"/" && !r.IsDeleted {
					select {
					case found <- r.RegistrationID:
					default: // it is known
					}
				}
			}
		}
	}); err != nil {
		p.failf("listen: %v", err)
	}
	p.run("the service worker's name", chromedp.Func(func(ctx context.Context, tab *chromedp.Target) error {
		if _, err := cdp.Call(ctx, tab, serviceworker.Enable, cdp.Empty{}); err != nil {
			return err
		}
		select {
		case p.worker = <-found:
			return nil
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
	for deadline := time.Now().Add(patience); time.Now().Before(deadline); time.Sleep(100 * time.Millisecond) {
		targets, err := chromedp.Targets(p.ctx)
		if err != nil {
			p.failf("targets: %v", err)
		}
		for _, one := range targets {
			if one.Type == "service_worker" && strings.HasPrefix(one.URL, p.base+"/") {
				return inTarget[T](p, one.TargetID, expression)
			}
		}
	}
	p.failf("no service worker runs")
	var none T
	return none
}

func inTarget[T any](p *Page, id target.ID, expression string) T {
	p.t.Helper()
	ctx, detach := chromedp.NewContext(p.ctx, chromedp.WithTargetID(id), chromedp.WithDetachOnCancel())
	defer detach()
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	v, err := chromedp.Run(ctx, chromedp.Evaluate[T](expression, chromedp.EvalAwaitPromise))
	if err != nil {
		p.failf("in the service worker: %s: %v", expression, err)
	}
	return v
}

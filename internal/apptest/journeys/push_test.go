package journeys

import (
	"encoding/json"
	"fmt"
	"path/filepath"
	"testing"
	"time"

	"doverie/internal/app"
	"doverie/internal/apptest"
	"doverie/internal/apptest/browser"
	"doverie/internal/apptest/pushservice"
	"doverie/internal/notify"
	"doverie/internal/notify/webpush"
)

// A real Chromium subscribes at Google's service only, which tests do not reach. Here a stand-in takes its place: the page
// asks it for a subscription, the server encrypts for it, it decrypts, and Chromium is handed the plain text exactly where
// its own push service would hand it over. Everything else (permission, service worker, notice on the screen) is Chromium's.
const standIn = `(() => {
	const made = %s;
	const subscription = { endpoint: made.endpoint, options: {}, toJSON: () => made, unsubscribe: async () => true };
	PushManager.prototype.getSubscription = async () => localStorage.getItem("stand-in") ? subscription : null;
	PushManager.prototype.subscribe = async (options) => {
		if (!options.userVisibleOnly || new Uint8Array(options.applicationServerKey).length !== 65) throw new Error("another subscription");
		localStorage.setItem("stand-in", "yes");
		return subscription;
	};
})()`

// shown are the notices on the screen.
type shown struct{ Title, Body, Tag, Path string }

func (a *actor) notices() []shown {
	return browser.Await[[]shown](a.Page, `navigator.serviceWorker.ready.then((worker) => worker.getNotifications())
		.then((all) => all.map((one) => ({ Title: one.title, Body: one.body, Tag: one.tag, Path: one.data.path })))`)
}

// A contact switches notices on, is told of a request on his screen, and presses: the list of requests opens, and nothing else.
func TestPushNotice(t *testing.T) {
	for _, w := range []way{{"ru", true, "postgres"}, {"en", true, "sqlite"}} {
		t.Run(w.String(), func(t *testing.T) {
			service := pushservice.New(t)
			world := apptest.New(t, w.engine, apptest.Options{Localhost: true, Carriers: app.Carriers{Push: &webpush.Config{
				Contact: "mailto:push@doverie.example", Services: []string{service.Host()}, CAFile: service.CA(), AnyPort: true,
			}}})
			s := &stage{World: world, t: t, way: w, words: world.Texts.Printer(w.lang, world.Policy.Location())}
			s.Family = world.AddFamily()
			s.linked()
			at := service.Subscribe(t)
			alexey := s.enter("alexey", s.Alexey)
			alexey.Before(fmt.Sprintf(standIn, at.JSON()))
			alexey.signIn(apptest.Password)
			alexey.Go("/settings/safety/login")
			alexey.Press(`main a[href="/settings/safety/push"]`)
			alexey.See(s.T("push.on"))
			alexey.SeeNot(s.T("push.none"))
			// He says no to the browser, and reads what to do; then he says yes.
			alexey.Notices(false)
			alexey.Touch(`[data-push] button`)
			alexey.WaitFor(s.T("push.script.denied"))
			alexey.Notices(true)
			alexey.Press(`[data-push] button`)
			alexey.At("/settings/safety/push?done=on")
			alexey.See(s.T("push.done.on"))
			alexey.SeeNot(s.T("push.on"))

			before := len(at.Got())
			s.enter("applicant", s.Vera).startRecovery()
			s.Settle()
			got := at.Got()
			if len(got) != before+1 || len(service.Problems()) > 0 {
				t.Fatalf("%d pushes came; %v", len(got)-before, service.Problems())
			}
			plain := string(got[before].Plain)
			var note webpush.Note
			if err := json.Unmarshal([]byte(plain), &note); err != nil {
				t.Fatal(err)
			}
			alexey.Push(plain)
			waitUntil(t, func() bool { return len(alexey.notices()) == 1 })
			if on := alexey.notices()[0]; on.Title != note.Title || on.Body != note.Body || on.Path != "/approvals" {
				t.Errorf("on the screen: %+v, want %+v", on, note)
			}
			if sms := s.Newest(s.Alexey.Phone, notify.RecoveryAsked); sms.Text.Body == "" {
				t.Error("the SMS did not come beside it")
			}
			alexey.Push(plain) // a second copy of the same is the same notice
			alexey.Push(`{"title":"` + note.Title + `","path":"https://evil.example/approvals","tag":"x"}`)
			waitUntil(t, func() bool { return len(alexey.notices()) == 2 })
			for _, on := range alexey.notices() {
				if on.Path != "/approvals" {
					t.Errorf("a press would lead to %s", on.Path)
				}
			}

			// The press itself: no automation of Chromium presses a notice of the system, so the event is made in the worker, which
			// may then open no window by itself; the test opens what it asked for.
			opened := browser.InWorker[string](alexey.Page, `(async () => {
				const asked = new Promise((tell) => { self.clients.openWindow = async (path) => { tell(path); return null; }; });
				const [notification] = await self.registration.getNotifications({ tag: "/approvals" });
				self.dispatchEvent(new NotificationEvent("notificationclick", { notification }));
				return asked;
			})()`)
			if opened != "/approvals" {
				t.Fatalf("the press opens %q", opened)
			}
			waitUntil(t, func() bool { return len(alexey.notices()) == 1 }) // the pressed one is gone
			alexey.Go(opened)
			alexey.At("/approvals")
			alexey.openRequest()

			// Signing out ends the notices in this browser.
			alexey.Press(`form[action="/sign-out"] button`)
			if n := s.DB.Count(t, `SELECT COUNT(id) FROM push_browsers WHERE ended_at IS NULL`); n != 0 {
				t.Errorf("%d browsers still get notices", n)
			}
			if p := alexey.Problems(); len(p) > 0 {
				t.Errorf("the content policy blocked: %v", p)
			}

			// Without scripts the page says plainly that it cannot be done, and has no button.
			plainBrowser := &stage{World: world, t: t, way: way{w.lang, false, w.engine}, words: s.words, Family: s.Family}
			vera := plainBrowser.enter("vera", s.Vera)
			vera.signIn(apptest.Password)
			vera.Go("/settings/safety/push")
			vera.See(s.T("push.none"))
			vera.SeeNot(s.T("push.on"))
			for _, v := range vera.Axe() { // what it shows differs from the page with scripts that was inspected under the same name
				t.Errorf("axe: without scripts: %s (%s) %v", v.ID, v.Help, v.Nodes)
			}
			if *shots != "" {
				vera.Shot(filepath.Join(*shots, w.lang+"-push-without-scripts-320.png"), 320)
			}
		})
	}
}

// waitUntil waits for what another program does by itself.
func waitUntil(t *testing.T, done func() bool) {
	t.Helper()
	for range 300 {
		if done() {
			return
		}
		time.Sleep(100 * time.Millisecond)
	}
	t.Fatal("it did not come")
}

package browser_test

import (
	"net/http"
	"net/http/httptest"
	"testing"

	"doverie/internal/apptest/browser"
)

func TestMain(m *testing.M) { browser.Main(m) }

const form = `<!doctype html><html lang="ru"><head><title>Проба</title></head><body><main><h1>Проба</h1>
<form method="post"><label>Имя <input name="name" value="старое"></label>
<label><input type="radio" name="q" value="yes"> да</label><button>Отправить имя</button></form>
<p id="js">нет</p><script>document.getElementById("js").innerText = "сценарий работает"</script></main></body></html>`

func TestThePageIsUsedByItsWords(t *testing.T) {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /", func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "text/html; charset=utf-8")
		_, _ = w.Write([]byte(form))
	})
	mux.HandleFunc("POST /", func(w http.ResponseWriter, r *http.Request) {
		http.Redirect(w, r, "/done?"+r.PostFormValue("name")+r.PostFormValue("q")+r.Header.Get("Accept-Language"), http.StatusSeeOther)
	})
	server := httptest.NewServer(mux)
	t.Cleanup(server.Close)
	for _, script := range []bool{true, false} {
		p := browser.Open(t, server.URL, "tester", browser.Options{Script: script, Lang: "ru"})
		if status := p.Go("/"); status != http.StatusOK {
			t.Fatalf("status %d", status)
		}
		if says := p.TextOf("#js") == "сценарий работает"; says != script {
			t.Fatalf("script %v, the page says %q", script, p.TextOf("#js"))
		}
		if p.Weight() == 0 {
			t.Error("nothing was weighed")
		}
		p.Fill("name", "Вера")
		p.Choose("q", "yes")
		p.Click("Отправить имя")
		p.At("/done?%d0%92%d0%b5%d1%80%d0%b0yesru")
		if v := p.Axe(); len(v) != 0 {
			t.Errorf("axe: %+v", v)
		}
	}
}

func TestAxeFindsAMissingLabel(t *testing.T) {
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "text/html; charset=utf-8")
		_, _ = w.Write([]byte(`<!doctype html><html lang="ru"><head><title>x</title></head><body><main><h1>x</h1><input name="x"></main></body></html>`))
	}))
	t.Cleanup(server.Close)
	p := browser.Open(t, server.URL, "tester", browser.Options{Script: true, Lang: "ru"})
	p.Go("/")
	for _, v := range p.Axe() {
		if v.ID == "label" {
			return
		}
	}
	t.Fatal("a field without a label passes: the check checks nothing")
}

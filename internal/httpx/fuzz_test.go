package httpx

import (
	"net/http"
	"net/http/httptest"
	"net/netip"
	"net/url"
	"strings"
	"testing"
	"unicode/utf8"

	"doverie/internal/fault"
	"doverie/internal/i18n"
)

func FuzzForm(f *testing.F) {
	for _, body := range []string{
		"phone=8+%28913%29+123-45-67", "name=%D0%81%D0%BB%D0%BA%D0%B0&name=2", "a=%ff", "a=%00", "a=b;c=d", "%zz=1", "=&=&=", "a", "a=%E2%80%AEb", strings.Repeat("a=1&", 200), "a=" + strings.Repeat("x", 9000), "a=%7f",
	} {
		f.Add(body, "application/x-www-form-urlencoded")
	}
	f.Add("a=1", "application/x-www-form-urlencoded; charset=utf-8")
	f.Add("a=1", "multipart/form-data; boundary=x")
	f.Add("a=1", "text/plain")
	f.Fuzz(func(t *testing.T, body, kind string) {
		r := httptest.NewRequest(http.MethodPost, "/?query=1", strings.NewReader(body))
		r.Header.Set("Content-Type", kind)
		form, err := Form(r)
		if err != nil {
			if !fault.Is(err, fault.Invalid) || form != nil {
				t.Fatalf("%q: %v, %v", body, form, err)
			}
			return
		}
		if form.Has("query") && !strings.Contains(body, "query") {
			t.Fatal("the address is taken for a field")
		}
		n := 0
		for name, values := range form {
			for _, v := range append(values, name) {
				if !utf8.ValidString(v) || strings.ContainsAny(v, "\x00\x1b\x7f") {
					t.Fatalf("%q gave %q", body, v)
				}
			}
			n += len(values)
		}
		if n > maxFields {
			t.Fatalf("%d fields", n)
		}
	})
}

func FuzzDevice(f *testing.F) {
	for _, agent := range []string{
		"Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/128.0.0.0 YaBrowser/24.10 Safari/537.36",
		"Mozilla/5.0 (iPhone; CPU iPhone OS 17_5 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/17.5 Safari/604.1", "<script>Chrome/</script>", "\u202eChrome/ Android", "",
	} {
		f.Add(agent)
	}
	f.Fuzz(func(t *testing.T, agent string) {
		// A contact reads this line when he decides: nothing that the browser writes may stand in it.
		said := Device(agent)
		for part := range strings.SplitSeq(said, ", ") {
			if known := func(signs []sign) bool {
				for _, s := range signs {
					if s.name == part && strings.Contains(agent, s.mark) {
						return true
					}
				}
				return false
			}; said != "" && !known(browserSigns) && !known(systemSigns) {
				t.Fatalf("%q is said to be %q", agent, said)
			}
		}
	})
}

func FuzzArea(f *testing.F) {
	for _, pair := range [][2]string{
		{"91.221.7.7:1234", ""}, {"10.0.0.1:1", "91.221.7.7"}, {"10.0.0.1:1", "1.2.3.4, 91.221.7.7, 10.0.0.2"}, {"[2a00:1fa0::1]:1", ""}, {"10.0.0.1:1", "2a00:1fa0::1%eth0"}, {"10.0.0.1:1", "::ffff:91.221.7.7"},
		{"10.0.0.1:1", "unknown"}, {"@", "91.221.7.7"}, {"10.0.0.1:1", "91.221.7.7:80"}, {"10.0.0.1:1", ",,"}, {"[::ffff:10.0.0.1]:1", "91.221.7.7"}, {"10.0.0.1:1", "091.221.7.7"},
	} {
		f.Add(pair[0], pair[1])
	}
	trusted := netip.MustParsePrefix("10.0.0.0/8")
	k := &Kit{cfg: Config{TrustedProxies: []netip.Prefix{trusted}}}
	f.Fuzz(func(t *testing.T, remote, forwarded string) {
		r := &http.Request{RemoteAddr: remote, Header: http.Header{"X-Forwarded-For": {forwarded}}}
		area := k.Area(r)
		peer, _ := netip.ParseAddrPort(remote)
		direct := k.Area(&http.Request{RemoteAddr: remote, Header: http.Header{}})
		if peer.IsValid() && !trusted.Contains(peer.Addr().Unmap()) && area != direct {
			t.Fatalf("%q is nobody's proxy, and its header %q was believed: %s", remote, forwarded, area)
		}
		if area == "" {
			return
		}
		p, err := netip.ParsePrefix(area)
		if err != nil || p.Masked() != p || p.Addr().Is4() && p.Bits() != 16 || p.Addr().Is6() && p.Bits() != 32 || p.Addr().Is4In6() || p.Addr().Zone() != "" {
			t.Fatalf("%q through %q is in %q (%v)", forwarded, remote, area, err)
		}
	})
}

func FuzzAcceptLanguage(f *testing.F) {
	for _, accept := range []string{"ru-RU,ru;q=0.9,en;q=0.8", "en-US,en;q=0.5", "de", "tt-RU,ru;q=0.5", "*", "", "ru;q=0", "en;q=NaN", "x-klingon", "en-GB-oed", "ru_RU.UTF-8", "\xff", strings.Repeat("en,", 500)} {
		f.Add("", "", accept)
	}
	f.Add("en", "ru", "ru")
	f.Add("../en", "EN", "en")
	f.Fuzz(func(t *testing.T, query, cookie, accept string) {
		lang := languageOf(url.Values{"lang": {query}}, cookie, accept)
		switch {
		case !i18n.Known(lang):
			t.Fatalf("%q, %q, %q: %q", query, cookie, accept, lang)
		case i18n.Known(query) && lang != query, !i18n.Known(query) && i18n.Known(cookie) && lang != cookie:
			t.Fatalf("%q, %q, %q: %q against the reader's choice", query, cookie, accept, lang)
		}
	})
}

func FuzzWithoutLang(f *testing.F) {
	for _, path := range []string{"/", "/?lang=en", "/a?x=1&lang=en&y=%D1%91", "//evil.test/?lang=ru", "/\\evil?lang=ru", "/%2f/?lang=en", "/a?lang=en;b", "?lang=en", "/a#?lang=en"} {
		f.Add(path)
	}
	base := &url.URL{Scheme: "https", Host: "id.test", Path: "/language"}
	f.Fuzz(func(t *testing.T, path string) {
		safe := SafeNext(path, "/")
		back := withoutLang(safe)
		u, err := base.Parse(back)
		if err != nil || u.Host != "id.test" || u.Scheme != "https" || u.User != nil {
			t.Fatalf("%q leads to %v (%v)", path, u, err)
		}
		if back != safe && u.Query().Has("lang") {
			t.Fatalf("%q still names a language: %q", path, back)
		}
	})
}

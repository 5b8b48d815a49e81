package signals

import (
	"net/netip"
	"net/url"
	"strings"
)

// Origin is scheme and host of an address that tokens may be sent to: https with a host, nothing else
// (no user, no fragment); http too where plain says so, and then for a loopback address only. The second
// result is false for every other text.
func Origin(address string, plain bool) (string, bool) {
	u, err := url.Parse(address)
	if err != nil || u.Host == "" || u.User != nil || u.Fragment != "" || u.Opaque != "" || strings.ContainsAny(address, "# \t\r\n\\") {
		return "", false
	}
	host := strings.ToLower(u.Host)
	switch {
	case u.Hostname() == "" || strings.HasSuffix(u.Host, ":"):
		return "", false
	case u.Scheme == "https":
		return "https://" + strings.TrimSuffix(host, ":443"), true
	case u.Scheme == "http" && plain && Loopback(u.Hostname()):
		return "http://" + strings.TrimSuffix(host, ":80"), true
	}
	return "", false
}

// Loopback reports whether the host is this very machine.
func Loopback(host string) bool {
	if strings.EqualFold(host, "localhost") {
		return true
	}
	ip, err := netip.ParseAddr(host)
	return err == nil && ip.Unmap().IsLoopback()
}

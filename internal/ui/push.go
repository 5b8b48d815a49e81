package ui

// PushList shows the browsers that get notices, and switches them on here.
type PushList struct {
	News     Notice
	Browsers []SignedIn
	Here     bool   // this browser is among them
	Key      string // the server's public key, base64url
	Longest  int    // browsers one person may have
	Full     bool   // so many there are
}

// Template is the page's file.
func (PushList) Template() string { return "push_list.html" }

// Title is the page's title.
func (PushList) Title() Text { return K("push.title") }

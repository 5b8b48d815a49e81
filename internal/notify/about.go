package notify

import "doverie/internal/effect"

// About is the locale key of what a message was about, for whoever reads later that it was sent: no name, no code, nothing
// that only its text said. asContact chooses the contact's side of a kind that has two.
func About(kind Kind, asContact bool) string {
	spec, known := registry[kind]
	switch {
	case !known:
		return "messages.about.other"
	case spec.HasCode() && !spec.Allows(effect.Email): // an SMS has no title
		return "messages.about." + string(kind)
	case spec.TwoSided && asContact:
		return "message." + string(kind) + ".contact.title"
	}
	return "message." + string(kind) + ".title"
}

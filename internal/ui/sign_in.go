package ui

import "time"

// SignInForm asks for the identifier and the password.
type SignInForm struct {
	Errors     Errors
	News       Notice // why the reader is here again; may be empty
	Next       string // where to go afterwards
	Identifier TextField
	Password   PasswordField
	Key        KeyButton // zero: not offered
}

// Template is the page's file.
func (SignInForm) Template() string { return "sign_in_form.html" }

// Title is the page's title.
func (SignInForm) Title() Text { return K("sign_in.title") }

// SecondFactor is what the two pages that ask for a second factor have in common.
type SecondFactor struct {
	Errors Errors
	Next   string
	Code   CodeField
	BySMS  bool
	Resent bool
	Other  string        // the other second factor, "sms" or "totp"; empty: there is none
	Pause  time.Duration // before a code may be sent again
	Until  time.Time     // the whole step ends
	Key    KeyButton     // zero: the person has no passkey
	NoCode bool          // only a passkey can answer
}

// SignInCode asks for the second factor of a sign-in.
type SignInCode struct {
	SecondFactor

	Remember Checkbox
}

// Template is the page's file.
func (SignInCode) Template() string { return "sign_in_code.html" }

// Title is the page's title.
func (p SignInCode) Title() Text {
	switch {
	case p.NoCode:
		return K("passkeys.second.only")
	case p.BySMS:
		return K("sign_in.code.title")
	}
	return K("sign_in.code.title_app")
}

// StepUpPassword asks for the password once more.
type StepUpPassword struct {
	Errors   Errors
	News     Notice // why the check begins again; may be empty
	Next     string
	Life     time.Duration // of the check
	Password PasswordField
	Key      KeyButton // zero: the person has no passkey
}

// Template is the page's file.
func (StepUpPassword) Template() string { return "step_up_password.html" }

// Title is the page's title.
func (StepUpPassword) Title() Text { return K("step_up.title") }

// StepUpCode asks for the second factor once more.
type StepUpCode struct {
	SecondFactor
}

// Template is the page's file.
func (StepUpCode) Template() string { return "step_up_code.html" }

// Title is the page's title.
func (StepUpCode) Title() Text { return K("step_up.code.title") }

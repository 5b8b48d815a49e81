package ui

import "time"

// RegisterForm asks for what an account begins with.
type RegisterForm struct {
	Errors     Errors
	Over       Text // why an earlier registration did not end; may be empty
	SignIn     string
	Family     TextField
	Given      TextField
	Patronymic TextField
	Phone      TextField
	Email      TextField
	Password   PasswordField
}

// Template is the page's file.
func (RegisterForm) Template() string { return "register_form.html" }

// Title is the page's title.
func (RegisterForm) Title() Text { return K("register.title") }

// RegisterCode asks for the code from the phone.
type RegisterCode struct {
	Errors Errors
	Resent bool
	Phone  string        // E.164, as its owner typed it a moment ago
	Pause  time.Duration // before a code may be sent again
	Code   CodeField
}

// Template is the page's file.
func (RegisterCode) Template() string { return "register_code.html" }

// Title is the page's title.
func (RegisterCode) Title() Text { return K("register.code.title") }

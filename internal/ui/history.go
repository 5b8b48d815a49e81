package ui

import "time"

// HistoryDay is what happened on one day.
type HistoryDay struct {
	Day  time.Time
	Rows Rows
}

// HistoryList is «Действия в системе»: the person's own history, newest first.
type HistoryList struct {
	Days  []HistoryDay
	Empty EmptyState
	Pages Pages
}

// Template is the page's file.
func (HistoryList) Template() string { return "history_list.html" }

// Title is the page's title.
func (HistoryList) Title() Text { return K("history.title") }

// HistoryProofs offers the person's own history as a file that proves itself.
type HistoryProofs struct {
	Key      string    // public key with which the file is checked
	SignedAt time.Time // of the newest checkpoint; zero when Ready is false
	Ready    bool      // something is signed
	Newer    bool      // something happened after that
}

// Template is the page's file.
func (HistoryProofs) Template() string { return "history_proofs.html" }

// Title is the page's title.
func (HistoryProofs) Title() Text { return K("proofs.title") }

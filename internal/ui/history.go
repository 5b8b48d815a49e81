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

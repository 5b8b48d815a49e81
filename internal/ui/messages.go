package ui

import "time"

// MessagesList is «Сообщения от нас»: what was really sent to its reader, and how to tell what was not.
type MessagesList struct {
	Days  []HistoryDay
	For   time.Duration // how far back the list goes
	Empty EmptyState
	Pages Pages
}

// Template is the page's file.
func (MessagesList) Template() string { return "messages_list.html" }

// Title is the page's title.
func (MessagesList) Title() Text { return K("messages.title") }

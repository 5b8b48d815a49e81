package recovery

// EventName gives the names of events to the table.
func EventName(e Event) string { return e.event() }

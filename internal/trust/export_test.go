package trust

// LinkEventName and its like give the names of events to the tables.
func LinkEventName(e LinkEvent) string         { return e.linkEvent() }
func ApprovalEventName(e ApprovalEvent) string { return e.approvalEvent() }
func ActionEventName(e ActionEvent) string     { return e.actionEvent() }
func GuardEventName(e GuardEvent) string       { return e.guardEvent() }

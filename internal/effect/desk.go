package effect

// What a service desk does to an account, besides what people do themselves.

// ConfirmPerson raises a standard account to confirmed: its person and document were seen. Exactly one open,
// standard account, or the whole commit is refused.
type ConfirmPerson struct{ Account string }

// CorrectName replaces the names of an account that is not closed. Patronymic may be empty.
type CorrectName struct {
	Account                   string
	Family, Given, Patronymic string
}

// UnlockRecovery opens online recovery before its lock is over.
type UnlockRecovery struct{ Account string }

func (ConfirmPerson) effect()  {}
func (CorrectName) effect()    {}
func (UnlockRecovery) effect() {}

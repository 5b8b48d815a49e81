package effect

// What a service desk does to an account, besides what people do themselves.

// ConfirmPerson raises an open account to confirmed: its person and document were seen. Without a SNILS exactly one
// standard account, whose data were typed before; with one exactly one simplified account, which gets the data as the
// desk read them. Or the whole commit is refused.
type ConfirmPerson struct {
	Account            string
	Birth, Citizenship string // 2006-01-02; ISO 3166 alpha-3
	SNILS              string
	Document, Last4    string
}

// LoseSNILS takes a SNILS away from an account where it was only typed, because its owner proved it in person: the
// account is simplified again. Exactly one account that has it and is not confirmed, or the whole commit is refused.
type LoseSNILS struct{ Account, SNILS string }

// CorrectName replaces the names of an account that is not closed. Patronymic may be empty.
type CorrectName struct {
	Account                   string
	Family, Given, Patronymic string
}

// UnlockRecovery opens online recovery before its lock is over.
type UnlockRecovery struct{ Account string }

func (ConfirmPerson) effect()  {}
func (LoseSNILS) effect()      {}
func (CorrectName) effect()    {}
func (UnlockRecovery) effect() {}

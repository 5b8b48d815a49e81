package journeys

import (
	"testing"

	"doverie/internal/account"
	"doverie/internal/apptest"
	"doverie/internal/desk"
	"doverie/internal/notify"
	"doverie/internal/store/storetest"
)

// TestATypedSNILSGivesWay: somebody has typed Nina's SNILS into his own account. She reads that she has to come with her
// passport; the desk finds her by phone, confirms her with the number, and the stranger is told why he lost it.
func TestATypedSNILSGivesWay(t *testing.T) {
	for _, w := range []way{{"ru", false, "sqlite"}, {"en", true, "postgres"}} {
		t.Run(w.String(), func(t *testing.T) { typedSNILS(atLocalhost(t, w)) })
	}
}

func typedSNILS(s *stage) {
	const number = "112-233-445 95"
	newcomer := func(given, phone, email string) account.Account {
		a := s.Add(storetest.Person{Given: given, Phone: phone, Email: email, Level: account.Simplified})
		s.DB.Exec(s.t, `UPDATE accounts SET snils = NULL, birth_date = NULL, citizenship = NULL WHERE id = $1`, a.ID)
		return a
	}
	stranger := s.enter("stranger", newcomer("Максим", "+79161110001", "max@example.test"))
	stranger.signIn(apptest.Password)
	stranger.document(number)
	stranger.At("/settings/account?done=document")

	nina := s.enter("nina", newcomer("Нина", "+79161110002", "nina@example.test"))
	nina.signIn(apptest.Password)
	nina.document(number)
	nina.See(s.T("fault.snils.taken"))
	nina.look("somebody else has typed her SNILS")

	anna := s.employ("anna", desk.Clerk)
	anna.visit(number, desk.Identity) // a stranger's account
	anna.See(s.T("operator.snils.typed"))
	anna.look("the SNILS was only typed")
	anna.visit(nina.who.Phone, desk.Identity)
	anna.do(desk.Confirm)
	anna.See(s.T("operator.confirm.fill"))
	anna.fill("birth_date", "1.2.1950", "snils", "112-233-445 96")
	anna.Select("citizenship", "RUS")
	anna.sure("/acts/confirm")
	anna.See(s.T("fault.snils.check"))
	anna.kept("birth_date", "1.2.1950", "citizenship", "RUS", "snils", "112-233-445 96")
	anna.look("the desk fills in the data")
	anna.fill("birth_date", "01.02.1950", "snils", number)
	anna.sure("/acts/confirm")
	anna.See(s.T("operator.also.took_snils"), s.T("operator.done"))
	anna.look("the SNILS gave way")

	s.told(notify.AccountConfirmed, 1, reach(nina.who)...)
	s.told(notify.AccountSNILSLost, 1, reach(stranger.who)...)
	nina.Go("/settings/account")
	nina.See(s.T("account.badge.confirmed"))
	stranger.Go("/settings/account")
	stranger.SeeNot(s.T("account.badge.standard"))
	stranger.Go("/settings/safety/events")
	stranger.See(s.T("event.account.snils_lost"))
}

// document types the data of a document with that SNILS.
func (a *actor) document(snils string) {
	a.s.t.Helper()
	a.Go("/settings/account/document")
	a.fill("birth_date", "12.04.1954", "snils", snils, "document", "5004 123456")
	a.Select("citizenship", "RUS")
	a.Choose("kind", string(account.PassportRUS))
	a.submit()
}

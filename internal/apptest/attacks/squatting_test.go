package attacks

import (
	"fmt"
	"testing"
	"time"

	"doverie/internal/account"
	"doverie/internal/apptest"
	"doverie/internal/desk"
	"doverie/internal/effect"
	"doverie/internal/fault"
	"doverie/internal/notify"
	"doverie/internal/store/storetest"
)

// ninas is a SNILS that nobody has proven yet; a leaked list sells it.
const ninas = "112-233-445 95"

// documentWith is the form of the document data with a SNILS.
func documentWith(snils string) []string {
	return []string{"birth_date", "05.05.1960", "citizenship", "RUS", "kind", "passport_rus", "document", "5004 123456", "snils", snils}
}

// squatted is a desk, Mallory who typed Nina's SNILS into his own account, and Nina who has an account without it.
func squatted(t *testing.T, engine string) (c *counter, mallory, nina account.Account) {
	t.Helper()
	c = staffed(t, engine)
	newcomer := func(given, phone string) account.Account {
		a := c.Add(storetest.Person{Given: given, Phone: phone, Level: account.Simplified})
		c.DB.Exec(t, `UPDATE accounts SET snils = NULL, birth_date = NULL, citizenship = NULL WHERE id = $1`, a.ID)
		return a
	}
	mallory, nina = newcomer("Максим", "+79161110001"), newcomer("Нина", "+79161110002")
	thief := c.signedIn(mallory)
	thief.Want(thief.Post("/settings/account/document", documentWith(ninas)...), "/settings/account")
	if got := c.text(`SELECT level FROM accounts WHERE id = $1`, mallory.ID); got != "standard" {
		t.Fatalf("Mallory is %s", got)
	}
	return c, mallory, nina
}

func proof(snils string) []string {
	return []string{"birth_date", "01.02.1950", "citizenship", "RUS", "snils", snils}
}

// T21: whoever types a stranger's SNILS first must not keep her out: what was only typed gives way to what was proven.
func TestT21_ATypedSNILSGivesWay(t *testing.T) {
	t.Run("at the desk", func(t *testing.T) {
		c, mallory, nina := squatted(t, "sqlite")
		hers := c.signedIn(nina)
		a := hers.Post("/settings/account/document", documentWith(ninas)...)
		c.shows(a, c.T("fault.snils.taken")) // she reads that she has to come with the document
		// She comes. By the SNILS the desk finds a stranger, and is warned; by the phone it finds her.
		c.shows(c.anna.Get(c.anna.OpenCase(ninas, "identity")), c.T("operator.snils.typed"))
		visit := c.anna.OpenCase(nina.Phone, "identity")
		c.shows(c.anna.Get(visit+"/acts/confirm"), c.T("operator.confirm.fill"))
		act := c.anna.Act(visit, "confirm", proof(ninas)...)
		c.shows(c.anna.Get(act), c.T("operator.also.took_snils"))
		folded := account.Account{}
		folded.SNILS, _ = account.ParseSNILS(ninas)
		if got := c.text(`SELECT level FROM accounts WHERE id = $1 AND snils = $2`, nina.ID, folded.SNILS); got != "confirmed" {
			t.Errorf("Nina is %s", got)
		}
		if c.count(`SELECT COUNT(id) FROM accounts WHERE id = $1 AND level = 'simplified' AND snils IS NULL`, mallory.ID) != 1 {
			t.Error("Mallory keeps what is not his")
		}
		if c.Count(mallory.Phone, notify.AccountSNILSLost) != 1 || c.Count(nina.Phone, notify.AccountConfirmed) != 1 {
			t.Error("somebody was not told")
		}
		thief := c.signedIn(mallory)
		c.shows(thief.Get("/settings/safety/events"), c.T("event.account.snils_lost"))
		// He types it again: it is proven now, and the desk does not touch it for him either.
		c.shows(thief.Post("/settings/account/document", documentWith(ninas)...), c.T("fault.snils.taken"))
		again := c.anna.Post(c.anna.OpenCase(mallory.Phone, "identity")+"/acts/confirm", append(proof(ninas), "seen", "yes")...)
		c.shows(again, c.T("fault.desk.snils_confirmed"))
		if c.count(`SELECT COUNT(id) FROM accounts WHERE snils = $1 AND id = $2 AND level = 'confirmed'`, folded.SNILS, nina.ID) != 1 {
			t.Error("a confirmed holder was touched")
		}
	})
	t.Run("by an import", func(t *testing.T) {
		for _, engine := range []string{"sqlite", "postgres"} {
			c, mallory, _ := squatted(t, engine)
			im, err := c.Accounts.StartImport(t.Context(), effect.Act{Actor: effect.System}, "f00d", "people.jsonl")
			if err != nil {
				t.Fatal(err)
			}
			person := func(snils, phone string) string {
				return `{"family":"Орлова","given":"Нина","birth_date":"1950-02-01","citizenship":"RUS","snils":"` + snils + `","phone":"` + phone + `"}`
			}
			im.Add([]byte(person(ninas, "+79169990001")))
			im.Add([]byte(person(c.Vera.SNILS, "+79169990002")))
			faults, err := im.Finish(t.Context())
			if err != nil {
				t.Fatal(err)
			}
			if len(faults) != 1 || faults[0].Line != 2 || faults[0].Field.Key != "fault.import.taken" {
				t.Errorf("%s: %+v", engine, faults) // a confirmed holder is never touched
			}
			if c.count(`SELECT COUNT(id) FROM accounts WHERE id = $1 AND level = 'simplified' AND snils IS NULL`, mallory.ID) != 1 ||
				c.count(`SELECT COUNT(id) FROM accounts WHERE given = 'Нина' AND level = 'confirmed' AND snils IS NOT NULL`) != 1 {
				t.Errorf("%s: the typed SNILS did not give way", engine)
			}
			if c.Count(mallory.Phone, notify.AccountSNILSLost) != 1 {
				t.Errorf("%s: Mallory was not told", engine)
			}
		}
	})
}

// The desk confirms Nina with the number while Mallory, who typed it, is confirmed at another desk, gives it up for another
// number, or an import brings her. On PostgreSQL, many times: the number has one owner, and nobody is confirmed without one.
func TestT21_RaceForASNILS(t *testing.T) {
	c := staffed(t, "postgres")
	for round := range 12 {
		number, _ := account.ParseSNILS(storetest.SNILS(7000 + 2*round))
		other, _ := account.ParseSNILS(storetest.SNILS(7001 + 2*round))
		mallory := c.Add(storetest.Person{Given: "Максим", Level: account.Standard})
		nina := c.Add(storetest.Person{Given: "Нина", Level: account.Simplified})
		c.DB.Exec(t, `UPDATE accounts SET snils = $1 WHERE id = $2`, number, mallory.ID)
		c.DB.Exec(t, `UPDATE accounts SET snils = NULL WHERE id = $1`, nina.ID)
		c.Clock.Advance(time.Hour / 2) // a desk looks twenty times an hour at most
		his, hers := c.visit(mallory), c.visit(nina)
		acts := []func() error{
			func() error {
				_, err := c.Desk.Act(t.Context(), c.by(c.Anna), c.Anna.Operator, hers, desk.Wish{Kind: desk.Confirm, Birth: "01.02.1950", Citizenship: "RUS", SNILS: number})
				return err
			},
			func() error {
				switch round % 3 {
				case 0:
					_, err := c.Desk.Act(t.Context(), c.by(c.Anna), c.Anna.Operator, his, desk.Wish{Kind: desk.Confirm})
					return err
				case 1:
					_, err := c.Accounts.EnterDocument(t.Context(), byPerson, account.Caller{Account: mallory.ID}, account.DocumentInput{
						BirthDate: "05.05.1960", Citizenship: "RUS", SNILS: other, Kind: account.PassportRUS, Number: "5004 123456",
					})
					return err
				}
				return c.imports(number, round)
			},
		}
		errs := storetest.Parallel(len(acts), func(i int) error { return acts[i]() })
		for i, err := range errs {
			if err != nil && fault.Is(err, fault.Internal) {
				t.Errorf("round %d, act %d: %v", round, i, err)
			}
		}
		if fault.Is(errs[0], fault.Conflict) { // the operator presses again
			errs[0] = acts[0]()
		}
		owners := c.count(`SELECT COUNT(id) FROM accounts WHERE snils = $1`, number)
		proven := c.count(`SELECT COUNT(id) FROM accounts WHERE snils = $1 AND level = 'confirmed'`, number)
		if owners != 1 || proven != 1 {
			t.Errorf("round %d: %d have the number, %d of them proven (%v)", round, owners, proven, errs)
		}
		confirmedNina := c.text(`SELECT level FROM accounts WHERE id = $1`, nina.ID) == "confirmed"
		if confirmedNina != (errs[0] == nil) {
			t.Errorf("round %d: Nina's confirmation said %v", round, errs[0])
		}
	}
	c.intact()
}

func (c *counter) by(e apptest.Employee) effect.Act {
	return effect.Act{Actor: effect.Operator, ID: e.ID, Office: e.OfficeName}
}

// visit opens a case without the pages.
func (c *counter) visit(who account.Account) string {
	c.t.Helper()
	made, err := c.Desk.Open(c.t.Context(), c.by(c.Anna), c.Anna.Operator, desk.OpenInput{
		Identifier: who.Phone, Reason: desk.Identity, Document: account.PassportRUS, Last4: "3456",
	})
	if err != nil {
		c.t.Fatal(err)
	}
	return made.ID
}

// imports brings one person with that SNILS; an import that refuses the line is no error.
func (c *counter) imports(snils string, n int) error {
	im, err := c.Accounts.StartImport(c.t.Context(), effect.Act{Actor: effect.System}, snils, "people.jsonl")
	if err != nil {
		return err
	}
	im.Add([]byte(`{"family":"Орлова","given":"Нина","birth_date":"1950-02-01","citizenship":"RUS","snils":"` + snils + `","phone":"` + fmt.Sprintf("+7916888%04d", n) + `"}`))
	_, err = im.Finish(c.t.Context())
	return err
}

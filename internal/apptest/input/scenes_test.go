package input

import (
	"context"
	"strings"
	"time"

	"doverie/internal/account"
	"doverie/internal/apptest"
	"doverie/internal/notify"
	"doverie/internal/store"
	"doverie/internal/store/storetest"
	"doverie/internal/trust"
)

const contacts = "/settings/safety/trusted-contacts"

// one returns the one text a query gives.
func (p *play) one(query string) (text string) {
	p.t.Helper()
	err := p.Store.Read(p.t.Context(), func(ctx context.Context, q store.Querier) error {
		return q.QueryRow(ctx, query).Scan(&text)
	})
	if err != nil {
		p.t.Fatalf("%s: %v", query, err)
	}
	return text
}

func (p *play) must(err error) {
	p.t.Helper()
	if err != nil {
		p.t.Fatal(err)
	}
}

// at is a stranger at a page that is open to all.
func at(path string) scene {
	return func(p *play) (*apptest.Client, string) { return p.Client(), path }
}

// signedIn is Vera in her cabinet.
func signedIn(path string) scene {
	return func(p *play) (*apptest.Client, string) {
		c := p.Client()
		c.SignIn(p.Vera, apptest.Password)
		return c, path
	}
}

// steppedUp is Vera in her cabinet who has just proved herself again.
func steppedUp(path string) scene {
	return func(p *play) (*apptest.Client, string) {
		c, _ := signedIn(path)(p)
		c.StepUp(p.Vera, apptest.Password)
		return c, path
	}
}

// newcomer has a simplified account: no document yet.
func newcomer(path string) scene {
	return func(p *play) (*apptest.Client, string) {
		who := p.Add(storetest.Person{Given: "Пётр", Family: "Новиков", Born: "1990-05-05", Level: account.Simplified})
		c := p.Client()
		c.SignIn(who, apptest.Password)
		return c, path
	}
}

func registering(path string) scene {
	return func(p *play) (*apptest.Client, string) {
		c := p.Client()
		c.Want(c.Post("/register", newPerson...), "/register/code")
		p.note["code"] = p.Code(newPhone, notify.RegisterCode)
		return c, path
	}
}

func signingIn(path string) scene {
	return func(p *play) (*apptest.Client, string) {
		c := p.Client()
		c.Want(c.Post("/sign-in", "identifier", p.Vera.Phone, "password", apptest.Password), "/sign-in/code")
		p.note["code"] = p.Code(p.Vera.Phone, notify.SignInCode)
		return c, path
	}
}

// waiting is Vera in a new browser, both factors right, whose contact is asked.
func waiting(path string) scene {
	return func(p *play) (*apptest.Client, string) {
		p.linked()
		p.must(p.Guards.SwitchOn(p.t.Context(), actOfTests, p.Vera.ID, trust.GuardAskSignIn))
		c, _ := signingIn("")(p)
		c.Want(c.Post("/sign-in/code", "code", p.note["code"]), "/sign-in/waiting")
		return c, path
	}
}

func steppingUp(path string) scene {
	return func(p *play) (*apptest.Client, string) {
		c, _ := signedIn(path)(p)
		c.Want(c.Post("/step-up", "password", apptest.Password), "/step-up/code")
		p.note["code"] = p.Code(p.Vera.Phone, notify.StepUpCode)
		return c, path
	}
}

// linked makes Alexey guard Vera, settled, and returns the link's id.
func (p *play) linked() (link string) {
	p.t.Helper()
	link = p.accepted()
	p.Advance(p.Policy.Settling + time.Minute)
	return link
}

// accepted is linked a moment ago: it guards, and nobody's session is over.
func (p *play) accepted() (link string) {
	p.t.Helper()
	link = p.invited()
	p.must(p.Links.Accept(p.t.Context(), actOfTests, p.Alexey.ID, link))
	return link
}

func (p *play) invited() (link string) {
	p.t.Helper()
	link, err := p.Links.Invite(p.t.Context(), actOfTests, p.Vera.ID, p.Alexey.Given, p.Alexey.Phone)
	p.must(err)
	p.Settle()
	return link
}

// proving is an applicant who was sent the first code.
func proving(path string) scene {
	return func(p *play) (*apptest.Client, string) {
		c := p.Client()
		c.Want(c.Post("/recovery", "identifier", p.Vera.Phone), "/recovery/code")
		p.note["code"] = p.Code(p.Vera.Phone, notify.RecoveryCode)
		return c, path
	}
}

// finishing is an applicant whom nobody guards, before the second code.
func finishing(path string) scene {
	return func(p *play) (*apptest.Client, string) {
		c := p.Client()
		c.StartRecovery(p.Vera)
		return c, path
	}
}

func secondCode(path string) scene {
	return func(p *play) (*apptest.Client, string) {
		c, _ := finishing(path)(p)
		c.Want(c.Post("/recovery/finish/send"), "/recovery/finish")
		p.note["code"] = p.Code(p.Vera.Phone, notify.RecoveryFinishCode)
		return c, path
	}
}

func choosing(path string) scene {
	return func(p *play) (*apptest.Client, string) {
		c, _ := secondCode(path)(p)
		c.Want(c.Post("/recovery/finish", "code", p.note["code"]), "/recovery")
		return c, path
	}
}

// asked is the contact at a step of the one open request; steps names how far he has come.
func asked(steps int, end string) scene {
	return func(p *play) (*apptest.Client, string) {
		p.linked()
		applicant := p.Client()
		applicant.StartRecovery(p.Vera)
		p.note["match"] = applicant.Match()
		c := p.Client()
		c.SignIn(p.Alexey, apptest.Password)
		c.StepUp(p.Alexey, apptest.Password)
		path := c.Request()
		if steps > 0 {
			c.Want(c.Post(path+"/questions", apptest.Answers(0)...), path)
		}
		if steps > 1 {
			c.Want(c.Post(path+"/match", "number", p.note["match"]), path)
		}
		if steps > 2 {
			c.Want(c.Post(path+"/confirm"), path+"/code")
			p.note["code"] = p.Code(p.Alexey.Phone, notify.ApprovalCode)
		}
		return c, path + end
	}
}

// alexeySignedIn is the contact in his cabinet.
func (p *play) alexeySignedIn() *apptest.Client {
	c := p.Client()
	c.SignIn(p.Alexey, apptest.Password)
	c.StepUp(p.Alexey, apptest.Password)
	return c
}

// frozen is Vera on her frozen account.
func frozen(path string) scene {
	return func(p *play) (*apptest.Client, string) {
		p.must(p.Protect.Freeze(p.t.Context(), actOfTests, p.Vera.ID, trust.FrozenBySelf))
		p.Settle()
		c := p.Client()
		c.Want(c.Post("/sign-in", "identifier", p.Vera.Phone, "password", apptest.Password), "/sign-in/code")
		c.Want(c.Post("/sign-in/code", "code", p.Code(p.Vera.Phone, notify.SignInCode)), "/safety/frozen")
		return c, path
	}
}

// wrongCode is six digits that are not the right ones.
func wrongCode(right string) string {
	last := "0"
	if strings.HasSuffix(right, "0") {
		last = "1"
	}
	return right[:len(right)-1] + last
}

// badCode puts a wrong code in place of the mark, because the right one is not known before.
const badCode = "\x00wrong"

// takenSNILS stands for the SNILS of somebody else.
const takenSNILS = "\x00taken"

// rightCode stands for the code that came.
const rightCode = "\x00right"

func (p *play) fill(with []string) []string {
	out := append([]string(nil), with...)
	for i, value := range out {
		switch value {
		case offeredKey:
			out[i] = p.note["offer"]
		case badCode:
			out[i] = wrongCode(p.note["code"])
		case rightCode:
			out[i] = p.note["code"]
		case badNumber:
			out[i] = other(p.note["match"])
		case takenSNILS:
			out[i] = account.ShowSNILS(p.Alexey.SNILS)
		}
	}
	return out
}

// spend enters wrong codes until one try is left.
func spend(path string, tries int, more ...string) func(*play, *apptest.Client) {
	return func(p *play, c *apptest.Client) {
		for range tries {
			c.Post(path, append([]string{"code", wrongCode(p.note["code"])}, more...)...)
		}
	}
}

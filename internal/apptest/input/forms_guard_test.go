package input

import (
	"doverie/internal/apptest"
	"doverie/internal/notify"
)

const (
	ownPhone = "/settings/account/phone"
	guards   = "/settings/safety/guards"
	removals = "/settings/safety/removals"
)

// changingPhone is Vera, whom nobody guards, with a code on its way to her new number.
func changingPhone(end string) scene {
	return func(p *play) (*apptest.Client, string) {
		c, _ := steppedUp("")(p)
		c.Want(c.Post(ownPhone, "phone", newPhone), ownPhone+"/change")
		c.Want(c.Post(ownPhone+"/change/code"), ownPhone+"/change")
		p.note["code"] = p.Code(newPhone, notify.ChangePhoneCode)
		return c, ownPhone + end
	}
}

func guardForms() []form {
	wrong := func(typed, value string, s say) try {
		return try{typed: typed, with: []string{"phone", value}, says: []say{s}, kept: []string{"phone"}}
	}
	nothing := try{typed: "nothing is being changed", status: 303, to: ownPhone + "/change"}
	return []form{
		{
			route: "POST " + ownPhone, what: "A new phone", gate: stepUp, good: []string{"phone", "8 (916) 111-22-33"}, scene: steppedUp(ownPhone),
			tries: []try{
				{typed: "nothing", with: []string{"phone", ""}, says: []say{words("fault.phone.missing")}},
				wrong("words for a number", "спросите у сына", words("fault.phone.characters")),
				wrong("a landline", "8 (495) 123-45-67", words("fault.phone.not_mobile")),
				wrong("a number with a digit too few", "8 916 111 22 3", words("fault.phone.invalid")),
				{
					typed: "one's own number, written in another way", with: []string{"phone", "8 (913) 123-45-67"}, says: []say{words("fault.phone.same")},
					kept: []string{"phone"}, counts: []string{"rate_limits"},
				},
			},
		},
		{route: "POST " + ownPhone + "/change/code", what: "A code to the new phone", gate: stepUp, scene: steppedUp(ownPhone + "/change/code"), tries: []try{nothing}},
		{
			route: "POST " + ownPhone + "/change/enter", what: "The code from the new phone", gate: stepUp, good: []string{"code", "000000"}, scene: changingPhone("/change/enter"),
			tries: []try{
				{typed: "nothing", with: []string{"code", " "}, says: []say{words("field.code")}},
				{typed: "a wrong code", with: []string{"code", badCode}, says: []say{words("fault.code.wrong", "Left", 4)}, counts: []string{"codes"}},
				{typed: "letters", with: []string{"code", "код"}, says: []say{words("fault.code.wrong", "Left", 4)}, counts: []string{"codes"}},
			},
		},
		{route: "POST " + ownPhone + "/change/cancel", what: "Giving the change of phone up", gate: session, scene: signedIn(ownPhone + "/change/cancel"), tries: []try{{typed: "nothing is being changed", status: 303, to: "/settings/account"}}},
		{route: "POST /settings/account/export", what: "A copy of one's own data", gate: stepUp, scene: steppedUp("/settings/account/export")},
		{
			route: "POST /settings/account/close", what: "Closing the account", gate: stepUp, good: []string{"sure", "yes"}, scene: steppedUp("/settings/account/close"),
			tries: []try{
				{typed: "the box is not ticked", with: []string{"sure", absent}, says: []say{words("account_close.sure.missing")}},
				{
					typed: "somebody guards the account", status: 403, says: []say{words("fault.close.guarded")},
					first: func(p *play, _ *apptest.Client) { p.accepted() },
				},
			},
		},
		{
			route: "POST " + guards + "/{name}/on", what: "Switching on what contacts guard", gate: stepUp, scene: steppedUp(guards + "/quorum/on"),
			tries: []try{{typed: "two contacts must approve, and there are not two", status: 403, says: []say{words("fault.guard.two_contacts")}}},
		},
		{
			route: "POST " + guards + "/{name}/off", what: "Switching it off", gate: stepUp, scene: steppedUp(guards + "/quorum/off"),
			tries: []try{{typed: "it is off already", status: 409, says: []say{words("fault.guard.state_off")}}},
		},
		{
			route: "POST " + guards + "/{name}/keep", what: "Keeping it on after all", gate: session, scene: signedIn(guards + "/quorum/keep"),
			tries: []try{{typed: "it is off already", status: 409, says: []say{words("fault.guard.state_off")}}},
		},
		{
			route: "POST " + removals + "/factor", what: "Asking to remove the last code generator", gate: stepUp, scene: steppedUp(removals + "/factor"),
			tries: []try{{typed: "the switch for it is off", status: 403, says: []say{words("fault.guard.not_guarded")}}},
		},
		{
			route: "POST " + removals + "/contact/ask/{link}", what: "Asking to remove a contact at once", gate: stepUp,
			scene: func(p *play) (*apptest.Client, string) {
				link := p.linked()
				c, _ := steppedUp("")(p)
				c.Want(c.Post(guards+"/remove_contact/on"), guards)
				return c, removals + "/contact/ask/" + link
			},
			tries: []try{{typed: "somebody else's link, or none", path: removals + "/contact/ask/0", status: 404, says: []say{words("fault.not_found")}}},
		},
		{
			route: "POST " + removals + "/contact/finish", what: "Removing the contact at once", gate: stepUp, scene: steppedUp(removals + "/contact/finish"),
			tries: []try{{typed: "nothing was approved", status: 303, to: contacts}},
		},
		{
			route: "POST " + removals + "/{kind}/cancel", what: "Taking such a wish back", gate: session, scene: signedIn(removals + "/factor/cancel"),
			tries: []try{{typed: "nothing was asked for", status: 303, to: "/settings/safety/login"}},
		},
	}
}

package outreach

import (
	"net/netip"
	"regexp"
	"slices"
	"strings"
)

// dangers looks for every danger in every sentence.
func (c *checker) dangers() {
	for _, at := range c.sentences {
		text := c.sentence(at)
		for _, d := range c.source.Dangers {
			if d.in(text) {
				c.danger(d.ID, c.quote(at))
			}
		}
	}
}

func (d Danger) in(sentence string) bool {
	for _, u := range d.unless {
		if u.MatchString(sentence) {
			return false
		}
	}
	for _, f := range d.find {
		act := max(f.SubexpIndex("act"), 0)
		for _, m := range f.FindAllStringSubmatchIndex(sentence, -1) {
			if at := m[2*act]; at >= 0 && (!d.Negated || !denied(sentence, at)) {
				return true
			}
		}
	}
	return false
}

var (
	// directlyDenied: "не", then only words that let it through to the act. "Не бойтесь сообщить" does not.
	directlyDenied = regexp.MustCompile(` (не|нельзя|нет|not|never|dont)( (надо|нужно|следует|должен|должны|будет|будем|никому|никогда|просит|просят|просите|попросит|попросят|попросим|просим|можно|может|могут|требуется|станет|станут|tell|ask|you|to|need|have|will|us))*$`)
	// nobodyDoes: "никто не …" covers a whole list of acts.
	nobodyDoes = regexp.MustCompile(` (никто|никогда|никому|ни один|nobody|never)( \S+)* `)
	// exception ends such a cover.
	exception = regexp.MustCompile(` (кроме|но|только|однако|зато|пока|except|but|only) `)
	refusal   = regexp.MustCompile(` (не|will|never) `)
)

// denied reports whether the act that begins at a place of a sentence is forbidden there, not asked for.
func denied(sentence string, at int) bool {
	before := strings.TrimRight(sentence[:at], " ")
	if directlyDenied.MatchString(before) {
		return true
	}
	before += " "
	return nobodyDoes.MatchString(before) && refusal.MatchString(sentence) && !exception.MatchString(before)
}

var agePattern = regexp.MustCompile(` (\d{1,2})(?: ?ти)? (?:лет|года|год|летн\S*|years) | (?:от|с|старше|возраст\S*|aged|over|age of) (\d{1,2}) | (\d{1,2}) ?(?:летн\S+|летия) `)

// ages finds a number of years that stands beside the wrong role.
func (c *checker) ages() {
	role := ""
	for _, at := range c.sentences {
		text := c.sentence(at)
		if !strings.Contains(text, " лет ") && !strings.Contains(text, "возраст") && !strings.Contains(text, "летн") && !strings.Contains(text, "летия ") &&
			!strings.Contains(text, " год") && !strings.Contains(text, " aged ") && !strings.Contains(text, " age of ") && !strings.Contains(text, " years ") {
			if r := lastRole(text); r != "" {
				role = r
			}
			continue
		}
		for _, m := range agePattern.FindAllStringSubmatchIndex(text, -1) {
			number, place := "", m[0]
			for g := 2; g < len(m); g += 2 {
				if m[g] >= 0 {
					number = text[m[g]:m[g+1]]
				}
			}
			who := lastRole(text[:place+1])
			if who == "" {
				who = firstRole(text[place:])
			}
			if who == "" {
				who = role
			}
			switch {
			case who == "principal" && number != "14":
				c.danger("age_principal", c.quote(at))
			case who == "contact" && number != "18":
				c.danger("age_contact", c.quote(at))
			}
		}
		if r := lastRole(text); r != "" {
			role = r
		}
	}
}

// rolePattern: who a sentence speaks of. Choosing is the principal's act; being is the contact's.
var rolePattern = regexp.MustCompile(` (?:(доверител\S*|выбрать|выбирать|выбирает|выберите|подключить|подключать|подключает|назначить|назначать|назначает|завести|choose|chooses|chosen|principal)|(контактом|контактами|контакту|контактам|контакт (?:должен|старше)|контакты (?:должны|старше)|доверенн\S+ лиц\S*|become|contact must))`)

func lastRole(text string) string {
	all := rolePattern.FindAllStringSubmatch(text, -1)
	if len(all) == 0 {
		return ""
	}
	return roleOf(all[len(all)-1])
}

func firstRole(text string) string { return roleOf(rolePattern.FindStringSubmatch(text)) }

func roleOf(m []string) string {
	switch {
	case m == nil:
		return ""
	case m[1] != "":
		return "principal"
	}
	return "contact"
}

// shorteners hide where they lead.
var shorteners = []string{"bit.ly", "clck.ru", "goo.gl", "goo.su", "is.gd", "tinyurl.com", "t.co", "cutt.ly", "vk.cc", "u.to", "qps.ru", "ya.cc", "t.me", "wa.me", "taplink.cc", "taplink.ru"}

// addresses judges every address: the official ones pass, lookalikes never do, others do not stand beside the text.
func (c *checker) addresses() {
	for _, a := range c.published.addresses {
		name, u, ok := host(a.written)
		if !ok {
			c.danger("lookalike_address", a.written)
			continue
		}
		if shown := addressPattern.FindString(a.shown); shown != "" {
			if read, _, ok := host(strings.TrimRight(shown, ".,")); ok && read != name {
				c.danger("hidden_link", a.shown+" → "+a.written)
			}
		}
		official := slices.Contains(c.source.Hosts, name)
		own := slices.ContainsFunc(c.options.Own, func(o string) bool { return strings.EqualFold(strings.TrimPrefix(o, "www."), name) })
		_, notIP := netip.ParseAddr(name)
		switch {
		case official && u.Scheme == "https" && u.User == nil && u.Port() == "":
		case official, u.User != nil:
			c.danger("lookalike_address", a.written)
		case own:
		case slices.Contains(shorteners, name), notIP == nil, looksOfficial(name):
			c.danger("lookalike_address", a.written)
		case c.found && !a.frame && a.block >= c.region.from && a.block < c.region.to+1:
			c.danger("foreign_address", a.written)
		}
	}
}

// looksOfficial: a name that borrows the official one.
func looksOfficial(name string) bool {
	latin := strings.NewReplacer("0", "o", "1", "l", "-", "", ".", "", "о", "o", "с", "c", "е", "e", "у", "y").Replace(name)
	for _, borrowed := range []string{"gosuslug", "gosusiug", "gosuslig", "gosuslog", "gosuslyg", "gosulug", "gosuslg", "gosyslug", "esia", "госуслуг"} {
		if strings.Contains(latin, borrowed) || strings.Contains(name, borrowed) {
			return true
		}
	}
	return strings.HasPrefix(name, "xn--")
}

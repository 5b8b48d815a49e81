package main

import (
	"bufio"
	"encoding/json"
	"fmt"
	"io"
	"math/rand/v2"
	"strings"

	"doverie/internal/account"
)

type adminSampleCommand struct {
	People int    `default:"1000" help:"How many lines."`
	Faults int    `default:"0" help:"How many of them are wrong, each in its own way."`
	Seed   uint64 `default:"1" help:"The same seed gives the same file."`
}

// Run prints the file, and on standard error which lines are wrong and why.
func (cmd adminSampleCommand) Run(c console) error {
	if cmd.People < 1 || cmd.People > maxSample || cmd.Faults < 0 || cmd.Faults >= cmd.People {
		return fmt.Errorf("%w: people: 1 to %d, and fewer faults than people", errConfig, maxSample)
	}
	seeded, err := writeSample(c.out, cmd.People, cmd.Faults, cmd.Seed)
	for _, f := range seeded {
		c.complainf("line %d: %s: %s", f.Line, f.Field, f.Key)
	}
	return err
}

// maxSample is how many different phones the generator has.
const maxSample = 10_000_000

// seededFault is one fault that was put into a sample: what the import must say of it.
type seededFault struct {
	Line       int
	Field, Key string
}

// spoil makes one line wrong in one way. earlier is a good line before it.
type spoil struct {
	field, key string
	do         func(p *account.ImportPerson, earlier account.ImportPerson) (raw string)
}

// person changes one field; the line stays JSON of a person.
func person(do func(p *account.ImportPerson)) func(*account.ImportPerson, account.ImportPerson) string {
	return func(p *account.ImportPerson, _ account.ImportPerson) string { do(p); return "" }
}

// whole replaces the line.
func whole(line string) func(*account.ImportPerson, account.ImportPerson) string {
	return func(*account.ImportPerson, account.ImportPerson) string { return line }
}

// spoils are the ways in which files of other bodies are wrong.
var spoils = []spoil{
	{"snils", "fault.snils.check", person(func(p *account.ImportPerson) {
		p.SNILS = p.SNILS[:10] + string('0'+(p.SNILS[10]-'0'+1)%10)
	})},
	{"snils", "fault.snils.length", person(func(p *account.ImportPerson) { p.SNILS = p.SNILS[:9] })},
	{"snils", "fault.import.twice", func(p *account.ImportPerson, earlier account.ImportPerson) string { p.SNILS = earlier.SNILS; return "" }},
	{"phone", "fault.import.twice", func(p *account.ImportPerson, earlier account.ImportPerson) string { p.Phone = earlier.Phone; return "" }},
	{"phone", "fault.phone.missing", person(func(p *account.ImportPerson) { p.Phone = "" })},
	{"phone", "fault.phone.not_mobile", person(func(p *account.ImportPerson) { p.Phone = "+74951234567" })},
	{"phone", "fault.phone.invalid", person(func(p *account.ImportPerson) { p.Phone = "+7913" })},
	{"family", "fault.family.missing", person(func(p *account.ImportPerson) { p.Family = " " })},
	{"given", "fault.name.missing", person(func(p *account.ImportPerson) { p.Given = "" })},
	{"birth_date", "fault.birth.invalid", person(func(p *account.ImportPerson) { p.BirthDate = "1980-02-30" })},
	{"birth_date", "fault.birth.future", person(func(p *account.ImportPerson) { p.BirthDate = "2190-01-01" })},
	{"birth_date", "fault.birth.old", person(func(p *account.ImportPerson) { p.BirthDate = "1801-01-01" })},
	{"birth_date", "fault.birth.missing", person(func(p *account.ImportPerson) { p.BirthDate = "" })},
	{"email", "fault.email.invalid", person(func(p *account.ImportPerson) { p.Email = "vera@" })},
	{"locale", "fault.locale.unknown", person(func(p *account.ImportPerson) { p.Locale = "tlh" })},
	{"password_hash", "fault.import.password_hash", person(func(p *account.ImportPerson) { p.PasswordHash = "secret" })},
	{"line", "fault.import.empty", whole(" ")},
	{"line", "fault.import.json", whole(`{"family":"Иванов",`)},
	{"line", "fault.import.encoding", whole("{\"family\":\"\xff\xfe\"}")},
	{"line", "fault.import.long", whole(`{"family":"` + strings.Repeat("а", account.ImportLineMax) + `"}`)},
	{"age", "fault.import.unknown", whole(`{"age":72}`)},
	{"phone", "fault.import.type", whole(`{"phone":79130000000}`)},
}

// writeSample writes people lines, faults of them wrong, and says which. The same arguments write the same file.
func writeSample(out io.Writer, people, faults int, seed uint64) ([]seededFault, error) {
	random := rand.New(rand.NewPCG(seed, seed)) //nolint:gosec // made-up people, no secret
	wrong := map[int]bool{}
	for _, line := range random.Perm(people - 1)[:faults] {
		wrong[line+2] = true // the first line is good: others are made to repeat it
	}
	w := bufio.NewWriter(out)
	var seeded []seededFault
	var first account.ImportPerson
	for line := 1; line <= people; line++ {
		p := samplePerson(random, line)
		raw := ""
		if line == 1 {
			first = p
		}
		if wrong[line] {
			s := spoils[len(seeded)%len(spoils)]
			raw = s.do(&p, first)
			seeded = append(seeded, seededFault{Line: line, Field: s.field, Key: s.key})
		}
		if raw == "" {
			text, err := json.Marshal(p)
			if err != nil {
				return nil, err
			}
			raw = string(text)
		}
		if _, err := w.WriteString(raw + "\n"); err != nil {
			return nil, err
		}
	}
	return seeded, w.Flush()
}

var (
	sampleFamilies = []string{"Иванов", "Петров", "Смирнов", "Кузнецов", "Волков", "Соловьёв", "Васильев", "Зайцев", "Павлов", "Семёнов"}
	sampleGivens   = []string{"Алексей", "Иван", "Пётр", "Сергей", "Николай", "Дмитрий", "Фёдор", "Михаил", "Андрей", "Олег"}
	samplePatros   = []string{"Иванович", "Петрович", "Сергеевич", "Николаевич", "Андреевич", "Фёдорович", ""}
)

// samplePerson is nobody: the phone and the SNILS are counted up.
func samplePerson(random *rand.Rand, n int) account.ImportPerson {
	pick := func(from []string) string { return from[random.IntN(len(from))] }
	p := account.ImportPerson{
		Family: pick(sampleFamilies), Given: pick(sampleGivens), Patronymic: pick(samplePatros),
		BirthDate:   fmt.Sprintf("%04d-%02d-%02d", 1935+random.IntN(75), 1+random.IntN(12), 1+random.IntN(28)),
		Citizenship: "RUS", SNILS: sampleSNILS(100_000_000 + n), Phone: fmt.Sprintf("+7913%07d", n),
	}
	if random.IntN(3) == 0 {
		p.Email = fmt.Sprintf("person%d@example.org", n)
	}
	return p
}

// sampleSNILS adds the check digits to a number of nine digits.
func sampleSNILS(number int) string {
	digits := fmt.Sprintf("%09d", number)
	sum := 0
	for i, d := range digits {
		sum += int(d-'0') * (len(digits) - i)
	}
	return fmt.Sprintf("%s%02d", digits, sum%101%100)
}

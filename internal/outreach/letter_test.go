package outreach

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"doverie/internal/fault"
)

// seed is the register and the letter of the ministry's own mailing.
func seed(t testing.TB) (Letter, []Organisation) {
	t.Helper()
	l, err := source(t).ReadLetter("testdata/nso/letter.toml")
	if err != nil {
		t.Fatal(err)
	}
	f, err := os.Open("testdata/nso/organisations.csv")
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	rows, err := ReadRegister(f, true)
	if err != nil {
		t.Fatal(err)
	}
	var to []Organisation
	for _, r := range rows {
		if r.Err != nil {
			t.Fatal(r.Line, r.Err)
		}
		to = append(to, r.Org)
	}
	return l, to
}

// pages are the texts of a PDF's pages, without the number above a page.
func pages(t *testing.T, pdf []byte) []string {
	t.Helper()
	file := filepath.Join(t.TempDir(), "letter.pdf")
	if err := os.WriteFile(file, pdf, 0o600); err != nil {
		t.Fatal(err)
	}
	for _, f := range strings.Split(strings.TrimSpace(tool(t, "pdffonts", file)), "\n")[2:] {
		if !strings.Contains(f, "Identity-H       yes") {
			t.Errorf("font not embedded: %s", f)
		}
	}
	out := strings.Split(strings.TrimSuffix(tool(t, "pdftotext", "-raw", file, "-"), "\f"), "\f")
	for i, page := range out {
		lines := strings.Split(strings.TrimSpace(page), "\n")
		for j, line := range lines {
			if i > 0 && strings.TrimSpace(line) == string(rune('1'+i)) {
				lines = append(lines[:j], lines[j+1:]...)
				break
			}
		}
		out[i] = strings.Join(lines, "\n")
	}
	return out
}

func TestTheLetterToThreeHasTheFormOfTheMinistrys(t *testing.T) {
	s := source(t)
	l, to := seed(t)
	pdf, err := s.MakeLetter(l, 0, to)
	if err != nil {
		t.Fatal(err)
	}
	all := strings.Join(pages(t, pdf), "\n")
	text := dense(all)
	original, err := os.ReadFile("testdata/letter.txt")
	if err != nil {
		t.Fatal(err)
	}
	heads, _, _ := strings.Cut(string(original), "В целях усиления")
	for line := range strings.SplitSeq(strings.ReplaceAll(heads, "*", ""), "\n") {
		if !strings.Contains(text, dense(line)) {
			t.Errorf("the letter lacks %q of the ministry's", line)
		}
	}
	if n := strings.Count(text, dense("На № 28220/2 от 01.12.2025")); n != 1 {
		t.Errorf("the letter that is answered is named %d times", n)
	}
	at := -1
	for _, part := range append([]string{"МИНИСТЕРСТВО", "О направлении информации", to[0].Salutation, to[1].Salutation, to[2].Salutation}, append(l.Body, "Заместитель министра")...) {
		i := strings.Index(text, dense(part))
		if i <= at {
			t.Errorf("%.60q is missing or not in its place", part)
		}
		at = i
	}
	if !strings.HasSuffix(strings.TrimSpace(text), dense("Д.Л. Яковлев")) {
		t.Errorf("the letter ends with %q", text[len(text)-40:])
	}
	r := check(t, all, CheckOptions{Form: "letter", Own: []string{"mjkh.nso.ru"}})
	if len(r.Findings) > 0 {
		t.Error(list(r.Findings))
	}
	again, err := s.MakeLetter(l, 0, to)
	if err != nil || !bytes.Equal(pdf, again) {
		t.Error("the same letter has other bytes")
	}
}

func TestALetterToOne(t *testing.T) {
	s := source(t)
	l, to := seed(t)
	one := to[2]
	one.TheirNumber, one.TheirDate = "", ""
	pdf, err := s.MakeLetter(l, 5, []Organisation{one})
	if err != nil {
		t.Fatal(err)
	}
	text := dense(strings.Join(pages(t, pdf), ""))
	if !strings.Contains(text, dense("04.12.2025 № 10458-05-02-10/26")) {
		t.Error("the sixth letter has not its number")
	}
	if strings.Contains(text, dense("На №")) || strings.Contains(text, "Похилу") {
		t.Error("the letter speaks of another one")
	}
}

// A letter of any length keeps every paragraph, and its signature is on the last page.
func TestLongAndShortLetters(t *testing.T) {
	s := source(t)
	l, to := seed(t)
	for n := 1; n <= 40; n += 3 {
		l.Body = nil
		for range n {
			l.Body = append(l.Body, s.Letter[1])
		}
		pdf, err := s.MakeLetter(l, 0, to)
		if err != nil {
			t.Fatal(err)
		}
		all := pages(t, pdf)
		if got := strings.Count(dense(strings.Join(all, "")), dense(s.Letter[1])); got != n {
			t.Errorf("%d paragraphs came out as %d", n, got)
		}
		if !strings.Contains(all[len(all)-1], "Яковлев") {
			t.Errorf("%d paragraphs: the signature is not on the last page", n)
		}
	}
}

func TestLettersThatAreRefused(t *testing.T) {
	s := source(t)
	l, to := seed(t)
	if _, err := s.MakeLetter(l, 0, append(to, to...)); !fault.HasKey(err, "outreach.fault.addressees") {
		t.Errorf("six addressees: %v", err)
	}
	if _, err := s.MakeLetter(l, 0, []Organisation{{ID: "x", Name: "МФЦ"}}); !fault.Is(err, fault.Invalid) {
		t.Errorf("nobody to address: %v", err)
	}
	dir := t.TempDir()
	for name, c := range map[string]struct{ text, key string }{
		"unknown key": {"colour = 1", "outreach.fault.letter"},
		"empty":       {"", "outreach.fault.invalid"},
		"danger": {"letterhead=[\"М\"]\nnumber=\"1\"\ndate=\"01.01.2026\"\nsubject=\"О\"\nposition=\"М\"\nsigner=\"А\"\nbody=[\"Код из СМС сообщите сотруднику.\"]",
			"outreach.fault.letter_danger"},
	} {
		file := filepath.Join(dir, name)
		if err := os.WriteFile(file, []byte(c.text), 0o600); err != nil {
			t.Fatal(err)
		}
		_, err := s.ReadLetter(file)
		var f *fault.Error
		if !errors.As(err, &f) || f.Key != c.key && (c.key != "outreach.fault.invalid" || len(f.Fields) != 7-1) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestRegister(t *testing.T) {
	good := "\ufeffID; Name ;email\r\none;Первая;\r\ntwo;\"Вторая; «большая»\";a@b.ru\r\n"
	rows, err := ReadRegister(strings.NewReader(good), false)
	if err != nil || len(rows) != 2 || rows[1].Org.Name != "Вторая; «большая»" || rows[1].Org.Email != "a@b.ru" || rows[1].Err != nil || rows[0].Line != 2 {
		t.Errorf("%+v %v", rows, err)
	}
	for name, text := range map[string]string{
		"empty": "", "unknown column": "id,name,colour\n", "twice": "id,name,id\n", "no name": "id,email\n", "not UTF-8": "id,name\nx,\xcc\xf3\xef\n",
	} {
		if _, err := ReadRegister(strings.NewReader(text), false); !fault.Is(err, fault.Invalid) {
			t.Errorf("%s: %v", name, err)
		}
	}
	bad := "id,name,email\none,Первая,x\n../up,Имя,\none,Первая,\none,Снова,\nfew,fields\nbroken,\"a\"b,c\nlast,Последняя,\n"
	rows, err = ReadRegister(strings.NewReader(bad), false)
	if err != nil {
		t.Fatal(err)
	}
	var faulty []int
	for _, r := range rows {
		if r.Err != nil {
			faulty = append(faulty, r.Line)
		}
	}
	if want := "[2 3 5 6 7]"; fmt.Sprint(faulty) != want {
		t.Errorf("faulty lines %v, want %s", faulty, want)
	}
	if last := rows[len(rows)-1]; last.Org.ID != "last" || last.Err != nil {
		t.Errorf("a broken row took the next with it: %+v", last)
	}
}

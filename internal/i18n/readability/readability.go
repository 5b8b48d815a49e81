// Package readability measures how easily a Russian text is read: Flesch's formula with the coefficients
// I. V. Oborneva found for Russian (2006), 206.835 − 1.3·(words/sentences) − 60.1·(syllables/words).
// 60 and more is what a pupil of 13 reads without effort.
package readability

import (
	"strings"
	"unicode"
)

// Text is what was counted.
type Text struct {
	Words, Sentences, Syllables int
}

// Measure counts words (runs of letters, also with a hyphen), sentences (ended by . ! ? … : or the end) and
// syllables (Russian and Latin vowels; a word without one counts as one).
func Measure(text string) Text {
	var m Text
	inSentence := false
	syllables, inWord := 0, false
	endWord := func() {
		if inWord {
			m.Words++
			m.Syllables += max(syllables, 1)
			syllables, inWord, inSentence = 0, false, true
		}
	}
	for _, r := range text {
		switch {
		case unicode.IsLetter(r) || r == '\u0301':
			inWord = true
			if strings.ContainsRune("аеёиоуыэюяaeiouy", unicode.ToLower(r)) {
				syllables++
			}
		case r == '-' && inWord:
		default:
			endWord()
			if strings.ContainsRune(".!?…:;", r) && inSentence {
				m.Sentences++
				inSentence = false
			}
		}
	}
	endWord()
	if inSentence {
		m.Sentences++
	}
	return m
}

// Ease is the reading ease: about 100 very easy, 60 plain, below 30 a scientific text. 100 for an empty text.
func (t Text) Ease() float64 {
	if t.Words == 0 || t.Sentences == 0 {
		return 100
	}
	return 206.835 - 1.3*float64(t.Words)/float64(t.Sentences) - 60.1*float64(t.Syllables)/float64(t.Words)
}

package account

import "strings"

// snilsFirstChecked: check digits exist only on numbers above 001-001-998 (the rule of the Russian
// pension fund). Older numbers cannot be checked, so they are not taken on the person's word.
const snilsFirstChecked = 1001998

// ParseSNILS reads «112-233-445 95», «11223344595» and the like and returns 11 digits.
// The key says what is wrong, or is "".
func ParseSNILS(text string) (digits, wrong string) {
	text = bare(text)
	if text == "" {
		return "", "fault.snils.missing"
	}
	if len(text) > identifierMax {
		return "", "fault.snils.length"
	}
	var b strings.Builder
	for _, r := range text {
		switch {
		case r >= '0' && r <= '9':
			b.WriteRune(r)
		case r == ' ' || r == '\u00a0' || r == '\u202f' || isHyphen(r):
		default:
			return "", "fault.snils.characters"
		}
	}
	digits = b.String()
	if len(digits) != 11 {
		return "", "fault.snils.length"
	}
	if !snilsChecks(digits) {
		return "", "fault.snils.check"
	}
	return digits, ""
}

// snilsChecks verifies the two check digits: the weighted sum (9 … 1) itself below 100,
// 00 for 100 and 101, and the remainder by 101 above, where 100 is 00 again.
func snilsChecks(digits string) bool {
	number, sum := 0, 0
	for i := range 9 {
		d := int(digits[i] - '0')
		number = number*10 + d
		sum += d * (9 - i)
	}
	if number <= snilsFirstChecked {
		return false
	}
	check := sum % 101
	if check == 100 {
		check = 0
	}
	return check == int(digits[9]-'0')*10+int(digits[10]-'0')
}

// ShowSNILS is the usual printed form, «112-233-445 95».
func ShowSNILS(digits string) string {
	if len(digits) != 11 {
		return digits
	}
	return digits[:3] + "-" + digits[3:6] + "-" + digits[6:9] + " " + digits[9:]
}

// MaskSNILS shows the last four digits: «•••-•••-••5 95» is enough for its owner.
func MaskSNILS(digits string) string {
	if len(digits) != 11 {
		return "•••"
	}
	return "•••-•••-••" + digits[8:9] + " " + digits[9:]
}

package notify

import (
	"fmt"
	"strings"
	"testing"
)

func TestTakenIsBounded(t *testing.T) {
	m := newTaken(3)
	for i := range 10 {
		m.Add(fmt.Sprint(i), 1)
		m.Add("", 1)
	}
	m.Add("9", 2)
	m.Add("9", 1)
	if len(m.parts) != 3 || m.Parts("6") != 0 || m.Parts("7") != 1 || m.Parts("9") != 2 || m.Parts("") != 0 {
		t.Errorf("%v", m.parts)
	}
}

func TestReceiptsTellNoPhone(t *testing.T) {
	r := Receipt{Carrier: "c", CarrierIDs: []string{"1f"}, Phone: "+79160000001", State: Lost, Code: CleanCode("0e7\n<script>" + strings.Repeat("x", 99))}
	for _, format := range []string{"%v", "%+v", "%#v", "%s"} {
		if got := fmt.Sprintf(format, r); strings.Contains(got, "7916") || strings.ContainsAny(got, "<\n") || len(got) > 90 {
			t.Error(got)
		}
	}
}

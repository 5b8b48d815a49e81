package ui_test

import (
	"maps"
	"math"
	"os"
	"regexp"
	"strconv"
	"strings"
	"testing"
)

// TestContrast computes the contrast (WCAG 2.2, relative luminance) of every pair of colours the style puts
// together, in both themes: 7 for what is read, 4.5 for coloured words, 3 for lines that show a control's edge.
func TestContrast(t *testing.T) {
	data, err := os.ReadFile("assets/app.css")
	if err != nil {
		t.Fatal(err)
	}
	blocks := regexp.MustCompile(`(?s):root\{(.*?)\}`).FindAllStringSubmatch(string(data), 2)
	if len(blocks) != 2 {
		t.Fatalf("%d themes", len(blocks))
	}
	token := regexp.MustCompile(`--([a-z-]+): *#([0-9a-f]{3,6})\b`)
	light := map[string]string{}
	for _, m := range token.FindAllStringSubmatch(blocks[0][1], -1) {
		light[m[1]] = m[2]
	}
	dark := map[string]string{}
	maps.Copy(dark, light)
	for _, m := range token.FindAllStringSubmatch(blocks[1][1], -1) {
		dark[m[1]] = m[2]
	}
	pairs := map[float64][]string{
		7: {
			"ink/sheet", "ink/ground", "ink/tint", "ink/warning-tint", "ink/danger-tint", "ink/approve-tint", "soft/sheet", "soft/ground",
			"on-deep/deep", "on-deep-soft/deep", "on-primary/primary", "primary/sheet", "danger/sheet",
		},
		4.5: {"primary/tint", "primary/ground", "danger/danger-tint", "approve/approve-tint", "accent-ink/warning-tint", "accent-ink/sheet", "soft/tint"},
		3:   {"line-strong/sheet", "focus-ring/sheet", "focus-ring/ground", "warning-line/deep"},
	}
	for theme, colours := range map[string]map[string]string{"light": light, "dark": dark} {
		for least, list := range pairs {
			for _, pair := range list {
				front, back, _ := strings.Cut(pair, "/")
				if colours[front] == "" || colours[back] == "" {
					t.Fatalf("no colour for %s", pair)
				}
				if c := contrast(t, colours[front], colours[back]); c < least {
					t.Errorf("%s: %s has %.2f, want %.1f", theme, pair, c, least)
				}
			}
		}
	}
	if c := contrast(t, "000", "ffffff"); math.Abs(c-21) > 1e-9 {
		t.Errorf("black on white is %v", c)
	}
}

func contrast(t *testing.T, a, b string) float64 {
	t.Helper()
	x, y := luminance(t, a), luminance(t, b)
	return (max(x, y) + 0.05) / (min(x, y) + 0.05)
}

func luminance(t *testing.T, hex string) float64 {
	t.Helper()
	if len(hex) == 3 {
		hex = string([]byte{hex[0], hex[0], hex[1], hex[1], hex[2], hex[2]})
	}
	sum := 0.0
	for i, weight := range []float64{0.2126, 0.7152, 0.0722} {
		n, err := strconv.ParseUint(hex[2*i:2*i+2], 16, 8)
		if err != nil {
			t.Fatal(err)
		}
		c := float64(n) / 255
		if c <= 0.04045 {
			c /= 12.92
		} else {
			c = math.Pow((c+0.055)/1.055, 2.4)
		}
		sum += weight * c
	}
	return sum
}

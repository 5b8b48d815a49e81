package ui

import (
	"fmt"
	"html/template"
	"strings"

	"rsc.io/qr"
)

// TOTPKeyOf draws the key's address as a QR code. The dark modules are one path, so that the picture
// is part of the page and is fetched and cached by nobody. uri is made by package secret from our own key.
func TOTPKeyOf(text, uri string) (TOTPKey, error) {
	const quiet = 4 // light modules around the picture (ISO/IEC 18004)
	code, err := qr.Encode(uri, qr.M)
	if err != nil {
		return TOTPKey{}, fmt.Errorf("draw the key of a code generator: %w", err)
	}
	var path strings.Builder
	for y := range code.Size {
		for x := 0; x < code.Size; {
			run := 0
			for code.Black(x+run, y) {
				run++
			}
			if run > 0 {
				fmt.Fprintf(&path, "M%d %dh%dv1h-%dz", x+quiet, y+quiet, run, run)
			}
			x += run + 1
		}
	}
	return TOTPKey{
		Text: text, Size: code.Size + 2*quiet, Path: path.String(),
		URI: template.URL(uri), //nolint:gosec // made by package secret from our own key, no part of it is typed by anybody
	}, nil
}

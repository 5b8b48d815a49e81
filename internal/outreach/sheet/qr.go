package sheet

import (
	"math"

	"rsc.io/qr"
)

// Level is how much of a QR code may be lost.
type Level int

// The levels: for screens, and for paper that gets wet and torn.
const (
	Medium Level = iota
	High
)

// quiet is the free space around a QR code, in modules (ISO/IEC 18004, 9.1).
const quiet = 4

// QR draws a QR code with its quiet zone into a square of the side, black on white. snap rounds the modules to whole units
// and centres what is left: on a screen they stay sharp.
func (s *Sheet) QR(x, y, side float64, text string, level Level, snap bool) error {
	code, err := qr.Encode(text, map[Level]qr.Level{Medium: qr.M, High: qr.H}[level])
	if err != nil {
		return err
	}
	s.Fill(Rect(x, y, side, side), 0xffffff)
	module := side / float64(code.Size+2*quiet)
	if snap {
		module = math.Floor(module)
		inset := math.Floor((side - module*float64(code.Size+2*quiet)) / 2)
		x, y = math.Round(x)+inset, math.Round(y)+inset
	}
	overlap := module * 0.02 // hides the hair lines that viewers draw between touching shapes
	if snap {
		overlap = 0
	}
	var p Path
	for row := range code.Size {
		for from := 0; from < code.Size; from++ {
			to := from
			for to < code.Size && code.Black(to, row) {
				to++
			}
			if to > from {
				p = append(p, Rect(x+module*float64(from+quiet), y+module*float64(row+quiet), module*float64(to-from), module+overlap)...)
				from = to
			}
		}
	}
	s.Fill(p, 0x000000)
	return nil
}

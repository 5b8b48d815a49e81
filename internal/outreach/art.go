package outreach

import "doverie/internal/outreach/sheet"

// The colours: the same as on the pages.
const (
	ink    sheet.Color = 0x14213d
	white  sheet.Color = 0xffffff
	paper  sheet.Color = 0xf4f6fa
	blue   sheet.Color = 0x0b3d91
	deep   sheet.Color = 0x082c6b
	sky    sheet.Color = 0xd6e2f7
	green  sheet.Color = 0x0b6b3a
	warm   sheet.Color = 0xf2a541
	ground sheet.Color = 0xfff4e0
	quiet  sheet.Color = 0x4a5672
)

// person draws a head and shoulders standing on a line; size is its height.
func person(s *sheet.Sheet, cx, base, size float64, c sheet.Color) {
	s.Fill(sheet.Circle(cx, base-0.76*size, 0.24*size), c)
	w, top := 0.40*size, base-0.46*size
	s.Fill(sheet.Path{}.Move(cx-w, base).
		Curve(cx-w, base-0.30*size, cx-0.26*size, top, cx, top).
		Curve(cx+0.26*size, top, cx+w, base-0.30*size, cx+w, base).Close(), c)
}

// shield draws a shield with a tick.
func shield(s *sheet.Sheet, cx, cy, size float64, c, tick sheet.Color) {
	w, top, bottom := 0.42*size, cy-0.5*size, cy+0.5*size
	s.Fill(sheet.Path{}.Move(cx, top).
		Curve(cx+0.14*size, top+0.10*size, cx+0.30*size, top+0.13*size, cx+w, top+0.13*size).
		Line(cx+w, cy).
		Curve(cx+w, cy+0.25*size, cx+0.18*size, cy+0.42*size, cx, bottom).
		Curve(cx-0.18*size, cy+0.42*size, cx-w, cy+0.25*size, cx-w, cy).
		Line(cx-w, top+0.13*size).
		Curve(cx-0.30*size, top+0.13*size, cx-0.14*size, top+0.10*size, cx, top).Close(), c)
	s.Fill(sheet.Stroke(0.09*size, [2]float64{cx - 0.18*size, cy}, [2]float64{cx - 0.04*size, cy + 0.14*size}, [2]float64{cx + 0.20*size, cy - 0.14*size}), tick)
}

// guardians are the picture of the campaign: two people close to each other, and a shield between them. It is 1.25 sizes
// wide around cx and stands on base.
func guardians(s *sheet.Sheet, cx, base, size float64) {
	person(s, cx-0.33*size, base, 0.86*size, sky)
	person(s, cx+0.30*size, base, size, white)
	shield(s, cx-0.03*size, base-0.26*size, 0.52*size, warm, deep)
}

// numberMark is the number of a step in a circle.
func numberMark(s *sheet.Sheet, cx, cy, r float64, n string) {
	s.Fill(sheet.Circle(cx, cy, r), blue)
	size := 1.2 * r
	s.Text(cx-sheet.Width(n, size, sheet.Bold)/2, cy+0.35*size, size, sheet.Bold, white, n)
}

// caution is the sign beside what nobody will ever ask.
func caution(s *sheet.Sheet, cx, cy, r float64) {
	s.Fill(sheet.Circle(cx, cy, r), warm)
	s.Fill(sheet.Stroke(0.26*r, [2]float64{cx, cy - 0.5*r}, [2]float64{cx, cy + 0.1*r}), ink)
	s.Fill(sheet.Circle(cx, cy+0.52*r, 0.16*r), ink)
}

package campaign

import (
	"bytes"
	"image"
	"image/color"
	"image/jpeg"
	"image/png"
	"strings"
	"testing"
	"time"

	"doverie/internal/effect"
	"doverie/internal/fault"
)

// corner is a picture with one red corner, at the left above.
func corner(w, h int) *image.RGBA {
	img := image.NewRGBA(image.Rect(0, 0, w, h))
	for y := range h {
		for x := range w {
			c := color.RGBA{255, 255, 255, 255}
			if x < w/2 && y < h/2 {
				c = color.RGBA{200, 0, 0, 255}
			}
			img.SetRGBA(x, y, c)
		}
	}
	return img
}

func encoded(t *testing.T, img image.Image) []byte {
	t.Helper()
	var b bytes.Buffer
	if err := jpeg.Encode(&b, img, &jpeg.Options{Quality: 100}); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

// held adds the Exif block of a camera that was held in that way, in either byte order.
func held(file []byte, orientation byte, little bool) []byte {
	tiff := "MM\x00\x2a\x00\x00\x00\x08\x00\x01\x01\x12\x00\x03\x00\x00\x00\x01\x00" + string(orientation) + "\x00\x00"
	if little {
		tiff = "II\x2a\x00\x08\x00\x00\x00\x01\x00\x12\x01\x03\x00\x01\x00\x00\x00" + string(orientation) + "\x00\x00\x00"
	}
	body := "Exif\x00\x00" + tiff + "GPS 55.03 82.92"
	return append([]byte("\xff\xd8\xff\xe1\x00"+string(rune(len(body)+2))+body), file[2:]...)
}

// TestPhotosStandUpright: each of the eight ways in which a camera may be held (Exif 2.3) puts the corner where it was seen.
func TestPhotosStandUpright(t *testing.T) {
	const w, h = 64, 32
	file := encoded(t, corner(w, h))
	for orientation, at := range map[byte][2]bool{ // right, below
		1: {false, false}, 2: {true, false}, 3: {true, true}, 4: {false, true}, 5: {false, false}, 6: {true, false}, 7: {true, true}, 8: {false, true},
	} {
		for _, little := range []bool{false, true} {
			drawn, err := redraw(held(file, orientation, little))
			if err != nil {
				t.Fatal(err)
			}
			if bytes.Contains(drawn, []byte("GPS")) || bytes.Contains(drawn, []byte("Exif")) {
				t.Error("the place is kept")
			}
			img, err := jpeg.Decode(bytes.NewReader(drawn))
			if err != nil {
				t.Fatal(err)
			}
			b := img.Bounds()
			if turned := orientation >= 5; turned != (b.Dx() == h) {
				t.Errorf("orientation %d: %d x %d", orientation, b.Dx(), b.Dy())
			}
			for right := range 2 {
				for below := range 2 {
					_, green, _, _ := img.At(b.Dx()/4+right*b.Dx()/2, b.Dy()/4+below*b.Dy()/2).RGBA()
					if red := green < 0x8000; red != (at == [2]bool{right == 1, below == 1}) {
						t.Errorf("orientation %d, little %v: the corner is not where it was seen", orientation, little)
					}
				}
			}
		}
	}
}

func TestPhotosThatAreRefused(t *testing.T) {
	var huge bytes.Buffer
	if err := png.Encode(&huge, image.NewGray(image.Rect(0, 0, 6000, 5000))); err != nil {
		t.Fatal(err)
	}
	for name, file := range map[string][]byte{
		"nothing": {}, "text": []byte("<svg onload=alert(1)>"), "GIF": []byte("GIF89a\x01\x00\x01\x00\x00\x00\x00;"), "half a JPEG": encoded(t, corner(64, 64))[:300],
		"more pixels than anybody decodes": huge.Bytes(), "too many bytes": append(encoded(t, corner(8, 8)), make([]byte, PhotoBytesMost)...),
	} {
		if _, err := redraw(file); !fault.Is(err, fault.Invalid) {
			t.Errorf("%s: %v", name, err)
		}
	}
	large, err := redraw(encoded(t, corner(3200, 1600)))
	if err != nil {
		t.Fatal(err)
	}
	if c, err := jpeg.DecodeConfig(bytes.NewReader(large)); err != nil || c.Width != photoSide || c.Height != photoSide/2 {
		t.Errorf("kept as %d x %d, %v", c.Width, c.Height, err)
	}
}

// FuzzOrientation: no block of bytes makes the reader of a camera's block fail.
func FuzzOrientation(f *testing.F) {
	f.Add([]byte("\xff\xd8\xff\xe1\x00\x32Exif\x00\x00MM\x00\x2a\xff\xff\xff\xff"))
	f.Add([]byte("\xff\xd8\xff\xe1\x00\x20Exif\x00\x00II\x2a\x00\x08\x00\x00\x00\xff\xff\x12\x01\x03\x00"))
	f.Fuzz(func(_ *testing.T, file []byte) { orientation(file) })
}

// TestEveryStateAndEvent walks the whole table of an organisation's states and events.
func TestEveryStateAndEvent(t *testing.T) {
	now := time.Date(2026, 11, 21, 9, 0, 0, 0, time.UTC)
	const refused State = ""
	for _, c := range []struct {
		from  State
		event event
		to    State
		told  bool // an event is recorded
	}{
		{Listed, LetterSent{Life: time.Hour}, Sent, true}, {Sent, LetterSent{Life: time.Hour}, Sent, true}, {Opened, LetterSent{}, Opened, true}, {Answered, LetterSent{}, Answered, true},
		{Listed, LetterOpened{}, refused, false}, {Sent, LetterOpened{}, Opened, true}, {Opened, LetterOpened{}, Opened, false}, {Answered, LetterOpened{}, Answered, false},
		{Listed, PlacementReported{}, refused, false}, {Sent, PlacementReported{}, Answered, true}, {Opened, PlacementReported{}, Answered, true}, {Answered, PlacementReported{}, Answered, true},
	} {
		after, effects, err := Recipient{ID: "r", State: c.from}.Apply(now, c.event)
		if c.to == refused {
			if !fault.Is(err, fault.Conflict) || after.State != c.from {
				t.Errorf("%s %T: %v", c.from, c.event, err)
			}
			continue
		}
		records := 0
		for _, e := range effects {
			if _, ok := e.(effect.Record); ok {
				records++
			}
		}
		if err != nil || after.State != c.to || c.told != (records == 1) {
			t.Errorf("%s %T: %s, %d events, %v", c.from, c.event, after.State, records, err)
		}
	}
}

func TestCellsAreDefused(t *testing.T) {
	for _, cell := range []string{"=1+1", "+7", "-1", "@SUM(A1)", "\t=1"} {
		if got := defused(cell); !strings.HasPrefix(got, "'") {
			t.Errorf("%q stays %q", cell, got)
		}
	}
	if got := defused("МУП «Водоканал»"); got != "МУП «Водоканал»" {
		t.Errorf("a name becomes %q", got)
	}
}

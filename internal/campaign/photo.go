package campaign

import (
	"bytes"
	"context"
	"encoding/binary"
	"fmt"
	"image"
	"image/jpeg"
	_ "image/png" // photos come as JPEG, PNG or WebP

	"golang.org/x/image/draw"
	_ "golang.org/x/image/webp" // see above

	"doverie/internal/fault"
)

// Bounds of an uploaded photo, and the size in which it is kept.
const (
	PhotoBytesMost  = 8 << 20    // of the file
	photoPixelsMost = 25_000_000 // width times height: decoding takes up to 100 MB
	photoSide       = 1600       // pixels of the longer side that is kept
	photoQuality    = 82         // of JPEG
)

// redraw decodes a photo within bounds and encodes its pixels anew, one photo at a time: nothing else of the file is kept,
// neither the place where it was taken nor anything hidden in it. It stands upright as its camera said.
func (s *Service) redraw(ctx context.Context, file []byte) ([]byte, error) {
	select {
	case s.photos <- struct{}{}:
	case <-ctx.Done():
		return nil, ctx.Err()
	}
	defer func() { <-s.photos }()
	return redraw(file)
}

func redraw(file []byte) ([]byte, error) {
	refuse := func(cause error) error {
		return fault.BadFields(fault.Field{Name: "photo", Key: "campaign.field.photo", Args: fault.Args{"Bytes": PhotoBytesMost >> 20}}).Because(cause)
	}
	if len(file) > PhotoBytesMost {
		return nil, refuse(fmt.Errorf("%d bytes", len(file)))
	}
	config, format, err := image.DecodeConfig(bytes.NewReader(file))
	if err != nil {
		return nil, refuse(err)
	}
	if format != "jpeg" && format != "png" && format != "webp" {
		return nil, refuse(fmt.Errorf("format %s", format))
	}
	if config.Width < 1 || config.Height < 1 || config.Width > photoPixelsMost/config.Height {
		return nil, refuse(fmt.Errorf("%d x %d", config.Width, config.Height))
	}
	photo, _, err := image.Decode(bytes.NewReader(file))
	if err != nil {
		return nil, refuse(err)
	}
	w, h := photo.Bounds().Dx(), photo.Bounds().Dy()
	if longer := max(w, h); longer > photoSide {
		w, h = max(1, w*photoSide/longer), max(1, h*photoSide/longer)
	}
	small := image.NewRGBA(image.Rect(0, 0, w, h))
	draw.Draw(small, small.Bounds(), image.White, image.Point{}, draw.Src) // under what is transparent
	draw.ApproxBiLinear.Scale(small, small.Bounds(), photo, photo.Bounds(), draw.Over, nil)
	var out bytes.Buffer
	if err := jpeg.Encode(&out, upright(small, orientation(file)), &jpeg.Options{Quality: photoQuality}); err != nil {
		return nil, err
	}
	return out.Bytes(), nil
}

// upright turns a picture as the orientation of its camera asks (Exif 2.3, tag 0x0112: 1 to 8).
func upright(in *image.RGBA, orientation int) image.Image {
	if orientation < 2 || orientation > 8 {
		return in
	}
	w, h := in.Bounds().Dx(), in.Bounds().Dy()
	ow, oh := w, h
	if orientation >= 5 {
		ow, oh = h, w
	}
	out := image.NewRGBA(image.Rect(0, 0, ow, oh))
	for y := range h {
		for x := range w {
			nx, ny := x, y
			switch orientation {
			case 2:
				nx = w - 1 - x
			case 3:
				nx, ny = w-1-x, h-1-y
			case 4:
				ny = h - 1 - y
			case 5:
				nx, ny = y, x
			case 6:
				nx, ny = h-1-y, x
			case 7:
				nx, ny = h-1-y, w-1-x
			case 8:
				nx, ny = y, w-1-x
			}
			out.SetRGBA(nx, ny, in.RGBAAt(x, y))
		}
	}
	return out
}

// orientation reads the one number of a JPEG's Exif block that says how the camera was held; 1 when there is none.
func orientation(file []byte) int {
	const upright, app1, startOfScan = 1, 0xe1, 0xda
	if len(file) < 4 || file[0] != 0xff || file[1] != 0xd8 {
		return upright
	}
	for at := 2; at+4 <= len(file) && file[at] == 0xff && file[at+1] != startOfScan; {
		size := int(binary.BigEndian.Uint16(file[at+2:]))
		end := at + 2 + size
		if size < 2 || end > len(file) {
			return upright
		}
		if body := file[at+4 : end]; file[at+1] == app1 && bytes.HasPrefix(body, []byte("Exif\x00\x00")) {
			return tiffOrientation(body[6:])
		}
		at = end
	}
	return upright
}

// tiffOrientation looks for the tag in the first directory of a TIFF block.
func tiffOrientation(b []byte) int {
	const upright, head, entry, tag = 1, 8, 12, 0x0112
	if len(b) < head {
		return upright
	}
	var order binary.ByteOrder = binary.BigEndian
	if b[0] == 'I' {
		order = binary.LittleEndian
	}
	first := int(order.Uint32(b[4:]))
	if first < head || first > len(b)-2 {
		return upright
	}
	n := int(order.Uint16(b[first:]))
	for i := range n {
		at := first + 2 + i*entry
		if at+entry > len(b) {
			return upright
		}
		if order.Uint16(b[at:]) == tag {
			return int(order.Uint16(b[at+8:]))
		}
	}
	return upright
}

package outreach

import (
	"bytes"
	"fmt"
	"image"
	_ "image/jpeg" // logos come as PNG or JPEG
	"image/png"
	"net/url"
	"regexp"
	"strings"
	"unicode/utf8"

	"golang.org/x/image/draw"

	"doverie/internal/fault"
	"doverie/internal/outreach/sheet"
)

// Organisation is whom a kit is made for, and to whom a letter is written.
type Organisation struct {
	ID   string `toml:"id"`   // folder name: small Latin letters, digits, hyphens
	Name string `toml:"name"` // as it is printed
	Logo string `toml:"logo"` // file beside the register, PNG or JPEG; empty for none
	Site string `toml:"site"` // its own site, allowed beside the text; may be empty

	Region       string `toml:"region"`       // where it is, for the list of what is done; may be empty
	Municipality string `toml:"municipality"` // within the region; may be empty

	Position    string `toml:"position"`     // of its head in the dative: «Директору»
	Head        string `toml:"head"`         // in the dative: «Ю.Н. Похилу»
	Salutation  string `toml:"salutation"`   // «Уважаемый Юрий Николаевич!»
	Email       string `toml:"email"`        // where letters go
	TheirNumber string `toml:"their_number"` // of the letter that is answered; may be empty
	TheirDate   string `toml:"their_date"`   // of that letter: 01.12.2025
}

// Bounds of what an organisation may give.
const (
	nameMost      = 160     // letters
	logoBytesMost = 2 << 20 // of the file
	logoSideMost  = 4000    // pixels of the file
	logoSideUsed  = 600     // pixels of the longer side in a kit
)

var (
	idPattern    = regexp.MustCompile(`^[a-z0-9](?:[a-z0-9-]{0,62}[a-z0-9])?$`)
	datePattern  = regexp.MustCompile(`^(?:0[1-9]|[12]\d|3[01])\.(?:0[1-9]|1[0-2])\.\d{4}$`)
	emailAddress = regexp.MustCompile(`^[^\s@<>",;]+@[^\s@<>",;]+\.[^\s@<>",;]{2,}$`)
)

// Check names every wrong field; letters asks for what a letter needs as well.
func (o Organisation) Check(letters bool) error { return o.check(letters) }

// SmallLogo makes of an uploaded PNG or JPEG the small PNG that kits use; nothing but its pixels is kept.
func SmallLogo(file []byte) ([]byte, error) {
	p, err := readLogo(file)
	if err != nil {
		return nil, err
	}
	return p.PNG, nil
}

// check names every wrong field. letters asks for what a letter needs as well.
func (o Organisation) check(letters bool) error {
	var wrong []fault.Field
	bad := func(name, key string, args fault.Args) {
		wrong = append(wrong, fault.Field{Name: name, Key: "outreach.field." + key, Args: args})
	}
	printed := func(name, value string, required bool) {
		switch {
		case strings.TrimSpace(value) == "":
			if required {
				bad(name, "missing", nil)
			}
		case utf8.RuneCountInString(value) > nameMost:
			bad(name, "long", fault.Args{"Limit": nameMost})
		case strings.ContainsAny(value, "\n\r\t"):
			bad(name, "lines", nil)
		default:
			if letters := sheet.Unprintable(value); letters != "" {
				bad(name, "letters", fault.Args{"Letters": letters})
			}
		}
	}
	if !idPattern.MatchString(o.ID) {
		bad("id", "id", nil)
	}
	printed("name", o.Name, true)
	if o.Site != "" {
		if u, err := url.Parse(o.Site); err != nil || u.Host == "" || u.Scheme != "https" && u.Scheme != "http" {
			bad("site", "site", nil)
		}
	}
	printed("region", o.Region, false)
	printed("municipality", o.Municipality, false)
	printed("position", o.Position, letters)
	printed("head", o.Head, letters)
	printed("salutation", o.Salutation, letters)
	printed("their_number", o.TheirNumber, o.TheirDate != "")
	if o.Email != "" && !emailAddress.MatchString(o.Email) || o.Email == "" && letters {
		bad("email", "email", nil)
	}
	if o.TheirDate != "" && !datePattern.MatchString(o.TheirDate) || o.TheirDate == "" && o.TheirNumber != "" {
		bad("their_date", "date", nil)
	}
	if len(wrong) > 0 {
		return fault.BadFields(wrong...)
	}
	return nil
}

// readLogo decodes a logo and makes a small PNG of it; anything that is not a plain picture is refused before its
// pixels are unpacked.
func readLogo(file []byte) (*sheet.Picture, error) {
	refuse := func(cause error) error {
		return fault.BadFields(fault.Field{Name: "logo", Key: "outreach.field.logo", Args: fault.Args{"Bytes": logoBytesMost >> 20, "Side": logoSideMost}}).Because(cause)
	}
	if len(file) > logoBytesMost {
		return nil, refuse(fmt.Errorf("%d bytes", len(file)))
	}
	config, _, err := image.DecodeConfig(bytes.NewReader(file))
	if err != nil {
		return nil, refuse(err)
	}
	if config.Width < 1 || config.Height < 1 || config.Width > logoSideMost || config.Height > logoSideMost {
		return nil, refuse(fmt.Errorf("%d x %d", config.Width, config.Height))
	}
	decoded, _, err := image.Decode(bytes.NewReader(file))
	if err != nil {
		return nil, refuse(err)
	}
	w, h := config.Width, config.Height
	if longer := max(w, h); longer > logoSideUsed {
		w, h = max(1, w*logoSideUsed/longer), max(1, h*logoSideUsed/longer)
	}
	small := image.NewNRGBA(image.Rect(0, 0, w, h))
	draw.CatmullRom.Scale(small, small.Bounds(), decoded, decoded.Bounds(), draw.Src, nil)
	var b bytes.Buffer
	if err := png.Encode(&b, small); err != nil {
		return nil, err
	}
	return &sheet.Picture{Image: small, PNG: b.Bytes()}, nil
}

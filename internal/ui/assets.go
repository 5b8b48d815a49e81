package ui

import (
	"bytes"
	"compress/gzip"
	"crypto/sha256"
	"embed"
	"encoding/hex"
	"fmt"
	"image"
	"image/png"
	"net/http"
	"path"
	"strconv"
	"strings"
)

//go:embed assets
var assetFiles embed.FS

// AssetPrefix is where assets are served.
const AssetPrefix = "/assets/"

// Assets are the embedded files a page needs, compressed once and addressed by checksum, so that a browser
// keeps each for a year and still never shows an old one.
type Assets struct {
	byURL map[string]asset
	urls  map[string]string
}

type asset struct {
	contentType string
	size        image.Config // of a picture
	plain       []byte
	zipped      []byte // nil when compression gains nothing
}

var contentTypes = map[string]string{
	".css": "text/css; charset=utf-8", ".js": "text/javascript; charset=utf-8", ".svg": "image/svg+xml",
	".woff2": "font/woff2", ".webmanifest": "application/manifest+json", ".png": "image/png",
}

// LoadAssets reads and compresses the embedded files. References between them (a font named in the style)
// are written as {{asset "name"}} in the style and resolved here.
func LoadAssets() (*Assets, error) {
	a := &Assets{byURL: map[string]asset{}, urls: map[string]string{}}
	files, err := assetFiles.ReadDir("assets")
	if err != nil {
		return nil, fmt.Errorf("ui: %w", err)
	}
	var styles []string
	for _, f := range files {
		if path.Ext(f.Name()) == ".css" {
			styles = append(styles, f.Name()) // last: they name the others
			continue
		}
		if err := a.add(f.Name()); err != nil {
			return nil, err
		}
	}
	for _, name := range styles {
		if err := a.add(name); err != nil {
			return nil, err
		}
	}
	return a, nil
}

func (a *Assets) add(name string) error {
	data, err := assetFiles.ReadFile("assets/" + name)
	if err != nil {
		return fmt.Errorf("ui: %w", err)
	}
	ext := path.Ext(name)
	kind, ok := contentTypes[ext]
	if !ok {
		return fmt.Errorf("ui: asset %s has an unknown type", name)
	}
	if ext == ".css" {
		for other, url := range a.urls {
			data = bytes.ReplaceAll(data, []byte(`asset:`+other), []byte(url))
		}
		if i := bytes.Index(data, []byte("asset:")); i >= 0 {
			return fmt.Errorf("ui: %s names an unknown asset near %q", name, data[i:min(i+40, len(data))])
		}
	}
	sum := sha256.Sum256(data)
	url := AssetPrefix + strings.TrimSuffix(name, ext) + "." + hex.EncodeToString(sum[:6]) + ext
	one := asset{contentType: kind, plain: data}
	if ext == ".png" {
		if one.size, err = png.DecodeConfig(bytes.NewReader(data)); err != nil {
			return fmt.Errorf("ui: %s: %w", name, err)
		}
	}
	if ext != ".woff2" && ext != ".png" {
		var buf bytes.Buffer
		z, err := gzip.NewWriterLevel(&buf, gzip.BestCompression)
		if err != nil {
			return fmt.Errorf("ui: %w", err)
		}
		if _, err := z.Write(data); err != nil {
			return fmt.Errorf("ui: %w", err)
		}
		if err := z.Close(); err != nil {
			return fmt.Errorf("ui: %w", err)
		}
		if buf.Len() < len(data) {
			one.zipped = buf.Bytes()
		}
	}
	a.byURL[url], a.urls[name] = one, url
	return nil
}

// URL is the address of the asset, which changes with its content. An unknown name is an error, so that
// a page with a wrong one fails in its test.
func (a *Assets) URL(name string) (string, error) {
	if url, ok := a.urls[name]; ok {
		return url, nil
	}
	return "", fmt.Errorf("there is no asset %q", name)
}

// Screen is a picture of one of our own screens, with its size, so that a page does not jump when it comes.
type Screen struct {
	URL           string
	Width, Height int
	Alt           Text
}

// Screen finds the picture of a screen in a language; the journeys make them.
func (a *Assets) Screen(name, lang string, alt Text) (Screen, error) {
	url, err := a.URL("screen-" + name + "-" + lang + ".png")
	size := a.byURL[url].size
	return Screen{URL: url, Width: size.Width, Height: size.Height, Alt: alt}, err
}

// Content is the uncompressed file at the address, nil when there is none.
func (a *Assets) Content(url string) []byte { return a.byURL[url].plain }

// ServeHTTP serves AssetPrefix. Anything but an exact address is not found.
func (a *Assets) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	one, ok := a.byURL[r.URL.Path]
	if !ok {
		http.NotFound(w, r)
		return
	}
	h := w.Header()
	h.Set("Content-Type", one.contentType)
	h.Set("Cache-Control", "public, max-age=31536000, immutable")
	h.Set("Vary", "Accept-Encoding")
	body := one.plain
	if one.zipped != nil && strings.Contains(r.Header.Get("Accept-Encoding"), "gzip") {
		h.Set("Content-Encoding", "gzip")
		body = one.zipped
	}
	h.Set("Content-Length", strconv.Itoa(len(body)))
	if r.Method == http.MethodHead {
		return
	}
	_, _ = w.Write(body)
}

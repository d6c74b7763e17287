package main

import (
	"bytes"
	"fmt"
	"image"
	"image/color"
	"image/png"
	"net/http"
	"net/http/httptest"
	"strings"
	"time"

	"heed/consent"
	"heed/schemas"
	"heed/snippet"
)

// The page: what it waits for, and what there is to see.
const (
	blockingScripts = 4
	blockingDelay   = 100 * time.Millisecond // of each one's answer
	images          = 6
)

// Ways to build the page. Those of Heed have the names of the wall's strengths.
const (
	without   = "without"
	vanillaCC = "vanilla-cookieconsent"
)

var ways = []string{without, string(schemas.WallOff), string(schemas.WallTag), string(schemas.WallSealed), string(schemas.WallHeader), vanillaCC}

// site serves the page in each way, and all that it loads, from one origin.
type site struct {
	server  *httptest.Server
	heed    map[string]built // by way
	theirs  vanilla
	picture []byte
}

func newSite(theirs vanilla) (*site, error) {
	s := &site{heed: map[string]built{}, theirs: theirs}
	mux := http.NewServeMux()
	for _, strength := range []schemas.Wall{schemas.WallOff, schemas.WallTag, schemas.WallSealed, schemas.WallHeader} {
		b, err := build(strength)
		if err != nil {
			return nil, fmt.Errorf("build the site of strength %s: %w", strength, err)
		}
		s.heed[string(strength)] = b
		mux.Handle(b.site.Endpoint+"/{name}", b)
	}
	var err error
	if s.picture, err = picture(); err != nil {
		return nil, err
	}
	mux.HandleFunc("GET /page/{way}", s.page)
	mux.HandleFunc("GET /blocking/{name}", block)
	mux.HandleFunc("GET /image/{name}", func(w http.ResponseWriter, _ *http.Request) { sendFresh(w, "image/png", s.picture) })
	mux.HandleFunc("GET /page.css", func(w http.ResponseWriter, _ *http.Request) { sendFresh(w, "text/css", []byte(pageStyle)) })
	mux.HandleFunc("GET /vanilla/cookieconsent.css", func(w http.ResponseWriter, _ *http.Request) { sendPacked(w, "text/css", theirs.style.brotli) })
	mux.HandleFunc("GET /vanilla/cookieconsent.umd.js", func(w http.ResponseWriter, _ *http.Request) {
		sendPacked(w, "text/javascript", theirs.script.brotli)
	})
	s.server = httptest.NewServer(mux)
	return s, nil
}

// page is what visitors come for: scripts that hold the parser, a style, a large picture and smaller ones.
func (s *site) page(w http.ResponseWriter, r *http.Request) {
	way := r.PathValue("way")
	head, end := s.heed[way].tag, ""
	if way == vanillaCC {
		head, end = vanillaHead, vanillaStart
	}
	if way == string(schemas.WallHeader) { // by what the visitor has chosen, at a place that nobody knows
		w.Header().Set("Content-Security-Policy", s.heed[way].site.Policy(permitted(r)))
	}
	var text strings.Builder
	fmt.Fprintf(&text, "<!doctype html><html lang=\"en\"><head><meta charset=\"utf-8\">%s<title>A page</title><link rel=\"icon\" href=\"data:,\">\n"+
		"<link rel=\"stylesheet\" href=\"/page.css\">\n", head)
	for i := range blockingScripts {
		fmt.Fprintf(&text, "<script src=\"/blocking/%d.js\"></script>\n", i)
	}
	text.WriteString("</head><body><h1>A page</h1><img id=\"hero\" src=\"/image/hero.png\" width=\"960\" height=\"480\" alt=\"\">\n")
	for i := range images {
		fmt.Fprintf(&text, "<p>%s</p><img src=\"/image/%d.png\" width=\"240\" height=\"120\" alt=\"\">\n", strings.Repeat("Some words of a page. ", 20), i)
	}
	sendFresh(w, "text/html; charset=utf-8", []byte(text.String()+end+"</body></html>"))
}

// permitted is what the wall's policy is made for: a first page, or the next one after a yes to everything.
func permitted(r *http.Request) snippet.Permitted {
	if r.URL.Query().Has("next") {
		return snippet.Permitted{Granted: consent.All}
	}
	return snippet.Permitted{Granted: consent.Essential, Undecided: true}
}

const pageStyle = `body{font:16px/1.5 sans-serif;margin:2em auto;width:960px}img{display:block}`

// block answers as late as a script from far away.
func block(w http.ResponseWriter, r *http.Request) {
	select {
	case <-time.After(blockingDelay):
		sendFresh(w, "text/javascript", []byte("window.ran = (window.ran || 0) + 1"))
	case <-r.Context().Done():
	}
}

// picture is as large as a picture: 960 × 480 pixels that compress badly.
func picture() ([]byte, error) {
	img := image.NewGray(image.Rect(0, 0, 960, 480))
	noise := uint32(1)
	for i := range img.Pix {
		noise = noise*1664525 + 1013904223
		img.Set(i%960, i/960, color.Gray{Y: uint8(noise >> 28)})
	}
	var out bytes.Buffer
	if err := png.Encode(&out, img); err != nil {
		return nil, fmt.Errorf("draw: %w", err)
	}
	return out.Bytes(), nil
}

// sendFresh sends what is the page's own, which no browser may keep: each page waits for all of it.
func sendFresh(w http.ResponseWriter, contentType string, body []byte) {
	w.Header().Set("Content-Type", contentType)
	w.Header().Set("Cache-Control", "no-store")
	w.Write(body)
}

// sendPacked sends what brotli has packed, and browsers keep for the next page.
func sendPacked(w http.ResponseWriter, contentType string, packed []byte) {
	w.Header().Set("Content-Type", contentType)
	w.Header().Set("Content-Encoding", "br")
	w.Header().Set("Cache-Control", "private, max-age=600")
	w.Write(packed)
}

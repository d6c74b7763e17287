package snippet

import (
	"bytes"
	"compress/gzip"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strings"

	"github.com/andybalholm/brotli"
)

// size is a number of bytes per form in which a file is served.
type size struct {
	Raw    int `json:"raw"`
	Gzip   int `json:"gzip"`
	Brotli int `json:"brotli"`
}

// limits is size.json: what a build must not exceed. Raising one is a commit of its own, with a reason.
type limits struct {
	Tracker size `json:"tracker"`
	Consent size `json:"consent"` // what makes, keeps and tells a choice, with the table of notices in 34 languages
	Banner  size `json:"banner"`  // what draws; TestBannerSize holds it and the largest notice to 8 KB
	Loader  size `json:"loader"`
	Stub    size `json:"stub"` // with the default hosts, no services and no consent modes; checkStub says what those may add
	Wall    size `json:"wall"`
}

func parseLimits(text []byte) (limits, error) {
	var l limits
	d := json.NewDecoder(bytes.NewReader(text))
	d.DisallowUnknownFields()
	err := d.Decode(&l)
	return l, err
}

// siteBytes is what the limits hold for a site's own names in a script; longer ones may add their length.
const siteBytes = 100

func (l limits) check(site Site, b Bundle) error {
	own := len(site.Endpoint) + len(site.Key) + len(site.CookieName) + len(site.CookieDomain)
	more := max(0, own-siteBytes)
	errs := []error{
		checkSize("tracker", b.Script.Encoded, l.Tracker.plus(more)),
		checkSize("wall script", b.Wall.Encoded, l.Wall.plus(more)),
		checkSize("banner", b.Banner.Encoded, l.Banner),
	}
	for _, script := range b.Consents {
		errs = append(errs, checkSize("consent script", script.Encoded, l.Consent.plus(more)))
	}
	for _, loader := range b.Loaders {
		errs = append(errs, checkSize("loader", loader.File.Encoded, l.Loader.plus(more)))
	}
	return errors.Join(errs...)
}

// checkStub holds a stub to its limit. What a site declares, and each consent mode, may add their own.
func (l limits) checkStub(site Site, stub Encoded) error {
	own := len(site.Endpoint) + len(site.Key) + len(site.CookieName)
	more := max(0, own-siteBytes)
	for _, host := range site.Wall.Hosts {
		more += len(host)
	}
	for _, service := range site.Wall.Services {
		more += len(service.ID) + len(strings.Join(service.Hosts, " ")) + len(strings.Join(service.Stores, " ")) + siteBytes
	}
	limit := l.Stub.plus(more + len(site.Wall.Modes)*modeBytes)
	limit.Raw += len(site.Wall.Modes) * modeBytes // their words pack to half
	return checkSize("stub", stub, limit)
}

// modeBytes is what a consent mode may add to a stub, packed.
const modeBytes = 480

func (s size) plus(bytes int) size {
	return size{Raw: s.Raw + bytes, Gzip: s.Gzip + bytes, Brotli: s.Brotli + bytes}
}

func checkSize(name string, e Encoded, limit size) error {
	var errs []error
	f := func(form string, size, limit int) {
		if size > limit {
			errs = append(errs, fmt.Errorf("%s is %d bytes %s, %d above its limit of %d in size.json",
				name, size, form, size-limit, limit))
		}
	}
	f("raw", len(e.Plain), limit.Raw)
	f("gzip", len(e.Gzip), limit.Gzip)
	f("brotli", len(e.Brotli), limit.Brotli)
	return errors.Join(errs...)
}

// encode compresses once, as well as it can, what is then served many times. The same bytes give the same result.
func encode(plain []byte) (Encoded, error) {
	var zipped, brotlied bytes.Buffer
	gz, err := gzip.NewWriterLevel(&zipped, gzip.BestCompression)
	if err != nil {
		return Encoded{}, err
	}
	br := brotli.NewWriterLevel(&brotlied, brotli.BestCompression)
	for _, w := range []io.WriteCloser{gz, br} {
		if _, err := w.Write(plain); err != nil {
			return Encoded{}, err
		}
		if err := w.Close(); err != nil {
			return Encoded{}, err
		}
	}
	return Encoded{Plain: plain, Gzip: zipped.Bytes(), Brotli: brotlied.Bytes()}, nil
}

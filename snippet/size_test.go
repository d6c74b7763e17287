package snippet

import (
	"bytes"
	_ "embed"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"testing"

	"heed/consent"
	"heed/schemas"
)

//go:embed size.json
var sizes []byte

// size is a number of bytes per form in which a file is served.
type size struct {
	Raw    int `json:"raw"`
	Gzip   int `json:"gzip"`
	Brotli int `json:"brotli"`
}

// limits is size.json: what our code must not exceed, with the names of a site like any other. What an owner declares comes on
// top and is theirs, so a build has no limit. Raising one is a commit of its own, with a reason.
type limits struct {
	Tracker size `json:"tracker"`
	Consent size `json:"consent"` // what makes, keeps and tells a choice, with the table of notices in 34 languages
	Banner  size `json:"banner"`  // what draws; TestBannerSize holds it and the largest notice to 8 KB
	Loader  size `json:"loader"`
	Stub    size `json:"stub"` // with the default hosts, no services and no consent modes
	Wall    size `json:"wall"`
}

func parseLimits(text []byte) (limits, error) {
	var l limits
	d := json.NewDecoder(bytes.NewReader(text))
	d.DisallowUnknownFields()
	err := d.Decode(&l)
	return l, err
}

// check wants every script within its limit.
func (l limits) check(b Bundle) error {
	errs := []error{
		checkSize("tracker", b.Script.Encoded, l.Tracker),
		checkSize("wall script", b.Wall.Encoded, l.Wall),
		checkSize("banner", b.Banner.Encoded, l.Banner),
	}
	for _, script := range b.Consents {
		errs = append(errs, checkSize("consent script", script.Encoded, l.Consent))
	}
	for _, loader := range b.Loaders {
		errs = append(errs, checkSize("loader", loader.File.Encoded, l.Loader))
	}
	return errors.Join(errs...)
}

// checkModes holds a stub with consent modes to what each may add.
func (l limits) checkModes(stub Encoded, modes int) error {
	const modeBytes = 480
	limit := l.Stub.plus(modes * modeBytes)
	limit.Raw += modes * modeBytes // their words pack to half
	return checkSize("stub", stub, limit)
}

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

// TestSize holds our code to size.json, and what consent modes add to a stub.
func TestSize(t *testing.T) {
	limits, err := parseLimits(sizes)
	if err != nil {
		t.Fatal(err)
	}
	site := largestSite()
	site.Wall.Strength = schemas.WallSealed
	b := mustBuild(t, site)
	// The stub's limit is that of a site which declares nothing and is served at its own origin.
	site = Site{ID: "shop", Key: "shop", Endpoint: "/x7f3q9/shop", Notice: "0a1b2c3d", Wall: site.Wall}
	stub := mustStub(t, site)
	f := func(name string, got Encoded, limit size) {
		t.Logf("%-7s raw %d of %d, gzip %d of %d, brotli %d of %d bytes", name,
			len(got.Plain), limit.Raw, len(got.Gzip), limit.Gzip, len(got.Brotli), limit.Brotli)
	}
	f("tracker", b.Script.Encoded, limits.Tracker)
	f("consent", b.Consents[0].Encoded, limits.Consent)
	f("banner", b.Banner.Encoded, limits.Banner)
	f("loader", b.Loaders[0].File.Encoded, limits.Loader)
	f("wall", b.Wall.Encoded, limits.Wall)
	f("stub", stub, limits.Stub)
	site.Wall.Modes = Modes()
	if err := errors.Join(limits.check(b), checkSize("stub", stub, limits.Stub), limits.checkModes(mustStub(t, site), len(site.Wall.Modes))); err != nil {
		t.Error(err)
	}
	if limits.Tracker.Brotli > 4096 || limits.Stub.Brotli > 2252 {
		t.Errorf("size.json allows a tracker of %d and a stub of %d bytes brotli, want at most 4096 and 2252",
			limits.Tracker.Brotli, limits.Stub.Brotli)
	}
	limits.Tracker.Brotli = 100
	if err := limits.check(b); err == nil || !strings.Contains(err.Error(), "above its limit of 100 in size.json") {
		t.Errorf("with a limit of 100 bytes brotli: error %v, want one that names the limit", err)
	}
}

func mustStub(t *testing.T, site Site) Encoded {
	t.Helper()
	text, err := site.stub(library{snippet: sources, consent: consent.Sources})
	if err != nil {
		t.Fatal(err)
	}
	stub, err := encode(text)
	if err != nil {
		t.Fatal(err)
	}
	return stub
}

package snippet

import (
	"bytes"
	"compress/gzip"
	"crypto/sha256"
	"crypto/sha512"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/andybalholm/brotli"

	"heed/consent"
	"heed/schemas"
)

// largestSite has everything on, and an endpoint of ordinary length.
func largestSite() Site {
	return Site{
		ID: "shop", Key: "k5x7w2mqp3", Endpoint: "https://stats.example.com/h/k5x7w2mqp3", Notice: "0a1b2c3d",
		CookieDomain: "example.com", Asserts: consent.Site{AnonymousCount: true, Exemption: true},
		Notices:  manyNotices(),
		Features: Features{Routes: true, HashRoutes: true, Engagement: true, Forms: true},
	}
}

// manyNotices are as many as there can be: three layouts in 34 languages.
func manyNotices() (list []Notice) {
	for _, layout := range layouts {
		for i := range 34 {
			locale := string([]byte{'a' + byte(i/26), 'a' + byte(i%26)})
			shown := fmt.Sprintf("%x", sha256.Sum256([]byte(string(layout)+locale)))
			list = append(list, Notice{Layout: string(layout), Locale: locale, Shown: shown})
		}
	}
	return list
}

func mustBuild(t testing.TB, site Site) Bundle {
	t.Helper()
	b, err := Build(site)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func TestBuildWithLongNames(t *testing.T) {
	site := largestSite()
	site.Endpoint = "https://x3k9q7vz1m5w8r2t4y6u0p.d7f1g3h5j9k2l4z6x8c0v.example.com" +
		"/a8s6d4f2g0h1j3k5l7q9w2e4r6t8/" + site.Key
	site.CookieName = "heed_k5x7w2mqp3_p8o6i4u2y0t1r3e5w7q9"
	site.Wall.Strength = schemas.WallSealed
	for i := range 40 {
		site.Wall.Hosts = append(site.Wall.Hosts, fmt.Sprintf("https://%x.example", sha256.Sum256([]byte{byte(i)})))
	}
	mustBuild(t, site)
	if _, err := site.Tag(); err != nil {
		t.Errorf("Tag = %v, want none: what an owner declares has no limit", err)
	}
}

func TestBuildIsDeterministic(t *testing.T) {
	first, second := mustBuild(t, largestSite()), mustBuild(t, largestSite())
	f := func(name string, a, b Encoded) {
		t.Helper()
		if !bytes.Equal(a.Plain, b.Plain) || !bytes.Equal(a.Gzip, b.Gzip) || !bytes.Equal(a.Brotli, b.Brotli) {
			t.Errorf("two builds of one site have different %ss", name)
		}
	}
	f("script", first.Script.Encoded, second.Script.Encoded)
	for i := range first.Consents {
		f("consent script", first.Consents[i].Encoded, second.Consents[i].Encoded)
	}
	for i := range first.Loaders {
		f("loader", first.Loaders[i].File.Encoded, second.Loaders[i].File.Encoded)
	}
	other := largestSite()
	other.Notice = "ffffffff"
	if changed := mustBuild(t, other); changed.Script.Hash == first.Script.Hash {
		t.Errorf("Build with another notice has hash %s, want another than the first", changed.Script.Hash)
	}
}

func TestBuildNamesItsBytes(t *testing.T) {
	b := mustBuild(t, largestSite())
	for _, file := range append(b.Consents, b.Script, b.Banner) {
		digest, sum := sha256.Sum256(file.Plain), sha512.Sum384(file.Plain)
		if want := hex.EncodeToString(digest[:])[:20]; file.Hash != want {
			t.Errorf("Hash = %s, want %s", file.Hash, want)
		}
		if want := "sha384-" + base64.StdEncoding.EncodeToString(sum[:]); file.Integrity != want {
			t.Errorf("Integrity = %s, want %s", file.Integrity, want)
		}
	}
	for _, loader := range b.Loaders {
		for _, file := range []File{b.Script, b.Consents[layoutOf(loader.Rules)]} {
			if want := fmt.Sprintf("[%q,%q]", file.Name(), file.Integrity); !bytes.Contains(loader.File.Plain, []byte(want)) {
				t.Errorf("loader %s does not contain %s", loader.File.Plain, want)
			}
		}
	}
	for _, e := range []Encoded{b.Script.Encoded, b.Consents[0].Encoded, b.Loaders[0].File.Encoded} {
		zipped, err := gzip.NewReader(bytes.NewReader(e.Gzip))
		if err != nil {
			t.Fatal(err)
		}
		checkReads(t, "gzip", zipped, e.Plain)
		checkReads(t, "brotli", brotli.NewReader(bytes.NewReader(e.Brotli)), e.Plain)
	}
}

// Each place of the matrix has a loader that says its rules and links, and nothing else tells them apart.
func TestBuildMakesALoaderPerAnswer(t *testing.T) {
	b := mustBuild(t, largestSite())
	if want := consent.BrowserVariants(largestSite().Asserts); len(b.Loaders) != len(want) {
		t.Fatalf("Build makes %d loaders, want %d", len(b.Loaders), len(want))
	}
	seen := map[string]bool{}
	for _, loader := range b.Loaders {
		says := fmt.Sprintf("[[%s,%d,0],", loader.Rules, loader.Links)
		if !bytes.Contains(loader.File.Plain, []byte(says)) || seen[loader.File.Hash] {
			t.Errorf("loader %s is a double or does not contain %s", loader.File.Plain, says)
		}
		seen[loader.File.Hash] = true
	}
}

func checkReads(t *testing.T, form string, r io.Reader, want []byte) {
	t.Helper()
	if got, err := io.ReadAll(r); err != nil || !bytes.Equal(got, want) {
		t.Errorf("%s reads %d bytes, %v, want the %d plain ones", form, len(got), err, len(want))
	}
}

func TestBuildLeavesOutWhatIsOff(t *testing.T) {
	f := func(name, mark string, off func(*Site)) {
		t.Helper()
		site := largestSite()
		all := mustBuild(t, site).Script
		off(&site)
		less := mustBuild(t, site).Script
		if !bytes.Contains(all.Plain, []byte(mark)) {
			t.Errorf("with %s: want %q in the script", name, mark)
		}
		if bytes.Contains(less.Plain, []byte(mark)) || len(less.Brotli) >= len(all.Brotli) {
			t.Errorf("without %s: %d bytes brotli with %q, want it gone and fewer than %d", name, len(less.Brotli), mark,
				len(all.Brotli))
		}
	}
	f("routes", "pushState", func(s *Site) { s.Features.Routes, s.Features.HashRoutes = false, false })
	f("hash routes", "%23", func(s *Site) { s.Features.HashRoutes = false })
	f("engagement", "hasFocus", func(s *Site) { s.Features.Engagement = false })
	f("forms", "HTMLFormElement", func(s *Site) { s.Features.Forms = false })
	f("anonymous count", "utm_", func(s *Site) { s.Asserts.AnonymousCount = false })
}

func TestBuildHasNoEval(t *testing.T) {
	script := string(mustBuild(t, largestSite()).Script.Plain)
	for _, banned := range []string{"eval(", "new Function", "innerHTML", "document.write", "preventDefault", "debugger"} {
		if strings.Contains(script, banned) {
			t.Errorf("the script contains %q", banned)
		}
	}
}

func TestBuildSourceFailure(t *testing.T) {
	f := func(name, text, want string) {
		t.Helper()
		lib := library{snippet: overlay(t, name, text), consent: consent.Sources}
		_, err := build(largestSite(), lib)
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("build with %s = %q: error %v, want one that contains %q", name, text, err, want)
		}
	}
	f("src/main.ts", "let x = ;", "snippet/src/main.ts:1:9: Unexpected")
	f("src/main.ts", "import {x} from './gone.ts'\nconsole.log(x)", "gone.ts")
	f("src/loader.ts", "\n(", "snippet/src/loader.ts:2:2: ")
}

// overlay is the sources with one file replaced.
func overlay(t *testing.T, name, text string) fs.FS {
	t.Helper()
	files := fstest.MapFS{}
	err := fs.WalkDir(sources, ".", func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		data, err := sources.ReadFile(path)
		files[path] = &fstest.MapFile{Data: data}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	files[name] = &fstest.MapFile{Data: []byte(text)}
	return files
}

func TestValidateFailure(t *testing.T) {
	f := func(want string, spoil func(*Site)) {
		t.Helper()
		site := largestSite()
		spoil(&site)
		if _, err := Build(site); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("Build(%+v): error %v, want one that names %q", site, err, want)
		}
	}
	f("key", func(s *Site) { s.Key = "" })
	f("key", func(s *Site) { s.Key = "a/b" })
	f("endpoint", func(s *Site) { s.Endpoint = "" })
	f("endpoint", func(s *Site) { s.Endpoint += "/" })
	f("endpoint", func(s *Site) { s.Endpoint = "javascript:alert(1)" })
	f("endpoint", func(s *Site) { s.Endpoint = "//other.example/h/k" })
	f("endpoint", func(s *Site) { s.Endpoint = "https://a.example/h/k?x" })
	f("endpoint", func(s *Site) { s.Endpoint = "https://a.example/" + strings.Repeat("a", 200) })
	f("notice", func(s *Site) { s.Notice = "0A1B2C3D" })
	f("cookie name", func(s *Site) { s.CookieName = "a;b" })
	f("cookie domain", func(s *Site) { s.CookieDomain = "example.com; Path=/x" })
	f("hash routes", func(s *Site) { s.Features.Routes = false })

	err := Site{}.Validate()
	var joined interface{ Unwrap() []error }
	if !errors.As(err, &joined) || len(joined.Unwrap()) != 3 {
		t.Errorf("Site{}.Validate() = %v, want all three problems", err)
	}
}

func TestValidateEndpointOnOwnOrigin(t *testing.T) {
	site := largestSite()
	site.Endpoint = "/h/k5x7w2mqp3"
	if err := site.Validate(); err != nil {
		t.Errorf("Validate with endpoint %q: %v", site.Endpoint, err)
	}
}

func BenchmarkBuild(b *testing.B) {
	b.ReportAllocs()
	for b.Loop() {
		mustBuild(b, largestSite())
	}
}

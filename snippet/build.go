package snippet

import (
	"cmp"
	"crypto/sha256"
	"crypto/sha512"
	"embed"
	"encoding/base64"
	"encoding/hex"
	"fmt"
	"io/fs"
	"strconv"
	"strings"

	"heed/consent"
)

//go:embed src/*.ts src/*/*.ts src/*/*/*.ts
var sources embed.FS

// hashBytes of SHA-256 name a bundle: 80 bits, against accidents; Integrity guards against malice.
const hashBytes = 10

// Bundle is what the pages of one site load. Its bytes depend on nothing but the Site and this version of Heed.
type Bundle struct {
	Script File // the tracker, on every page
	Banner File // all that is seen of a choice: the consent scripts fetch it when there is something to show
	// Wall and Words are what a page needs that has a stub: its script, and what that says to visitors, in all languages.
	Wall, Words File
	// Consents are the consent scripts, one per layout of notices. A page fetches that of its place when there is something
	// to ask, to tell or to show.
	Consents []File
	// Loaders name the others and say by which rules to decide: one per answer that consent has for a place. The first is
	// that of a place that is not known.
	Loaders []Loader
}

// File is to be served under the endpoint as Name, for ever, with Access-Control-Allow-Origin: *, since the browser
// verifies it across origins.
type File struct {
	Hash      string // 20 hex digits of its SHA-256
	Integrity string // its SRI value: "sha384-…"
	Encoded
}

// Name of the file under the endpoint.
func (f File) Name() string { return f.Hash + ".js" }

// Loader is to be served under the endpoint as LoaderName to browsers at places of these rules and links, cached for
// minutes at most and by no one but the browser.
type Loader struct {
	Rules consent.Rules
	Links consent.Links
	File  File // Hash tells one loader from another; it is not its name
}

// Encoded is one file in the forms in which it is served. All are UTF-8 JavaScript.
type Encoded struct{ Plain, Gzip, Brotli []byte }

// Build makes the scripts of one site. It reads only what is embedded in the program and uses no network. It fails on an
// invalid Site.
func Build(site Site) (Bundle, error) {
	return build(site, library{snippet: sources, consent: consent.Sources})
}

// library is where the sources come from.
type library struct{ snippet, consent fs.FS }

func build(site Site, lib library) (b Bundle, err error) {
	if err := site.Validate(); err != nil {
		return Bundle{}, err
	}
	if b.Script, err = lib.file("main.ts", site.defines()); err != nil {
		return Bundle{}, fmt.Errorf("build the script of site %q: %w", site.ID, err)
	}
	if b.Banner, err = lib.file("banner.ts", nil); err != nil {
		return Bundle{}, fmt.Errorf("build the banner of site %q: %w", site.ID, err)
	}
	for _, layout := range layouts {
		file, err := lib.file("consent.ts", site.consentDefines(layout, b.Banner))
		if err != nil {
			return Bundle{}, fmt.Errorf("build the consent script of site %q: %w", site.ID, err)
		}
		b.Consents = append(b.Consents, file)
	}
	if err := b.addWall(site, lib); err != nil {
		return Bundle{}, err
	}
	for _, v := range consent.BrowserVariants(site.Asserts) {
		file, err := lib.file("loader.ts", site.loaderDefines(b, v))
		if err != nil {
			return Bundle{}, fmt.Errorf("build the loader of site %q: %w", site.ID, err)
		}
		b.Loaders = append(b.Loaders, Loader{Rules: v.Rules, Links: v.Links, File: file})
	}
	return b, nil
}

// file builds, names and compresses one script.
func (lib library) file(entry string, defines map[string]string) (File, error) {
	script, err := lib.bundle(entry, defines)
	if err != nil {
		return File{}, err
	}
	encoded, err := encode(script)
	if err != nil {
		return File{}, fmt.Errorf("compress %s: %w", entry, err)
	}
	digest, sum := sha256.Sum256(script), sha512.Sum384(script)
	return File{
		Hash:      hex.EncodeToString(digest[:hashBytes]),
		Integrity: "sha384-" + base64.StdEncoding.EncodeToString(sum[:]),
		Encoded:   encoded,
	}, nil
}

// defines are the constants that main.ts declares, and consent.ts in part, as JavaScript.
func (s Site) defines() map[string]string {
	return map[string]string{
		"ENDPOINT":        strconv.Quote(s.Endpoint),
		"KEY":             strconv.Quote(s.Key),
		"NOTICE":          strconv.Quote(s.Notice),
		"COOKIE_NAME":     strconv.Quote(cmp.Or(s.CookieName, "heed")),
		"COOKIE_DOMAIN":   strconv.Quote(s.CookieDomain),
		"ANONYMOUS_COUNT": strconv.FormatBool(s.Asserts.AnonymousCount),
		"CHILDREN":        strconv.FormatBool(s.Asserts.Children),
		"ROUTES":          strconv.FormatBool(s.Features.Routes),
		"HASH_ROUTES":     strconv.FormatBool(s.Features.HashRoutes),
		"ENGAGEMENT":      strconv.FormatBool(s.Features.Engagement),
		"FORMS":           strconv.FormatBool(s.Features.Forms),
	}
}

// consentDefines are the constants that consent.ts declares.
func (s Site) consentDefines(layout consent.Prompt, banner File) map[string]string {
	defines := s.defines()
	defines["BANNER"] = literal(named(banner))
	defines["BUTTON"] = strconv.FormatBool(s.Button)
	defines["NOTICES"] = s.noticeTable(layout)
	defines["OPT_IN"] = strconv.FormatBool(layout == consent.OptInPrompt)
	defines["RECORD_SHOWN"] = strconv.FormatBool(s.RecordShown)
	return defines
}

// noticeTable is what the consent script of a layout finds a notice by: locale and shown_hash of each, with spaces between.
func (s Site) noticeTable(layout consent.Prompt) string {
	var words []string
	for _, n := range s.Notices {
		if n.Layout == string(layout) {
			words = append(words, n.Locale, n.Shown)
		}
	}
	return strconv.Quote(strings.Join(words, " "))
}

package snippet

import (
	"crypto/sha256"
	"crypto/sha512"
	"embed"
	"encoding/base64"
	"encoding/hex"
	"fmt"
	"io/fs"
	"strconv"

	"heed/consent"
)

//go:embed src/*.ts
var sources embed.FS

//go:embed size.json
var sizes []byte

// hashBytes of SHA-256 name a bundle: 80 bits, against accidents; Integrity guards against malice.
const hashBytes = 10

// Bundle is the script of one site. Its bytes depend on nothing but the Site and this version of Heed.
type Bundle struct {
	Hash      string // 20 hex digits of the script's SHA-256
	Integrity string // the script's SRI value: "sha384-…"
	// Script is to be served under the endpoint as Name, for ever, with Access-Control-Allow-Origin: *, since the
	// browser verifies it across origins.
	Script Encoded
	// Loader is to be served under the endpoint as LoaderName, cached for minutes at most.
	Loader Encoded
}

// Name of the script under the endpoint.
func (b Bundle) Name() string { return b.Hash + ".js" }

// Encoded is one file in the forms in which it is served. All are UTF-8 JavaScript.
type Encoded struct{ Plain, Gzip, Brotli []byte }

// Build makes the script of one site. It reads only what is embedded in the program and uses no network. It fails on an
// invalid Site and on a script above the limits of size.json; the error names limit and size.
func Build(site Site) (Bundle, error) {
	return build(site, library{snippet: sources, consent: consent.Sources}, sizes)
}

// library is where the sources come from.
type library struct{ snippet, consent fs.FS }

func build(site Site, lib library, sizes []byte) (Bundle, error) {
	if err := site.Validate(); err != nil {
		return Bundle{}, err
	}
	limits, err := parseLimits(sizes)
	if err != nil {
		return Bundle{}, fmt.Errorf("read size.json: %w", err)
	}
	script, err := lib.bundle("main.ts", site.defines())
	if err != nil {
		return Bundle{}, fmt.Errorf("build the script of site %q: %w", site.ID, err)
	}
	digest, sum := sha256.Sum256(script), sha512.Sum384(script)
	b := Bundle{
		Hash:      hex.EncodeToString(digest[:hashBytes]),
		Integrity: "sha384-" + base64.StdEncoding.EncodeToString(sum[:]),
	}
	loader, err := lib.bundle("loader.ts", map[string]string{
		"SCRIPT":    strconv.Quote(site.Endpoint + "/" + b.Name()),
		"INTEGRITY": strconv.Quote(b.Integrity),
	})
	if err != nil {
		return Bundle{}, fmt.Errorf("build the loader of site %q: %w", site.ID, err)
	}
	if b.Script, err = encode(script); err != nil {
		return Bundle{}, fmt.Errorf("compress the script of site %q: %w", site.ID, err)
	}
	if b.Loader, err = encode(loader); err != nil {
		return Bundle{}, fmt.Errorf("compress the loader of site %q: %w", site.ID, err)
	}
	if err := limits.check(site, b); err != nil {
		return Bundle{}, fmt.Errorf("site %q: %w", site.ID, err)
	}
	return b, nil
}

// defines are the constants that main.ts declares, as JavaScript.
func (s Site) defines() map[string]string {
	name := s.CookieName
	if name == "" {
		name = "heed"
	}
	return map[string]string{
		"ENDPOINT":        strconv.Quote(s.Endpoint),
		"KEY":             strconv.Quote(s.Key),
		"NOTICE":          strconv.Quote(s.Notice),
		"COOKIE_NAME":     strconv.Quote(name),
		"COOKIE_DOMAIN":   strconv.Quote(s.CookieDomain),
		"ANONYMOUS_COUNT": strconv.FormatBool(s.AnonymousCount),
		"RULES":           s.rules().String(),
		"ROUTES":          strconv.FormatBool(s.Features.Routes),
		"HASH_ROUTES":     strconv.FormatBool(s.Features.HashRoutes),
		"ENGAGEMENT":      strconv.FormatBool(s.Features.Engagement),
		"FORMS":           strconv.FormatBool(s.Features.Forms),
	}
}

// rules are those of an unknown place: until a page can say where it is, every browser decides by the strictest row.
func (s Site) rules() consent.Rules {
	return consent.BrowserRules(consent.Place{}, consent.Site{AnonymousCount: s.AnonymousCount, Exemption: s.Exemption})
}

package snippet

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"html"
	"slices"
	"strconv"
	"strings"

	"heed/consent"
	"heed/schemas"
)

// stub builds the inline script of the site's wall.
func (s Site) stub(lib library) ([]byte, error) {
	defines, err := s.stubDefines()
	if err != nil {
		return nil, err
	}
	script, err := lib.bundle("stub.ts", defines)
	if err != nil {
		return nil, fmt.Errorf("build the stub of site %q: %w", s.ID, err)
	}
	return bytes.TrimSpace(script), nil
}

// stubDefines are the constants that stub.ts declares, as JavaScript.
func (s Site) stubDefines() (map[string]string, error) {
	defines := s.defines()
	for name, value := range map[string]any{
		"UNKNOWN_AFTER_GRANT": s.Asserts.UnknownAfterGrant,
		"STRENGTH":            s.Wall.Strength,
		"BASE":                "default-src " + s.base(),
		"SERVICES":            s.stubServices(),
		"PLACES":              s.stubPlaces(),
		"HAS_FRAMES":          len(s.Wall.Frames) > 0,
		"FRAMES":              append([]string{}, s.Wall.Frames...),
	} {
		text, err := json.Marshal(value)
		if err != nil {
			return nil, fmt.Errorf("write %s of site %q: %w", name, s.ID, err)
		}
		defines[name] = string(text)
	}
	defines["HAS_MODES"] = strconv.FormatBool(len(s.Wall.Modes) > 0)
	defines["REGIONS"] = strconv.FormatBool(s.Asserts.AssumePlace == consent.Place{} && !s.Asserts.Children)
	for _, mode := range Modes() {
		defines["MODE_"+strings.ToUpper(mode)] = strconv.FormatBool(slices.Contains(s.Wall.Modes, mode))
	}
	return defines, nil
}

// stubServices is what the stub knows of each service; stub.ts names the fields.
func (s Site) stubServices() [][]any {
	list := make([][]any, 0, len(s.Wall.Services))
	for _, service := range s.Wall.Services {
		hosts := ""
		for _, host := range service.Hosts {
			hosts += " " + schemeless(host)
		}
		marked := 0
		if service.Marked {
			marked = 1
		}
		if service.Category == consent.Essential {
			hosts = "" // they are in the base
		}
		list = append(list, []any{service.ID, service.Category, marked, hosts, strings.Join(service.Stores, " ")})
	}
	return list
}

// stubPlaces are the places that the stub knows, each between spaces, before the rules by which it decides there: first those
// of no place, last those of all places that are not named.
func (s Site) stubPlaces() string {
	table := fmt.Sprintf("  %d", consent.BrowserRules(consent.Place{}, s.Asserts))
	for _, p := range consent.BrowserPlaces() {
		table += fmt.Sprintf(" %s %d", strings.Join(p.Places, " "), p.Rules)
	}
	return table
}

// Tag returns the HTML that the site's owner pastes into the head of each page, before anything else: the stub, where the
// wall has one, then the loader.
func (s Site) Tag() (string, error) {
	return s.tag(library{snippet: sources, consent: consent.Sources})
}

func (s Site) tag(lib library) (string, error) {
	if err := s.Validate(); err != nil {
		return "", err
	}
	if !s.Wall.on() {
		return Tag(s.Endpoint), nil
	}
	stub, err := s.stub(lib)
	if err != nil {
		return "", err
	}
	seal := ""
	if s.Wall.Strength == schemas.WallSealed {
		seal = fmt.Sprintf("<meta http-equiv=\"Content-Security-Policy\" content=\"%s\" data-heed>\n", html.EscapeString(s.Seal()))
	}
	return fmt.Sprintf("<script %s data-heed=\"%s\">%s</script>\n%s<script async %[1]s src=\"%[5]s/%[6]s\"></script>\n",
		optOuts, version(stub), stub, seal, html.EscapeString(s.Endpoint), LoaderName), nil
}

// TagVersion returns what a pasted tag of this configuration says of itself as data-heed: 8 hex digits, "" without a wall.
func (s Site) TagVersion() (string, error) {
	if !s.Wall.on() {
		return "", s.Validate()
	}
	stub, err := s.stub(library{snippet: sources, consent: consent.Sources})
	return version(stub), err
}

// version of a tag: a pasted one is frozen text, and has to be told from that of now.
func version(stub []byte) string {
	sum := sha256.Sum256(stub)
	return hex.EncodeToString(sum[:4])
}

// optOuts are attributes by which optimisers of pages leave a script where it is: Rocket Loader, LiteSpeed Cache, WP Rocket,
// PageSpeed and WP Fastest Cache, in this order.
const optOuts = `data-cfasync="false" data-no-optimize="1" data-no-defer="1" nowprocket data-pagespeed-no-defer data-wpfc-render="false"`

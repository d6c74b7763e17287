package enrich

import "strings"

// hints is what the client hints said; empty fields said nothing that is known.
type hints struct {
	browser  string
	os       string
	headless bool
}

// brands ranks what Sec-CH-UA may list: a browser names itself, then what it is built on, in any order. Brands that are
// not here count for nothing, among them the made-up ones ("Not/A)Brand") that keep servers from relying on the list,
// and plain Chromium, which is said by browsers that name themselves in the user agent alone.
var brands = map[string]struct {
	name string
	rank int
}{
	"Google Chrome":           {chrome, 1},
	"HeadlessChrome":          {chrome, 1},
	"Android WebView":         {inApp, 2},
	"Microsoft Edge WebView2": {inApp, 3},
	"Microsoft Edge":          {edge, 2},
	"Opera":                   {opera, 2},
	"Opera GX":                {opera, 2},
	"Opera Mobile":            {opera, 2},
	"OperaMobile":             {opera, 2},
	"Brave":                   {"Brave", 2},
	"Vivaldi":                 {"Vivaldi", 2},
	"YaBrowser":               {yandex, 2},
	"Yandex":                  {yandex, 2},
	"Samsung Internet":        {samsung, 2},
	"DuckDuckGo":              {duck, 2},
	"Whale":                   {"Whale", 2},
	"HuaweiBrowser":           {"Huawei Browser", 2},
}

var platforms = map[string]string{
	"Windows":     windows,
	"macOS":       macOS,
	"Mac OS X":    macOS,
	"iOS":         iOS,
	"Android":     android,
	"Linux":       linux,
	"Chrome OS":   chromeOS,
	"Chromium OS": chromeOS,
}

func readHints(h *Headers) (out hints) {
	rank := 0
	for rest := h.CHUA; rest != ""; {
		var brand string
		brand, rest = nextBrand(rest)
		if b := brands[brand]; b.rank > rank {
			out.browser, rank = b.name, b.rank
		}
		if brand == "HeadlessChrome" {
			out.headless = true
		}
	}
	platform, _ := nextBrand(h.CHPlatform)
	out.os = platforms[platform]
	return out
}

// nextBrand takes the first member off a structured-field list of strings with parameters (RFC 8941): "A";v="1", "B".
// A member that is not a string is the empty brand. Escapes are left as they are: no known brand has one.
func nextBrand(list string) (brand, rest string) {
	list = strings.TrimLeft(list, " \t")
	if s, ok := strings.CutPrefix(list, `"`); ok {
		brand, _, _ = strings.Cut(s, `"`)
	}
	quoted := false
	for i := 0; i < len(list); i++ {
		switch {
		case quoted && list[i] == '\\':
			i++
		case list[i] == '"':
			quoted = !quoted
		case !quoted && list[i] == ',':
			return brand, list[i+1:]
		}
	}
	return brand, ""
}

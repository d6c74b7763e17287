package enrich

import (
	"errors"
	"net/netip"
	"net/url"
	"strings"
	"unicode"
	"unicode/utf8"

	"golang.org/x/net/idna"
)

// Limits of what is read and kept, in bytes.
const (
	maxURLBytes     = 4096 // schemas allows no longer ones
	maxHostBytes    = 253  // what DNS allows
	maxPathBytes    = 1024 // cut
	maxUTMBytes     = 128  // cut
	maxClickIDBytes = 512  // longer ones are not kept: part of an id matches nothing
)

// Page is what is kept of a page's URL. Port, query and fragment are not, the parameters below apart.
type Page struct {
	Host    string // lower case, in ASCII, without port and final dot
	Path    string // starts with a slash; percent-decoded but for what would change its meaning; no control characters
	UTM     UTM
	ClickID ClickID
}

// UTM holds the campaign parameters, decoded, without control characters, cut to 128 bytes each.
type UTM struct{ Source, Medium, Campaign, Term, Content string }

// ClickID is the id that an advertising network put into the link. It needs an advertising grant to be kept: the
// caller decides. Both fields are empty when there is none.
type ClickID struct {
	Kind  string // the parameter's name, one of a closed set: gclid, fbclid, msclkid, ...
	Value string
}

// clickIDs in the order in which they win when a link carries several.
var clickIDs = [...]string{
	"gclid", "gbraid", "wbraid", "dclid", "msclkid", "fbclid", "ttclid", "twclid", "li_fat_id", "yclid", "epik",
	"rdt_cid", "ScCid",
}

// The errors say nothing of the URL, which may hold personal data.
var (
	errURLTooLong = errors.New("the URL is longer than 4096 bytes")
	errURLForm    = errors.New("not an absolute http or https URL without user name and password")
)

// ReadPage takes a page's URL apart. Its errors are fit for an answer to the sender. The strings that it returns may
// share memory with rawURL: one that lies in a buffer which is used again must be cloned first.
func ReadPage(rawURL string) (Page, error) {
	if len(rawURL) > maxURLBytes {
		return Page{}, errURLTooLong
	}
	if p, ok := readPlainPage(rawURL); ok {
		return p, nil
	}
	return readAnyPage(rawURL)
}

// readPlainPage allocates nothing where no campaign parameter holds an escape.
func readPlainPage(rawURL string) (Page, bool) {
	host, rest, ok := plainURL(rawURL)
	if !ok {
		return Page{}, false
	}
	path, tail, ok := plainPath(rest)
	if !ok {
		return Page{}, false
	}
	p := Page{Host: host, Path: path}
	tail, _, _ = strings.Cut(tail, "#")
	if query, ok := strings.CutPrefix(tail, "?"); ok {
		p.readQuery(mendEscapes(query))
	}
	return p, true
}

func readAnyPage(rawURL string) (Page, error) {
	u, err := url.Parse(mendEscapes(rawURL))
	if err != nil || u.User != nil || (u.Scheme != "http" && u.Scheme != "https") {
		return Page{}, errURLForm
	}
	host := cleanHost(u.Hostname())
	if host == "" {
		return Page{}, errURLForm
	}
	p := Page{Host: host, Path: cleanPath(u.EscapedPath())}
	p.readQuery(u.RawQuery)
	return p, nil
}

// cleanHost returns the empty string for what is neither a host name nor an address.
func cleanHost(host string) string {
	if strings.ContainsFunc(host, func(r rune) bool { return r >= utf8.RuneSelf }) {
		ascii, err := idna.Lookup.ToASCII(host)
		if err != nil {
			return ""
		}
		host = ascii
	}
	host = strings.ToLower(strings.TrimSuffix(host, "."))
	if ip, err := netip.ParseAddr(host); err == nil {
		return ip.WithZone("").String()
	}
	emptyLabel := host == "" || host[0] == '.' || host[len(host)-1] == '.' || strings.Contains(host, "..")
	if emptyLabel || len(host) > maxHostBytes || strings.ContainsFunc(host, notInHost) {
		return ""
	}
	return host
}

// notInHost allows the underscore, which DNS and browsers do too.
func notInHost(r rune) bool {
	return !('a' <= r && r <= 'z' || '0' <= r && r <= '9' || r == '-' || r == '_' || r == '.')
}

// mendEscapes turns a percent sign that starts no escape into one that does. Browsers leave such signs alone, net/url
// refuses them, and a visit to /50%off is a visit.
func mendEscapes(s string) string {
	if !hasLoosePercent(s) {
		return s
	}
	var b strings.Builder
	for i := 0; i < len(s); i++ {
		b.WriteByte(s[i])
		if s[i] == '%' && !isEscape(s[i:]) {
			b.WriteString("25")
		}
	}
	return b.String()
}

func hasLoosePercent(s string) bool {
	for {
		i := strings.IndexByte(s, '%')
		if i < 0 {
			return false
		}
		if s = s[i:]; !isEscape(s) {
			return true
		}
		s = s[1:]
	}
}

func isEscape(s string) bool {
	return len(s) >= 3 && isHex(s[1]) && isHex(s[2])
}

func isHex(c byte) bool {
	return '0' <= c && c <= '9' || 'a' <= c|0x20 && c|0x20 <= 'f'
}

// protect escapes the escapes that cleanPath is to leave alone.
var protect = strings.NewReplacer(
	"%2F", "%252F", "%2f", "%252F", "%3F", "%253F", "%3f", "%253F", "%23", "%2523", "%25", "%2525",
)

// cleanPath decodes a path for people to read, all but the escapes that stand for /, ?, # and %: without those, the
// path would read as another one, or as one with a query.
func cleanPath(escaped string) string {
	path, err := url.PathUnescape(protect.Replace(escaped))
	if err != nil || !strings.HasPrefix(path, "/") {
		return "/"
	}
	return clean(path, maxPathBytes)
}

// readQuery takes the first of each parameter that is known. Values with broken escapes are mended already.
func (p *Page) readQuery(query string) {
	rank := len(clickIDs)
	for query != "" {
		var pair string
		pair, query, _ = strings.Cut(query, "&")
		name, raw, _ := strings.Cut(pair, "=")
		if utm := p.UTM.field(name); utm != nil {
			if *utm == "" {
				*utm = clean(unescape(raw), maxUTMBytes)
			}
			continue
		}
		for i, kind := range clickIDs[:rank] {
			if name != kind {
				continue
			}
			if value := clean(unescape(raw), len(raw)); value != "" && len(value) <= maxClickIDBytes {
				p.ClickID, rank = ClickID{kind, value}, i
			}
			break
		}
	}
}

func (u *UTM) field(name string) *string {
	switch name {
	case "utm_source":
		return &u.Source
	case "utm_medium":
		return &u.Medium
	case "utm_campaign":
		return &u.Campaign
	case "utm_term":
		return &u.Term
	case "utm_content":
		return &u.Content
	}
	return nil
}

func unescape(raw string) string {
	s, err := url.QueryUnescape(raw)
	if err != nil {
		return ""
	}
	return s
}

// clean makes s fit to be stored and shown: valid UTF-8, no control characters and none that turn the reading
// direction, no space around it, at most limit bytes and no half character at the end.
func clean(s string, limit int) string {
	if !isPrintableASCII(s) {
		s = strings.Map(func(r rune) rune {
			if unicode.IsControl(r) || unicode.Is(unicode.Bidi_Control, r) {
				return -1
			}
			return r
		}, s) // which also turns invalid bytes into U+FFFD
	}
	if len(s) > limit {
		for limit > 0 && !utf8.RuneStart(s[limit]) {
			limit--
		}
		s = s[:limit]
	}
	return strings.TrimSpace(s)
}

func isPrintableASCII(s string) bool {
	for i := range len(s) {
		if s[i] < ' ' || s[i] >= 0x7F {
			return false
		}
	}
	return true
}

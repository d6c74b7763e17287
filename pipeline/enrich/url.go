package enrich

import "strings"

// plainURL takes apart a URL that is as nearly all are: http or https in lower case, a host name in lower-case ASCII,
// perhaps a port, no control characters. The host is what cleanHost makes of it, rest begins at the path, query or
// fragment and may be empty. Anything else is not plain and left to net/url, several times as slow; both ways give the
// same result (FuzzPlainURL).
func plainURL(raw string) (host, rest string, plain bool) {
	after, found := strings.CutPrefix(raw, "https://")
	if !found {
		if after, found = strings.CutPrefix(raw, "http://"); !found {
			return "", "", false
		}
	}
	n := plainHostBytes(after)
	if n == 0 {
		return "", "", false
	}
	host, rest = after[:n], after[n:]
	if rest != "" && rest[0] == ':' {
		rest = strings.TrimLeft(rest[1:], "0123456789")
	}
	if rest != "" && rest[0] != '/' && rest[0] != '?' && rest[0] != '#' {
		return "", "", false
	}
	return host, rest, !HasControl(rest)
}

// plainHostBytes returns the length of the host name that s begins with, 0 where it is not plain. The last label must
// begin with a letter: it could be an address otherwise.
func plainHostBytes(s string) int {
	label := 0 // where the present label begins
	i := 0
	for ; i < len(s) && !notInHost(rune(s[i])); i++ {
		if s[i] != '.' {
			continue
		}
		if i == label {
			return 0
		}
		label = i + 1
	}
	if i == label || i > maxHostBytes || s[label] < 'a' {
		return 0
	}
	return i
}

// HasControl reports whether text holds NUL or another control character below space, or DEL: none of them belongs into a
// URL or a name, and terminals and spreadsheets take some for commands. It looks at eight bytes at once: each is above
// 0x7f, or large enough that adding 0x60 sets its highest bit, and is not DEL; no sum carries into the next byte.
func HasControl(text string) bool {
	const (
		each = 0x0101010101010101
		low7 = each * 0x7f
		high = each * 0x80
	)
	for ; len(text) >= 8; text = text[8:] {
		x := uint64(text[0]) | uint64(text[1])<<8 | uint64(text[2])<<16 | uint64(text[3])<<24 |
			uint64(text[4])<<32 | uint64(text[5])<<40 | uint64(text[6])<<48 | uint64(text[7])<<56 // one load
		fromSpace := x&low7 + each*(0x80-' ') | x
		notDEL := (x^low7)&low7 + low7 | (x ^ low7)
		if fromSpace&notDEL&high != high {
			return true
		}
	}
	for i := range len(text) {
		if text[i] < ' ' || text[i] == 0x7F {
			return true
		}
	}
	return false
}

// plainPath returns the path that rest, from plainURL, begins with, as cleanPath would have it, and what follows it.
func plainPath(rest string) (path, tail string, plain bool) {
	n := 0
	for ; n < len(rest) && rest[n] != '?' && rest[n] != '#'; n++ {
		if rest[n] <= ' ' || rest[n] >= 0x7F || rest[n] == '%' {
			return "", "", false
		}
	}
	if n == 0 {
		return "/", rest, true
	}
	return rest[:min(n, maxPathBytes)], rest[n:], true
}

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
	return host, rest, !hasControl(rest)
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

func hasControl(s string) bool {
	for i := range len(s) {
		if s[i] < ' ' || s[i] == 0x7F {
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

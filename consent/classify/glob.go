package classify

import "strings"

// MinPatternBytes is how much text a pattern must hold, stars aside, to be believed without its owner's domain. A
// shorter one would match names of other makers.
const MinPatternBytes = 5

// Signs of a pattern. A name may hold them, and then stands for itself as well.
const (
	anyText = '*'
	anySign = '?' // one capital letter or digit
)

// Match reports whether a name, which may hold anything, fits a pattern: each * in it stands for any text, also none,
// and each ? for one of A–Z and 0–9. It takes at most the product of their lengths.
func Match(pattern, name string) bool {
	// Only the last star ever needs to take more: whatever an earlier one could take, the later one can.
	star, resume := -1, 0
	p, n := 0, 0
	for n < len(name) {
		switch {
		case p < len(pattern) && pattern[p] == anyText:
			star, resume = p, n
			p++
		case p < len(pattern) && fits(pattern[p], name[n]):
			p++
			n++
		case star >= 0:
			resume++
			p, n = star+1, resume
		default:
			return false
		}
	}
	return strings.Trim(pattern[p:], string(anyText)) == ""
}

func fits(sign, c byte) bool {
	return sign == c || sign == anySign && (c >= 'A' && c <= 'Z' || c >= '0' && c <= '9')
}

// isWildcard reports whether a pattern stands for more than one name.
func isWildcard(pattern string) bool { return strings.ContainsAny(pattern, "*?") }

// literalBytes is how much of a pattern is not a star.
func literalBytes(pattern string) int { return len(pattern) - strings.Count(pattern, string(anyText)) }

// Distinctive reports whether a pattern may be believed without a domain: a name, or a pattern with enough text.
func Distinctive(pattern string) bool {
	return !isWildcard(pattern) || literalBytes(pattern) >= MinPatternBytes
}

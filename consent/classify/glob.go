package classify

import "strings"

// MinPatternBytes is how much text a pattern must hold, stars aside, to be believed without its owner's domain. A
// shorter one would match names of other makers.
const MinPatternBytes = 5

// wild stands for any text, also none, in a pattern.
const wild = "*"

// Match reports whether a name, which may hold anything, fits a pattern, in which each * stands for any text. It takes
// time in proportion to their lengths: each piece is looked for once, from where the last one ended.
func Match(pattern, name string) bool {
	first, rest, wildcard := strings.Cut(pattern, wild)
	if !wildcard {
		return pattern == name
	}
	name, ok := strings.CutPrefix(name, first)
	for ok {
		var piece string
		piece, rest, wildcard = strings.Cut(rest, wild)
		if !wildcard {
			return strings.HasSuffix(name, piece)
		}
		_, name, ok = strings.Cut(name, piece)
	}
	return false
}

// literalBytes is how much of a pattern is not a star.
func literalBytes(pattern string) int { return len(pattern) - strings.Count(pattern, wild) }

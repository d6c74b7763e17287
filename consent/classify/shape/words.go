// Package shape guesses the category of a cookie from the words of its name and how long it lives. What the words say is
// learned from the table of facts, counted by owner, and kept as a table that can be read and reviewed.
package shape

import "strings"

// Bounds of what is looked at; the rest of a longer name says nothing new.
const (
	maxNameBytes = 256
	maxWords     = 24
)

// Words splits a name where a person would: at signs and digits, and where small letters turn into capitals. They come
// in lower case, each once, in their order; single letters and digits are left out.
func Words(name string) []string {
	name = name[:min(len(name), maxNameBytes)]
	var words []string
	begin := 0
	for i := 0; i <= len(name) && len(words) < maxWords; i++ {
		if i < len(name) && isLetter(name[i]) && (i == begin || !turns(name, i)) {
			continue
		}
		words = appendWord(words, name[begin:i])
		begin = i
		if i < len(name) && !isLetter(name[i]) {
			begin = i + 1
		}
	}
	return words
}

func appendWord(words []string, word string) []string {
	if len(word) < 2 {
		return words
	}
	word = strings.ToLower(word)
	for _, known := range words {
		if known == word {
			return words
		}
	}
	return append(words, word)
}

func isLetter(c byte) bool { c |= 0x20; return c >= 'a' && c <= 'z' }

// turns reports whether a new word begins at the letter name[i]: sessionId, or the P of HTTPProxy.
func turns(name string, i int) bool {
	upper := func(c byte) bool { return c >= 'A' && c <= 'Z' }
	if !upper(name[i]) {
		return false
	}
	if !upper(name[i-1]) {
		return true
	}
	return i+1 < len(name) && isLetter(name[i+1]) && !upper(name[i+1])
}

package collector

import (
	"crypto/subtle"

	"heed/consent"
	"heed/pipeline/enrich"
)

// recall is what a connection remembers from one request to the next while it does not rest: a visitor's next request
// mostly says the same, and what was read and proven then need not be again. It is the connection's own, is overwritten
// by whoever comes next, and forgotten after 50 ms of silence. Neither an address nor a visitor's id is in it.
type recall struct {
	site   *site // whose choice it is: another site has other keys
	length int   // of text; 0: nothing is remembered
	text   [maxRecalled]byte
	choice consent.Choice // what text says, with the right seal of the site's current key; it views text
	place  enrich.Recent
}

// maxRecalled is more than any sealed choice has.
const maxRecalled = 96

// choiceOf returns the choice that the same text was at the same site.
func (r *recall) choiceOf(s *site, text string) (consent.Choice, bool) {
	if r == nil || r.site != s || r.length != len(text) ||
		subtle.ConstantTimeCompare(r.text[:r.length], bytesOf(text)) != 1 {
		return consent.Choice{}, false
	}
	return r.choice, true
}

// keepChoice remembers a text whose seal was right.
func (r *recall) keepChoice(s *site, proven string) {
	if r == nil || len(proven) > len(r.text) {
		return
	}
	r.site, r.length = s, copy(r.text[:], proven)
	choice, err := consent.ParseChoice(text(r.text[:r.length]))
	if err != nil {
		r.length = 0
	}
	r.choice = choice
}

// forget keeps nothing.
func (r *recall) forget() { *r = recall{} }

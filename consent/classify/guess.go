package classify

import "heed/consent"

// How sure the words of a name must be. README.md says what each costs.
const (
	maxDoubt        = 0.12 // most that an excuse may leave to performance and advertising together
	maxHiddenDoubt  = 0.40 // the same for what no script of the page can read
	minPerformance  = 0.50 // what performance needs, or it is taken for advertising
	fairlyConfident = 0.90 // from here on a guess is more than one
)

// byShape answers from the words of the name, when nothing else is known and nothing speaks against them.
func (cl *Classifier) byShape(c Cookie, at place) Verdict {
	p, word := cl.table.Shapes.Guess(c.Name, c.Lifetime)
	if word == "" {
		return unknown
	}
	v := Verdict{Class: consent.Advertising, Confidence: Low, Reason: ByShape, Fact: word}
	essential, functional, performance, advertising := p[0], p[1], p[2], p[3]
	doubt := performance + advertising
	switch {
	case !excusable(c, at):
		if performance >= minPerformance {
			v.Class = consent.Performance
		}
	case essential >= functional && (doubt <= maxDoubt || hidden(c) && doubt <= maxHiddenDoubt):
		v.Class = consent.Essential
	case doubt <= maxDoubt:
		v.Class = consent.Functional
	case performance >= minPerformance:
		v.Class = consent.Performance
	}
	if max(essential, functional, performance, advertising) >= fairlyConfident {
		v.Confidence = Medium
	}
	return v
}

// excusable reports whether words may excuse a cookie at all: not one of another site, not one made to be read from
// other sites, and none whose value can tell visitors apart, unless the page's own server keeps it to itself.
func excusable(c Cookie, at place) bool {
	return !at.isForeign() && !c.CrossSite && (c.Value != Identifier || hidden(c))
}

// hidden reports whether only the site's own server reads the cookie, and for this visit alone: what measures visitors
// from a script cannot be like that.
func hidden(c Cookie) bool { return c.Kind == HTTPCookie && c.HTTPOnly && c.Lifetime == Session }

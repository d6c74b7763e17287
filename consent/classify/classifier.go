package classify

import (
	"fmt"
	"slices"

	"heed/consent"
)

// maxNameBytes is the longest name that is looked up. A longer one is unknown, unless an override fits it.
const maxNameBytes = 1024

// Override is a site owner's own word about a name. It beats every fact.
type Override struct {
	Pattern string // a name; * stands for any text
	Domain  string // the site it belongs to, as the own one; empty is any, for which a pattern has to be Distinctive
	Class   consent.Categories
}

// Config is what a [Classifier] is made from. Its zero value is the compiled table alone.
type Config struct {
	Overrides []Override // the first that fits a name wins
	Table     *Table     // nil is [Compiled]
}

// Validate says what is wrong with the first override that cannot be used.
func (c Config) Validate() error {
	for _, o := range c.Overrides {
		switch {
		case o.Pattern == "":
			return fmt.Errorf("override of no name: want a name, or a pattern such as shop_*")
		case !oneClass(o.Class):
			return fmt.Errorf("override of %q: class %q: want exactly one of %s", o.Pattern, o.Class, consent.All)
		case host(o.Domain) == noHost:
			return fmt.Errorf("override of %q: domain %q: want a host, as in shop.example", o.Pattern, o.Domain)
		case host(o.Domain) == "" && !Distinctive(o.Pattern):
			return fmt.Errorf("override of %q: a pattern with fewer than %d letters beside its stars needs a domain", o.Pattern, MinPatternBytes)
		}
	}
	return nil
}

func oneClass(c consent.Categories) bool { return c != 0 && c&(c-1) == 0 && consent.All.Has(c) }

// Classifier gives verdicts. It is read-only once made, and safe for use by several goroutines at once.
type Classifier struct {
	overrides []Override // their domains are sites
	table     *Table
	names     index
	hosts     hosts
}

// New makes a classifier. The error is Validate's, or says that the compiled table is damaged.
func New(cfg Config) (*Classifier, error) {
	if err := cfg.Validate(); err != nil {
		return nil, err
	}
	if cfg.Table == nil {
		var err error
		if cfg.Table, err = Compiled(); err != nil {
			return nil, err
		}
	}
	overrides := slices.Clone(cfg.Overrides)
	for i, o := range overrides {
		overrides[i].Domain = site(host(o.Domain))
	}
	return &Classifier{
		overrides: overrides, table: cfg.Table, names: newIndex(cfg.Table.Facts), hosts: newHosts(cfg.Table.Facts),
	}, nil
}

// Classify says to which category c belongs. It does not fail: what makes no sense is unknown, hence advertising.
func (cl *Classifier) Classify(c Cookie) Verdict {
	at := stand(c)
	for _, o := range cl.overrides {
		if Match(o.Pattern, c.Name) && (o.Domain == "" || o.Domain == at.home) {
			return Verdict{Class: o.Class, Confidence: High, Reason: ByOverride, Fact: o.Pattern}
		}
	}
	if len(c.Name) > maxNameBytes {
		return unknown
	}
	if v, ok := cl.byFact(at, cl.names.named(c.Name)); ok {
		return v
	}
	if v, ok := cl.byFact(at, cl.longestMatches(c.Name, at)); ok {
		return v
	}
	if v, ok := cl.byHost(at); ok {
		return v
	}
	return cl.byShape(c, at)
}

// place is where a cookie stands. Sites are registrable domains.
type place struct {
	home    string    // the site it belongs to; the page's own when none is known
	foreign [2]string // the sites other than the page's that it belongs to and was written by; empty where there is none
}

func stand(c Cookie) place {
	page, domain, setter := site(host(c.FirstParty)), site(host(c.Domain)), site(host(c.Setter))
	if page == noHost {
		page = "" // not known: everything is foreign to it
	}
	at := place{home: domain}
	if domain == "" {
		at.home = page
	}
	if domain != page {
		at.foreign[0] = domain
	}
	if setter != page {
		at.foreign[1] = setter
	}
	return at
}

func (at place) isForeign() bool { return at.foreign != [2]string{} }

// on reports whether a site has to do with the cookie and is not the page's own.
func (at place) on(site string) bool {
	return site != "" && (site == at.foreign[0] || site == at.foreign[1])
}

// unknown is the verdict when nothing is known.
var unknown = Verdict{Class: consent.Advertising, Confidence: Low, Reason: ByNothing}

// lenient are the categories that let a cookie be stored before the visitor was asked, or on less than a full yes.
func lenient(c consent.Categories) bool { return c < consent.Performance }

// byFact answers from facts whose name or pattern fits. Facts of an owner whose domain was seen come first; of those
// that remain the strictest holds.
func (cl *Classifier) byFact(at place, fits []int) (Verdict, bool) {
	var confirmed, alone []int
	for _, i := range fits {
		fact := cl.table.Facts[i]
		switch {
		case cl.confirms(fact, at):
			confirmed = append(confirmed, i)
		case believable(fact, at):
			alone = append(alone, i)
		}
	}
	if len(confirmed) > 0 {
		return cl.verdict(confirmed, true), true
	}
	if len(alone) > 0 {
		return cl.verdict(alone, false), true
	}
	return Verdict{}, false
}

// confirms reports whether the cookie stands on a domain of the fact's owner; for a pattern that is too short to be
// distinctive, on a domain of the fact itself.
func (cl *Classifier) confirms(fact Fact, at place) bool {
	if Distinctive(fact.Pattern) {
		return cl.hosts.owns(fact.Owner, at.foreign[0]) || cl.hosts.owns(fact.Owner, at.foreign[1])
	}
	return slices.ContainsFunc(fact.Domains, func(domain string) bool { return at.on(site(domain)) })
}

// minExcuseBytes is the shortest name that excuses without its owner's domain: anyone may call a cookie t or did.
const minExcuseBytes = 4

// believable reports whether a fact may be believed by its name alone. Short patterns fit names of other makers, and a
// name that excuses is what a tracker would borrow.
func believable(fact Fact, at place) bool {
	if !Distinctive(fact.Pattern) {
		return false
	}
	if !lenient(fact.Class) {
		return true
	}
	shortest := minExcuseBytes
	if len(fact.Domains) > 0 {
		shortest = MinPatternBytes
	}
	return !at.isForeign() && literalBytes(fact.Pattern) >= shortest
}

// longestMatches are the facts with the longest pattern that can be believed here.
func (cl *Classifier) longestMatches(name string, at place) []int {
	var longest []int
	for _, i := range cl.names.matching(name) {
		fact := cl.table.Facts[i]
		if !cl.confirms(fact, at) && !believable(fact, at) {
			continue
		}
		if len(longest) > 0 && literalBytes(fact.Pattern) < literalBytes(cl.table.Facts[longest[0]].Pattern) {
			break
		}
		longest = append(longest, i)
	}
	return longest
}

func (cl *Classifier) verdict(facts []int, confirmed bool) Verdict {
	strictest := cl.table.Facts[facts[0]]
	conflict := false
	for _, i := range facts[1:] {
		fact := cl.table.Facts[i]
		conflict = conflict || fact.Class != strictest.Class
		if fact.Class > strictest.Class {
			strictest = fact
		}
	}
	v := Verdict{
		Class: strictest.Class, Confidence: Medium, Reason: ByName, Fact: strictest.Pattern,
		Owner: strictest.Owner, Service: strictest.Service, Lifetime: strictest.Lifetime,
		Conflict: conflict || strictest.Conflict,
	}
	switch {
	case isWildcard(strictest.Pattern):
		v.Reason = ByPattern
	case confirmed:
		v.Reason = ByNameAndOwner
	}
	if confirmed || !v.Conflict && len(strictest.Domains) == 0 && literalBytes(strictest.Pattern) >= MinPatternBytes {
		v.Confidence = High
	}
	return v
}

// minHostFacts is how many names of a host must be known before it is taken for less than an advertiser's.
const minHostFacts = 3

// byHost answers from the company behind the host. A host never excuses: the strictest of what it is known to set, and
// at least performance.
func (cl *Classifier) byHost(at place) (Verdict, bool) {
	for _, s := range at.foreign {
		facts := cl.hosts.bySite[s]
		if len(facts) == 0 {
			continue
		}
		v := cl.verdict(facts, false)
		v.Class, v.Confidence, v.Reason, v.Fact = max(v.Class, consent.Performance), Medium, ByHost, s
		v.Service, v.Lifetime = "", 0 // of one of its names
		if len(facts) < minHostFacts {
			v.Class, v.Confidence = consent.Advertising, Low
		}
		return v, true
	}
	return Verdict{}, false
}

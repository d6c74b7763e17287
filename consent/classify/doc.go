// Package classify says which category a cookie or a storage key belongs to, how sure that is, and why. It is pure: it
// reads nothing but the table that is compiled in, and the same cookie gets the same verdict on every machine.
//
// A [Classifier] asks, in this order, and takes the first answer:
//
//  1. the site owner's own word ([Override]);
//  2. a fact with exactly this name, on a domain of the fact's owner;
//  3. a fact with exactly this name;
//  4. a fact whose pattern the name matches, the longest first;
//  5. the owner of the host that the cookie belongs to, or that set it;
//  6. the shape of the name: words that facts of many owners share.
//
// What nobody knows counts as advertising. Where facts disagree, the stricter holds. A mistake that holds back too much
// is a nuisance; one that lets a tracker through breaks the visitor's word, so wherever there is doubt the doubt wins:
// a name alone never excuses a cookie of a third party, and no shape excuses what looks like an identifier.
//
// facts.gen.tsv is the table, made by generate from testdata/evidence.tsv and additions.tsv (what sources say, and what people remember)
// and decisions.tsv (what we decided beyond them). README.md has the numbers, and the command that prints them.
package classify

//go:generate go run ./generate

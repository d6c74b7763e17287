package classify

import (
	"fmt"
	"time"

	"heed/consent"
)

// Session is the lifetime of what ends with the browser.
const Session time.Duration = -1

// Kind is where a value is kept. The zero value is a cookie.
type Kind uint8

// The kinds of storage.
const (
	HTTPCookie     Kind = iota // a cookie, whether an answer or a script set it
	LocalStorage               // window.localStorage
	SessionStorage             // window.sessionStorage
)

// kindNames holds the names in the order of the constants, as users write them.
var kindNames = [...]string{"cookie", "local", "session"}

// String returns the name that [ParseKind] reads.
func (k Kind) String() string {
	if int(k) < len(kindNames) {
		return kindNames[k]
	}
	return fmt.Sprintf("kind(%d)", uint8(k))
}

// ParseKind reads cookie, local or session. Empty text is a cookie.
func ParseKind(text string) (Kind, error) {
	if text == "" {
		return HTTPCookie, nil
	}
	for i, name := range kindNames {
		if text == name {
			return Kind(i), nil
		}
	}
	return 0, fmt.Errorf("kind %q: want cookie, local or session", text)
}

// Cookie is what is known about a cookie or a storage key. Only Name is needed; each further field that is known can
// make the verdict surer or stricter, never looser than the name alone would, except that a domain of the fact's owner
// confirms it.
type Cookie struct {
	Name       string        // as it stands in the browser; bytes beyond the 256th are not read
	Kind       Kind          // where it is kept
	Domain     string        // the host it belongs to, with or without a leading dot; a storage key's is its origin
	Setter     string        // the host or URL whose answer or script wrote it; empty is unknown
	FirstParty string        // the host or URL of the page; empty is unknown, and then Domain is taken for a third party's
	Lifetime   time.Duration // 0 is unknown, Session ends with the browser
	HTTPOnly   bool          // no script can read it
	CrossSite  bool          // SameSite=None or Partitioned: it was made to be read from other sites
	Value      ValueShape    // what its value looks like; the value itself is never asked for
}

// Confidence says how far a verdict can be relied on. README.md has the measured accuracy of each.
type Confidence uint8

// The degrees of confidence.
const (
	Low    Confidence = iota + 1 // a guess that errs on the strict side
	Medium                       // several signs, or a fact whose owner was not seen
	High                         // a fact, confirmed or distinctive; or the owner's word
)

// String returns low, medium or high.
func (c Confidence) String() string {
	switch c {
	case Low:
		return "low"
	case Medium:
		return "medium"
	case High:
		return "high"
	}
	return fmt.Sprintf("confidence(%d)", uint8(c))
}

// Reason is the rule that gave a verdict: a closed set.
type Reason string

// The reasons, in the order in which they are asked.
const (
	ByOverride     Reason = "override"       // the site owner said so
	ByNameAndOwner Reason = "name_and_owner" // a fact's exact name, on a domain of its owner
	ByName         Reason = "name"           // a fact's exact name
	ByPattern      Reason = "pattern"        // a fact's pattern
	ByHost         Reason = "host"           // a known owner's host, with a name that no fact has
	ByShape        Reason = "shape"          // the words of the name
	ByNothing      Reason = "unknown"        // nothing is known, hence advertising
)

// Verdict is the answer about one cookie.
type Verdict struct {
	Class      consent.Categories // exactly one category
	Confidence Confidence
	Reason     Reason
	Fact       string        // what matched: a name, a pattern, a domain or a word; empty when Reason is ByNothing
	Owner      string        // the company behind it, where a fact or a host names one
	Service    string        // the owner's product, where a fact names one
	Lifetime   time.Duration // what its fact declares; 0 is unknown
	Conflict   bool          // sources or facts disagreed, and the stricter holds
}

package inventory

import (
	"regexp"
	"strings"

	"golang.org/x/net/publicsuffix"

	"heed/schemas"
)

// maxLabelBytes is the longest label before a registrable domain that is kept; longer ones are made by programs.
const maxLabelBytes = 20

// KeepHost returns what is kept of a host, as a source that a wall's configuration takes: the registrable domain with one
// label before it. What stood before that, and a label that may tell visitors apart, becomes *. False means that text is no
// name of a host: an address, a single word, a public suffix, anything that DNS would not take.
func KeepHost(text string) (string, bool) {
	if text == schemas.HeldSelf {
		return text, true
	}
	host := strings.ToLower(strings.TrimSuffix(text, "."))
	if !isHostName(host) {
		return "", false
	}
	domain, err := publicsuffix.EffectiveTLDPlusOne(host)
	if err != nil {
		return "", false
	}
	rest := strings.TrimSuffix(strings.TrimSuffix(host, domain), ".")
	if rest == "" {
		return domain, true
	}
	deeper, label := "", rest
	if i := strings.LastIndexByte(rest, '.'); i >= 0 {
		deeper, label = "*.", rest[i+1:]
	}
	if len(label) > maxLabelBytes || mask(label) != label {
		return "*." + domain, true
	}
	return deeper + label + "." + domain, true
}

var hostName = regexp.MustCompile(`^([a-z0-9_]([a-z0-9_-]{0,61}[a-z0-9_])?\.)+[a-z]([a-z0-9-]{0,61}[a-z0-9])?$`)

// isHostName wants two labels or more, of which the last begins with a letter, so that no address is one.
func isHostName(host string) bool { return len(host) <= 253 && hostName.MatchString(host) }

// maxNameBytes is the longest name that is kept.
const maxNameBytes = 128

// KeepName returns what is kept of a name: runs that look like identifiers are replaced by #. False means that nothing
// should be: a name with an @ may be someone's address, and one that is no printable ASCII is no name that programs give.
func KeepName(name string) (string, bool) {
	if name == "" || len(name) > maxNameBytes || strings.ContainsRune(name, '@') || strings.Contains(name, "%40") {
		return "", false
	}
	for _, c := range []byte(name) {
		if c <= ' ' || c > '~' {
			return "", false
		}
	}
	return mask(name), true
}

var (
	identifierRun = regexp.MustCompile(`[0-9a-fA-F]{8}(?:-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}|[0-9a-fA-F]{8,}|[0-9]{3,}`)
	digitRun      = regexp.MustCompile(`[0-9]+`)
)

// maxLooseDigits is how many digits may remain in a name. More of them, however spread, could be a number in pieces.
const maxLooseDigits = 4

// mask replaces each UUID, each run of 8 hex digits or more and each of 3 digits or more by #, and every digit where too
// many remain. What is masked stays as it is when it is masked again.
func mask(name string) string {
	name = identifierRun.ReplaceAllString(name, "#")
	digits := 0
	for _, c := range []byte(name) {
		if c >= '0' && c <= '9' {
			digits++
		}
	}
	if digits > maxLooseDigits {
		name = digitRun.ReplaceAllString(name, "#")
	}
	return name
}

package classify

import "strings"

// ValueShape is what a value looks like, without the value.
type ValueShape uint8

// The shapes. Only Identifier changes a verdict: no shape of a name excuses a value that can tell visitors apart.
const (
	UnknownValue ValueShape = iota
	EmptyValue              // nothing
	Flag                    // yes, no, and numbers of up to three digits
	Locale                  // a language, a country or a currency, as in de-AT
	Identifier              // random enough to tell one visitor from another
	OtherValue              // anything else
)

// minIdentifierBytes is the length from which a value of mixed characters can tell apart more visitors than a site has.
const minIdentifierBytes = 16

// maxValueBytes bounds how much of a value is looked at.
const maxValueBytes = 4096

// ShapeOf says what value looks like. It keeps nothing of it.
func ShapeOf(value string) ValueShape {
	value = strings.Trim(value[:min(len(value), maxValueBytes)], `" `)
	switch {
	case value == "":
		return EmptyValue
	case isFlag(value):
		return Flag
	case isLocale(value):
		return Locale
	case hasIdentifier(value):
		return Identifier
	}
	return OtherValue
}

func isFlag(value string) bool {
	switch strings.ToLower(value) {
	case "true", "false", "yes", "no", "on", "off", "accept", "accepted", "deny", "denied", "dismiss", "allow":
		return true
	}
	return len(value) <= 3 && strings.Trim(value, "0123456789") == ""
}

// isLocale finds de, de-AT, zh_Hant_TW and EUR.
func isLocale(value string) bool {
	parts := strings.FieldsFunc(value, func(r rune) bool { return r == '-' || r == '_' })
	if len(parts) == 0 || len(parts) > 3 || len(parts[0]) < 2 || len(parts[0]) > 3 {
		return false
	}
	for _, part := range parts {
		if len(part) < 2 || len(part) > 4 {
			return false
		}
		for i := range len(part) {
			if c := part[i] | 0x20; c < 'a' || c > 'z' {
				return false
			}
		}
	}
	return true
}

// hasIdentifier looks for a run of letters and digits, dashes between them allowed, that is long and holds both or is
// all digits: a UUID, a hash, a time joined to a random number.
func hasIdentifier(value string) bool {
	var run, letters, digits int
	for i := 0; i <= len(value); i++ {
		var c byte
		if i < len(value) {
			c = value[i]
		}
		switch {
		case c >= '0' && c <= '9':
			digits++
		case c >= 'a' && c <= 'z', c >= 'A' && c <= 'Z':
			letters++
		case c == '-' || c == '.' || c == '_':
		default:
			if run >= minIdentifierBytes && digits >= 4 && (letters > 0 || digits >= minIdentifierBytes) {
				return true
			}
			run, letters, digits = -1, 0, 0
		}
		run++
	}
	return false
}

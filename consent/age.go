package consent

import "fmt"

// Age is what a site knows of a visitor's age. Heed never stores it.
type Age uint8

// The bands. All of them are minors; no law of the matrix gives one of them less protection than its cell says.
const (
	AgeUnknown Age = iota // nothing was said: the visitor counts as grown up
	Under13
	From13 // 13 to 15
	From16 // 16 or 17
)

// ageNames holds the names in the order of the constants.
var ageNames = [...]string{"", "u13", "13-15", "16-17"}

// String returns the name of the band: "u13", "13-15", "16-17", or "".
func (a Age) String() string {
	if int(a) < len(ageNames) {
		return ageNames[a]
	}
	return "minor"
}

// ParseAge reads the name of a band; "" is AgeUnknown.
func ParseAge(name string) (Age, error) {
	for i, known := range ageNames {
		if name == known {
			return Age(i), nil
		}
	}
	return 0, fmt.Errorf("unknown age band %q, known are %q", name, ageNames[1:])
}

package evidence

import (
	"fmt"

	"heed/consent"
	"heed/consent/classify"
)

// Decision is our word about facts of an owner or a service, beyond what sources say.
type Decision struct {
	Owner   string // the company; * is any
	Service string // its product; * is any
	Pattern string // a name as the table writes it, or with a * at its end; * is any
	Exactly bool   // the class itself, instead of the least strict one
	Class   consent.Categories
	Why     string
}

// String names what the decision is about.
func (d Decision) String() string { return d.Owner + ", " + d.Service + ", " + d.Pattern }

// ReadDecisions reads the decisions of a file. Later ones are laid over earlier ones.
func ReadDecisions(path string) ([]Decision, error) {
	var decisions []Decision
	err := readLines(path, 6, func(c []string) error {
		d := Decision{Owner: c[0], Service: c[1], Pattern: c[2], Exactly: c[3] == "is", Why: c[5]}
		if c[3] != "is" && c[3] != "least" {
			return fmt.Errorf("%q: want is or least", c[3])
		}
		if d.Why == "" {
			return fmt.Errorf("%s: say why", d)
		}
		var err error
		d.Class, err = consent.ParseCategories(c[4])
		decisions = append(decisions, d)
		return err
	})
	return decisions, err
}

func (d Decision) about(fact classify.Fact) bool {
	return (d.Owner == "*" || d.Owner == fact.Owner) && (d.Service == "*" || d.Service == fact.Service) &&
		(d.Pattern == fact.Pattern || classify.Match(d.Pattern, fact.Pattern))
}

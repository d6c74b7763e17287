package shape

import (
	_ "embed"
	"fmt"
	"slices"
	"strconv"
	"strings"
)

//go:embed priors.tsv
var priorLines string

var classNames = []string{"essential", "functional", "performance", "advertising"}

// Priors returns the model before any evidence: the words of priors.tsv, alone and, from five letters on, as parts of
// longer words.
func Priors() (*Model, error) {
	m := &Model{byFeature: map[string]weights{}}
	number := 0
	for line := range strings.Lines(priorLines) {
		number++
		if strings.HasPrefix(line, "#") {
			continue
		}
		c := strings.Split(strings.TrimSuffix(line, "\n"), "\t")
		if len(c) != 3 {
			return nil, fmt.Errorf("priors.tsv:%d: %d columns, want 3", number, len(c))
		}
		class := slices.Index(classNames, c[1])
		strength, err := strconv.ParseFloat(c[2], 64)
		if class < 0 || err != nil {
			return nil, fmt.Errorf("priors.tsv:%d: class %q, strength %q: want a category and a number", number, c[1], c[2])
		}
		var w weights
		w[class] = strength
		m.byFeature[c[0]] = w
		if len(c[0]) >= minPartBytes {
			m.byFeature[partPrefix+c[0]] = w
		}
	}
	return m, nil
}

package shape

import (
	"fmt"
	"maps"
	"math"
	"slices"
	"strings"
	"time"
)

// How a model is fitted. They were chosen on training owners alone (see ../README.md).
const (
	rounds    = 400
	step      = 0.5
	scale     = 20
	decay     = 0.02 // pulls weights back to what they were before any evidence
	minOwners = 2    // a word of one company says nothing about others
)

// Sample is a name of which the category is known.
type Sample struct {
	Name     string
	Owner    string
	Lifetime time.Duration // 0 unknown, negative a session
	Class    int           // the category's place, from 0 for essential
}

// Fit learns a model by logistic regression. An owner with many names weighs as the root of their number, so that no
// company's way of naming things becomes a rule for all. The same samples in the same order make the same model.
func Fit(samples []Sample) (*Model, error) {
	before, err := Priors()
	if err != nil {
		return nil, err
	}
	m := &Model{byFeature: maps.Clone(before.byFeature)}
	examples := m.prepare(samples)
	for _, ex := range examples {
		for _, feature := range ex.features {
			if _, known := m.byFeature[feature]; !known {
				m.byFeature[feature] = weights{}
			}
		}
	}
	for range rounds {
		m.descend(examples, before)
	}
	for feature, w := range m.byFeature {
		m.byFeature[feature] = rounded(w)
	}
	return m, nil
}

type example struct {
	features []string
	class    int
	weight   float64
}

// prepare leaves out words of one owner, and divides weights so that they add up to 1.
func (m *Model) prepare(samples []Sample) []example {
	owners, names := map[string]map[string]bool{}, map[string]float64{}
	for _, s := range samples {
		names[s.Owner]++
		for _, feature := range m.features(s.Name, s.Lifetime) {
			if owners[feature] == nil {
				owners[feature] = map[string]bool{}
			}
			owners[feature][s.Owner] = true
		}
	}
	examples := make([]example, 0, len(samples))
	total := 0.0
	for _, s := range samples {
		ex := example{class: s.Class, weight: 1 / math.Sqrt(names[s.Owner])}
		for _, feature := range m.features(s.Name, s.Lifetime) {
			if len(owners[feature]) >= minOwners {
				ex.features = append(ex.features, feature)
			}
		}
		total += ex.weight
		examples = append(examples, ex)
	}
	for i := range examples {
		examples[i].weight /= total
	}
	return examples
}

// descend takes one step down the gradient of the loss over all examples.
func (m *Model) descend(examples []example, before *Model) {
	gradient := make(map[string]weights, len(m.byFeature))
	for _, ex := range examples {
		var sum weights
		for _, feature := range ex.features {
			add(&sum, m.byFeature[feature])
		}
		p := softmax(sum)
		for i := range p {
			p[i] *= ex.weight
		}
		p[ex.class] -= ex.weight
		for _, feature := range ex.features {
			g := gradient[feature]
			add(&g, weights(p))
			gradient[feature] = g
		}
	}
	for feature, w := range m.byFeature {
		g, b := gradient[feature], before.byFeature[feature]
		for i := range w {
			w[i] -= step * (scale*g[i] + decay*(w[i]-b[i]))
		}
		m.byFeature[feature] = w
	}
}

// rounded keeps hundredths, so that a model that was written and read is the same model.
func rounded(w weights) weights {
	for i := range w {
		w[i] = math.Round(w[i]*100) / 100
	}
	return w
}

// Lines writes what [Read] reads, one feature a line in their order; those that say nothing are left out.
func (m *Model) Lines() string {
	var text strings.Builder
	for _, feature := range slices.Sorted(maps.Keys(m.byFeature)) {
		w := m.byFeature[feature]
		if w == (weights{}) {
			continue
		}
		text.WriteString(feature)
		for _, x := range w {
			fmt.Fprintf(&text, "\t%d", int(math.Round(x*100)))
		}
		text.WriteByte('\n')
	}
	return text.String()
}

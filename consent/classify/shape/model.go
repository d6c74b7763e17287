package shape

import (
	"fmt"
	"math"
	"strconv"
	"strings"
	"time"
)

// Classes is the number of categories, in the order of their bits: essential, functional, performance, advertising.
const Classes = 4

// Probabilities holds one number per category; they add up to 1.
type Probabilities [Classes]float64

// weights are what a word, or a span of lifetimes, adds to each category, as natural logarithms of odds.
type weights [Classes]float64

// Model knows what words say. It is read-only once made.
type Model struct {
	byFeature map[string]weights
}

// Names of features that are no words. Words have letters only, so that none can be called like these.
const (
	bias           = "(any)"
	lifetimePrefix = "lifetime:"
	partPrefix     = "~"
)

// A part is a known word inside of a longer one, as session in sessionid.
const (
	minPartBytes = 5
	maxPartBytes = 16
)

// features are what the model knows of a name: its words, known parts of those it does not know, and the span that its lifetime falls in.
func (m *Model) features(name string, lifetime time.Duration) []string {
	words := Words(name)
	all := words
	for _, word := range words {
		if _, known := m.byFeature[word]; !known {
			all = m.appendParts(all, word)
		}
	}
	return append(all, bias, lifetimePrefix+span(lifetime))
}

// appendParts finds the longest known part at each place of a word, from its beginning on, and goes on behind it.
func (m *Model) appendParts(all []string, word string) []string {
	for i := 0; i+minPartBytes <= len(word); i++ {
		for n := min(maxPartBytes, len(word)-i); n >= minPartBytes; n-- {
			part := partPrefix + word[i:i+n]
			if _, known := m.byFeature[part]; known {
				all = append(all, part)
				i += n - 1
				break
			}
		}
	}
	return all
}

// span puts lifetimes into a few classes; -1 is a session, 0 is unknown.
func span(lifetime time.Duration) string {
	const day = 24 * time.Hour
	switch {
	case lifetime < 0:
		return "session"
	case lifetime == 0:
		return "unknown"
	case lifetime <= day:
		return "day"
	case lifetime <= 100*day:
		return "quarter"
	case lifetime <= 366*day:
		return "year"
	}
	return "longer"
}

// Guess returns how likely each category is, and the known word that speaks most for the likeliest one. The word is
// empty when the model knows none of the name's; then nothing should be concluded from the rest.
func (m *Model) Guess(name string, lifetime time.Duration) (Probabilities, string) {
	var sum weights
	all := m.features(name, lifetime)
	for _, feature := range all {
		add(&sum, m.byFeature[feature])
	}
	p := softmax(sum)
	likeliest := 0
	for i := range p {
		if p[i] > p[likeliest] {
			likeliest = i
		}
	}
	best, most := "", math.Inf(-1)
	for _, feature := range all[:len(all)-2] {
		if w, ok := m.byFeature[feature]; ok && w[likeliest] > most {
			best, most = feature, w[likeliest]
		}
	}
	return p, best
}

func add(sum *weights, w weights) {
	for i := range sum {
		sum[i] += w[i]
	}
}

func softmax(sum weights) (p Probabilities) {
	highest := max(sum[0], sum[1], sum[2], sum[3])
	total := 0.0
	for i := range p {
		p[i] = math.Exp(sum[i] - highest)
		total += p[i]
	}
	for i := range p {
		p[i] /= total
	}
	return p
}

// Read reads a model: a feature and its weights in hundredths on each line. Lines that begin with # say what they are.
func Read(text string) (*Model, error) {
	m := &Model{byFeature: make(map[string]weights, strings.Count(text, "\n"))}
	number := 0
	for line := range strings.Lines(text) {
		number++
		if strings.HasPrefix(line, "#") {
			continue
		}
		c := strings.Split(strings.TrimSuffix(line, "\n"), "\t")
		if len(c) != 1+Classes {
			return nil, fmt.Errorf("line %d: %d columns, want %d", number, len(c), 1+Classes)
		}
		var w weights
		for i := range w {
			n, err := strconv.Atoi(c[1+i])
			if err != nil {
				return nil, fmt.Errorf("line %d: weight %q: want a whole number", number, c[1+i])
			}
			w[i] = float64(n) / 100
		}
		m.byFeature[c[0]] = w
	}
	return m, nil
}

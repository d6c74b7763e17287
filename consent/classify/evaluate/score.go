package main

import (
	"fmt"
	"io"
	"math/bits"

	"heed/consent"
	"heed/consent/classify"
)

const classes = 4

var classNames = [classes]string{"essential", "functional", "performance", "advertising"}

// result counts verdicts.
type result struct {
	decided, says matrix
	reasons       map[classify.Reason]*matrix // against what was decided
	confidences   map[classify.Confidence]*matrix
}

// matrix counts by true class and verdict.
type matrix [classes][classes]int

func place(c consent.Categories) int { return bits.TrailingZeros8(uint8(c)) }

// measure classifies names with a table.
func measure(names []name, table *classify.Table) (result, error) {
	var r result
	r.add(result{})
	classifier, err := classify.New(classify.Config{Table: table})
	if err != nil {
		return r, err
	}
	for _, n := range names {
		v := classifier.Classify(n.cookie)
		got := place(v.Class)
		r.says[place(n.says)][got]++
		r.decided[place(n.decided)][got]++
		count(r.reasons, v.Reason)[place(n.decided)][got]++
		count(r.confidences, v.Confidence)[place(n.decided)][got]++
	}
	return r, nil
}

func count[K comparable](counts map[K]*matrix, k K) *matrix {
	if counts[k] == nil {
		counts[k] = &matrix{}
	}
	return counts[k]
}

func (r *result) add(other result) {
	if r.reasons == nil {
		r.reasons, r.confidences = map[classify.Reason]*matrix{}, map[classify.Confidence]*matrix{}
	}
	r.decided.add(other.decided)
	r.says.add(other.says)
	for k, m := range other.reasons {
		count(r.reasons, k).add(*m)
	}
	for k, m := range other.confidences {
		count(r.confidences, k).add(*m)
	}
}

func (m *matrix) add(other matrix) {
	for i := range m {
		for j := range m[i] {
			m[i][j] += other[i][j]
		}
	}
}

func (m *matrix) total() (n int) {
	for _, row := range m {
		for _, c := range row {
			n += c
		}
	}
	return n
}

func (m *matrix) accuracy() float64 {
	right := 0
	for i := range m {
		right += m[i][i]
	}
	return share(right, m.total())
}

// macroF1 is the mean over classes of the harmonic mean of precision and recall.
func (m *matrix) macroF1() float64 {
	sum := 0.0
	for i := range m {
		called, are := 0, 0
		for j := range m {
			called, are = called+m[j][i], are+m[i][j]
		}
		sum += share(2*m[i][i], called+are)
	}
	return sum / classes
}

// unsafe counts what is performance or advertising and was called essential or functional; strict is how much is.
func (m *matrix) unsafe() (unsafe, strict int) {
	for i := 2; i < classes; i++ {
		for j := range classes {
			strict += m[i][j]
			if j < 2 {
				unsafe += m[i][j]
			}
		}
	}
	return unsafe, strict
}

// allAdvertising is what a classifier that knows nothing would score.
func (m *matrix) allAdvertising() (blind matrix) {
	for i, row := range m {
		for _, n := range row {
			blind[i][classes-1] += n
		}
	}
	return blind
}

func share(part, whole int) float64 {
	if whole == 0 {
		return 0
	}
	return float64(part) / float64(whole)
}

func (r *result) print(w io.Writer, title string) {
	fmt.Fprintf(w, "\n%s\n", title)
	fmt.Fprintf(w, "  %-28s %6s %9s %9s %18s %18s\n", "", "names", "accuracy", "macro-F1", "unsafe of all", "of those strict")
	r.decided.print(w, "against our review")
	r.says.print(w, "against the sources alone")
	blind := r.decided.allAdvertising()
	blind.print(w, "were all called advertising")
	for _, reason := range []classify.Reason{classify.ByNameAndOwner, classify.ByName, classify.ByPattern,
		classify.ByHost, classify.ByShape, classify.ByNothing} {
		if m := r.reasons[reason]; m != nil {
			m.print(w, "  by "+string(reason))
		}
	}
	for _, confidence := range []classify.Confidence{classify.High, classify.Medium, classify.Low} {
		if m := r.confidences[confidence]; m != nil {
			m.print(w, "  confidence "+confidence.String())
		}
	}
	fmt.Fprintf(w, "  %-16s", "is \\ called")
	for _, name := range classNames {
		fmt.Fprintf(w, " %12s", name)
	}
	fmt.Fprintln(w)
	for i, row := range r.decided {
		fmt.Fprintf(w, "  %-16s", classNames[i])
		for _, n := range row {
			fmt.Fprintf(w, " %12d", n)
		}
		fmt.Fprintln(w)
	}
}

func (m *matrix) print(w io.Writer, title string) {
	unsafe, strict := m.unsafe()
	fmt.Fprintf(w, "  %-28s %6d %8.1f%% %9.3f %9d = %5.2f%% %9d = %5.2f%%\n", title, m.total(), 100*m.accuracy(), m.macroF1(),
		unsafe, 100*share(unsafe, m.total()), unsafe, 100*share(unsafe, strict))
}

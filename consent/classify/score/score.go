// Package score says how good verdicts of a classifier are against what is known to be right.
package score

import (
	"fmt"
	"io"
	"math/bits"

	"heed/consent"
)

// Classes is how many categories there are, in the order of their strictness.
const Classes = 4

// strict is the first class that must not be called essential or functional.
const strict = 2

// Matrix counts by true class and verdict. Its zero value has counted nothing.
type Matrix [Classes][Classes]int

// Count adds one name that is of a class and was called another. Both are one category each.
func (m *Matrix) Count(is, called consent.Categories) { m[Place(is)][Place(called)]++ }

// Place is the index of one category.
func Place(c consent.Categories) int { return bits.TrailingZeros8(uint8(c)) }

// Add adds what another matrix has counted.
func (m *Matrix) Add(other Matrix) {
	for i := range m {
		for j := range m[i] {
			m[i][j] += other[i][j]
		}
	}
}

// Total is how many names were counted.
func (m *Matrix) Total() (n int) {
	for _, row := range m {
		for _, c := range row {
			n += c
		}
	}
	return n
}

// Accuracy is the share of names that were called what they are.
func (m *Matrix) Accuracy() float64 {
	right := 0
	for i := range m {
		right += m[i][i]
	}
	return share(right, m.Total())
}

// MacroF1 is the mean over classes of the harmonic mean of precision and recall.
func (m *Matrix) MacroF1() float64 {
	sum := 0.0
	for i := range m {
		called, are := 0, 0
		for j := range m {
			called, are = called+m[j][i], are+m[i][j]
		}
		sum += share(2*m[i][i], called+are)
	}
	return sum / Classes
}

// Unsafe counts what is performance or advertising and was called essential or functional; of is how much is.
func (m *Matrix) Unsafe() (unsafe, of int) {
	for i := strict; i < Classes; i++ {
		for j := range Classes {
			of += m[i][j]
			if j < strict {
				unsafe += m[i][j]
			}
		}
	}
	return unsafe, of
}

// AllAdvertising is what a classifier that knows nothing would score.
func (m *Matrix) AllAdvertising() (blind Matrix) {
	for i, row := range m {
		for _, n := range row {
			blind[i][Classes-1] += n
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

// Header writes what the columns of Print are.
func Header(w io.Writer) {
	fmt.Fprintf(w, "  %-28s %6s %9s %9s %18s %18s\n", "", "names", "accuracy", "macro-F1", "unsafe of all", "of those strict")
}

// Print writes one line under a header.
func (m *Matrix) Print(w io.Writer, title string) {
	unsafe, of := m.Unsafe()
	fmt.Fprintf(w, "  %-28s %6d %8.1f%% %9.3f %9d = %5.2f%% %9d = %5.2f%%\n", title, m.Total(), 100*m.Accuracy(), m.MacroF1(),
		unsafe, 100*share(unsafe, m.Total()), unsafe, 100*share(unsafe, of))
}

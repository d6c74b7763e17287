package main

import "fmt"

// didYouMean returns a suggestion for a mistyped name, or nothing when no known name is near it.
func didYouMean(name string, known []string) string {
	best, bestDistance := "", min(max(2, len(name)/3), 6)+1 // farther off it would be a guess
	for _, k := range known {
		if d := editDistance(name, k); d < bestDistance {
			best, bestDistance = k, d
		}
	}
	if best == "" {
		return ""
	}
	return fmt.Sprintf(" (did you mean %s?)", best)
}

// editDistance counts the single-byte insertions, deletions and replacements that turn a into b.
// Names are short; whatever is longer than any of ours is far from all of them.
func editDistance(a, b string) int {
	const longest = 64
	if len(a) > longest || len(b) > longest {
		return longest
	}
	row := make([]int, len(b)+1)
	for j := range row {
		row[j] = j
	}
	for i := range len(a) {
		diagonal := row[0]
		row[0] = i + 1
		for j := range len(b) {
			replace := diagonal
			if a[i] != b[j] {
				replace++
			}
			diagonal = row[j+1]
			row[j+1] = min(replace, row[j]+1, row[j+1]+1)
		}
	}
	return row[len(b)]
}

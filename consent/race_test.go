//go:build race

package consent_test

// raceEnabled: pools then forget on purpose, and allocations cannot be counted.
const raceEnabled = true

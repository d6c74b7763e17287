//go:build !race

package collector_test

// raceEnabled: pools then forget on purpose, and allocations cannot be counted.
const raceEnabled = false

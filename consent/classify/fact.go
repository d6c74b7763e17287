package classify

import (
	_ "embed"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"heed/consent"
	"heed/consent/classify/shape"
)

//go:embed facts.gen.tsv
var compiledFacts string

//go:embed words.gen.tsv
var compiledWords string

// Fact is what is known about one name, or about all names that a pattern matches.
type Fact struct {
	Pattern  string   // a name, or a pattern as Match reads it
	Kinds    string   // cookie, web (a storage key), or any
	Owner    string   // the company; never empty
	Service  string   // its product; may be empty
	Domains  []string // where it lives when it is not on the site's own domain
	Class    consent.Categories
	Lifetime time.Duration // as declared; 0 is unknown
	Source   string        // who says so, as in ocd or ocd+tcf
	Date     string        // when the newest source said it, as in 2026-01-21
	Conflict bool          // sources disagreed; Class is the strictest of theirs
}

// Table is what a classifier knows.
type Table struct {
	Facts  []Fact       // sorted by pattern, then owner
	Shapes *shape.Model // what words of a name say
}

// Compiled returns the table that is compiled in. An error means that a generated file was damaged by hand.
func Compiled() (*Table, error) {
	facts, err := readFacts(compiledFacts)
	if err != nil {
		return nil, fmt.Errorf("facts.gen.tsv: %w", err)
	}
	shapes, err := shape.Read(compiledWords)
	if err != nil {
		return nil, fmt.Errorf("words.gen.tsv: %w", err)
	}
	return &Table{Facts: facts, Shapes: shapes}, nil
}

const factColumns = 10

// Line returns the fact as [Compiled] reads it, without a line's end.
func (f Fact) Line() string {
	conflict := ""
	if f.Conflict {
		conflict = "conflict"
	}
	return strings.Join([]string{
		f.Pattern, f.Kinds, f.Owner, f.Service, strings.Join(f.Domains, " "), f.Class.String(),
		FormatLifetime(f.Lifetime), f.Source, f.Date, conflict,
	}, "\t")
}

// readFacts reads lines of tab-separated columns. Lines that begin with # say what they are.
func readFacts(text string) ([]Fact, error) {
	facts := make([]Fact, 0, strings.Count(text, "\n"))
	number := 0
	for line := range strings.Lines(text) {
		number++
		if strings.HasPrefix(line, "#") {
			continue
		}
		fact, err := readFact(strings.TrimSuffix(line, "\n"))
		if err != nil {
			return nil, fmt.Errorf("line %d: %w", number, err)
		}
		facts = append(facts, fact)
	}
	return facts, nil
}

func readFact(line string) (Fact, error) {
	c := strings.Split(line, "\t")
	if len(c) != factColumns {
		return Fact{}, fmt.Errorf("%d columns, want %d", len(c), factColumns)
	}
	class, err := consent.ParseCategories(c[5])
	if err != nil {
		return Fact{}, err
	}
	lifetime, err := ParseLifetime(c[6])
	if err != nil {
		return Fact{}, err
	}
	return Fact{
		Pattern: c[0], Kinds: c[1], Owner: c[2], Service: c[3], Domains: strings.Fields(c[4]), Class: class,
		Lifetime: lifetime, Source: c[7], Date: c[8], Conflict: c[9] == "conflict",
	}, nil
}

// lifetimeUnit is a unit of a written lifetime.
type lifetimeUnit struct {
	name  string
	value time.Duration
}

// lifetimeUnits, the largest first.
var lifetimeUnits = []lifetimeUnit{{"d", 24 * time.Hour}, {"h", time.Hour}, {"m", time.Minute}, {"s", time.Second}}

// maxLifetimeCount keeps count times unit within a time.Duration, which ends after 292 years.
const maxLifetimeCount = 100_000

// ParseLifetime reads a whole number of days, hours, minutes or seconds, as in 400d or 30m. "session" is [Session], and
// empty text is 0, unknown.
func ParseLifetime(text string) (time.Duration, error) {
	switch text {
	case "":
		return 0, nil
	case "session":
		return Session, nil
	}
	for _, unit := range lifetimeUnits {
		digits, ok := strings.CutSuffix(text, unit.name)
		if !ok {
			continue
		}
		count, err := strconv.ParseUint(digits, 10, 32)
		if err != nil || count == 0 || count > maxLifetimeCount {
			break
		}
		return time.Duration(count) * unit.value, nil
	}
	return 0, fmt.Errorf("lifetime %q: want session, or a number from 1 to %d with d, h, m or s, as in 400d",
		text[:min(len(text), 32)], maxLifetimeCount)
}

// FormatLifetime writes what [ParseLifetime] reads, in the largest unit that divides it. What no unit can write is cut
// to the smallest that can hold it, and at 100,000 days.
func FormatLifetime(lifetime time.Duration) string {
	if lifetime == Session {
		return "session"
	}
	longest := lifetimeUnits[0]
	lifetime = min(lifetime, maxLifetimeCount*longest.value).Truncate(time.Second)
	if lifetime <= 0 {
		return ""
	}
	unit := longest
	for _, u := range slices.Backward(lifetimeUnits) {
		if lifetime/u.value <= maxLifetimeCount {
			unit = u
			break
		}
	}
	for _, u := range lifetimeUnits {
		if lifetime%u.value == 0 && lifetime/u.value <= maxLifetimeCount {
			unit = u
			break
		}
	}
	return strconv.FormatInt(int64(lifetime/unit.value), 10) + unit.name
}

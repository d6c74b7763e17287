package analytics

import (
	"fmt"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"heed/schemas"
)

// Limits of a question.
const (
	MaxLimit   = 1000 // rows of one list
	MaxBuckets = 1000 // of a series: 41 days of hours, 2.7 years of days

	defaultLimit = 10
	defaultDays  = 30                   // of a question that names no range, today included
	hourly       = 2 * 24 * time.Hour   // ranges up to this are cut into hours when nothing is said
	daily        = 400 * 24 * time.Hour // and up to this into days
)

// The years that a question may touch. Later than the last no clock of ours is right; earlier than the first there
// is nothing to find.
const (
	minYear = 2000
	maxYear = 2199
)

// Bots says what to do with visits that were taken for a bot's.
type Bots string

// What may be asked about bots.
const (
	ExcludeBots Bots = "exclude" // leave them out: the default
	IncludeBots Bots = "include" // count them as everyone else
	OnlyBots    Bots = "only"    // count nothing else
)

// Interval is the width of a series' buckets.
type Interval string

// The widths.
const (
	Hour  Interval = "hour"  // from one full hour of the zone's clocks to the next
	Day   Interval = "day"   // from one start of a day in the zone to the next: mostly 23 to 25 hours
	Month Interval = "month" // from one start of a month in the zone to the next
)

// Query is a question's frame. Its JSON repeats it in every answer.
type Query struct {
	Site     string    `json:"site"`
	From     time.Time `json:"from"`     // the first instant, in the zone
	To       time.Time `json:"to"`       // the first instant after the range, in the zone
	Zone     string    `json:"tz"`       // IANA name
	Bots     Bots      `json:"bots"`     // as asked
	Interval Interval  `json:"interval"` // of the series
	Limit    int       `json:"limit"`    // most rows of each list

	asOf time.Time // what was loaded later is not looked at; zero: everything is
}

// parameters are the names that ParseQuery knows.
var parameters = []string{"from", "to", "tz", "bots", "interval", "limit"}

// ParseQuery reads a question about site from URL parameters, all of them optional:
//
//	tz        IANA name of the zone that dates and days are meant in; UTC
//	from, to  dates, both included whole, or RFC 3339 instants, of which to is the first after the range; the 30 days
//	          that end today
//	bots      exclude, include or only; exclude
//	interval  hour, day or month; hour up to two days, day up to 400, then month
//	limit     1 to 1000 rows of each list; 10
//
// The error is a *schemas.Error that names the parameter. Whether the site exists is not looked at.
func ParseQuery(site string, values url.Values, now time.Time) (Query, error) {
	if err := checkNames(values); err != nil {
		return Query{}, err
	}
	q := Query{
		Site:     site,
		Zone:     or(values.Get("tz"), "UTC"),
		Bots:     Bots(or(values.Get("bots"), string(ExcludeBots))),
		Interval: Interval(values.Get("interval")),
		Limit:    defaultLimit,
	}
	if limit := values.Get("limit"); limit != "" {
		n, err := strconv.Atoi(limit)
		if err != nil {
			return Query{}, invalid("limit", "not a number; give 1 to %d", MaxLimit)
		}
		q.Limit = n
	}
	zone, err := loadZone(q.Zone)
	if err != nil {
		return Query{}, err
	}
	if q.From, q.To, err = parseRange(values.Get("from"), values.Get("to"), now.In(zone)); err != nil {
		return Query{}, err
	}
	if q.Interval == "" {
		q.Interval = suitable(q.To.Sub(q.From))
	}
	return q, q.Validate()
}

// suitable chooses the interval of a series for who has not.
func suitable(length time.Duration) Interval {
	switch {
	case length <= hourly:
		return Hour
	case length <= daily:
		return Day
	default:
		return Month
	}
}

// Validate reports the first field that is out of range, as a *schemas.Error that names the parameter.
func (q Query) Validate() error {
	if _, err := loadZone(q.Zone); err != nil {
		return err
	}
	switch {
	case q.From.Year() < minYear || q.From.Year() > maxYear:
		return invalid("from", "outside the years %d to %d", minYear, maxYear)
	case q.To.Year() < minYear || q.To.Year() > maxYear:
		return invalid("to", "outside the years %d to %d", minYear, maxYear)
	case !q.From.Before(q.To):
		return invalid("to", "not after from; the range is empty")
	case q.Bots != ExcludeBots && q.Bots != IncludeBots && q.Bots != OnlyBots:
		return invalid("bots", "give exclude, include or only")
	case q.Interval != Hour && q.Interval != Day && q.Interval != Month:
		return invalid("interval", "give hour, day or month")
	case q.Limit < 1 || q.Limit > MaxLimit:
		return invalid("limit", "give 1 to %d", MaxLimit)
	}
	return nil
}

// checkNames refuses parameters that are unknown, or given twice: a misspelt one that is ignored would answer another
// question than the one asked.
func checkNames(values url.Values) error {
	for name, given := range values {
		if !slices.Contains(parameters, name) {
			return invalid("", "unknown parameter %.40q; there are %s", name, strings.Join(parameters, ", "))
		}
		if len(given) > 1 {
			return invalid(name, "given more than once")
		}
	}
	return nil
}

// loadZone finds a zone by its IANA name. "Local" would be the server's own, which says nothing to who asks.
func loadZone(name string) (*time.Location, error) {
	zone, err := time.LoadLocation(name)
	if err != nil || name == "" || name == "Local" {
		return nil, invalid("tz", "not a known time zone; give an IANA name, as in Europe/Berlin")
	}
	return zone, nil
}

// parseRange reads the two ends in now's zone; an end that is missing follows from the other one and from today.
func parseRange(from, to string, now time.Time) (first, end time.Time, err error) {
	end = nextDay(now)
	if to != "" {
		if end, err = parseEnd("to", to, now.Location(), 1); err != nil {
			return first, end, err
		}
	}
	if from != "" {
		first, err = parseEnd("from", from, now.Location(), 0)
		return first, end, err
	}
	year, month, day := end.Add(-time.Millisecond).Date() // the last day of the range
	return dayStart(year, month, day-(defaultDays-1), now.Location()), end, nil
}

// parseEnd reads one end of a range: an instant, or a date, of which it takes the start moved on by days.
func parseEnd(field, text string, zone *time.Location, days int) (time.Time, error) {
	if date, err := time.Parse(time.DateOnly, text); err == nil {
		year, month, day := date.Date()
		return dayStart(year, month, day+days, zone), nil
	}
	instant, err := time.Parse(time.RFC3339, text)
	if err != nil {
		return time.Time{}, invalid(field, "neither a date, as in 2025-03-30, nor an instant, as in "+
			"2025-03-30T00:00:00Z; in a URL the + of an offset is written %%2B")
	}
	return instant.Truncate(time.Millisecond).In(zone), nil
}

// invalid says what is wrong with a parameter.
func invalid(field, format string, args ...any) error {
	return &schemas.Error{Code: schemas.InvalidParameter, Field: field, Message: fmt.Sprintf(format, args...)}
}

// or returns text, or otherwise when there is none.
func or(text, otherwise string) string {
	if text == "" {
		return otherwise
	}
	return text
}

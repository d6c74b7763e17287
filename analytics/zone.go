package analytics

import (
	"time"
	_ "time/tzdata" // the answer must not depend on which zones the machine has installed
)

// dayStart returns the first instant of a date in a zone. That is not always midnight: where clocks jump over
// midnight the day starts later, and where they repeat it the first one counts. A day that a zone skipped altogether
// starts where the next one does.
func dayStart(year int, month time.Month, day int, zone *time.Location) time.Time {
	midnight := time.Date(year, month, day, 0, 0, 0, 0, time.UTC)
	year, month, day = midnight.Date() // day 32 is the first of the next month
	// Zones lie between UTC-12 and UTC+14, so a change of the clock at this midnight falls between these two.
	earlier := midnight.Add(-offset(midnight.Add(-15*time.Hour), zone)).In(zone)
	later := midnight.Add(-offset(midnight.Add(13*time.Hour), zone)).In(zone)
	first, second := earlier, later
	if second.Before(first) {
		first, second = second, first
	}
	for _, t := range []time.Time{first, second} {
		if y, m, d := t.Date(); y == year && m == month && d == day && t.Hour() == 0 && t.Minute() == 0 {
			return t
		}
	}
	_, change := first.ZoneBounds() // nobody's clock showed midnight: the day starts at the jump
	return change.In(zone)
}

// offset returns what a zone's clocks are ahead of UTC at an instant.
func offset(t time.Time, zone *time.Location) time.Duration {
	_, seconds := t.In(zone).Zone()
	return time.Duration(seconds) * time.Second
}

// edges cuts [from, to) at every start of an interval in from's zone, and returns where each piece starts. It gives
// up, returning nil, when there are more than most.
//
// An hour starts where the zone's clocks show a full one, and anew where they are changed: a change by half an hour
// makes two short hours, one by a full hour makes an hour that is there twice or not at all.
func edges(from, to time.Time, interval Interval, most int) []time.Time {
	next := map[Interval]func(time.Time) time.Time{Hour: nextHour, Day: nextDay, Month: nextMonth}[interval]
	var starts []time.Time
	for t := from; t.Before(to); t = next(t) {
		if len(starts) == most {
			return nil
		}
		starts = append(starts, t)
	}
	return starts
}

// nextDay returns the first start of a day after t.
func nextDay(t time.Time) time.Time {
	year, month, day := t.Date()
	for {
		day++
		if start := dayStart(year, month, day, t.Location()); start.After(t) {
			return start
		}
	}
}

// nextMonth returns the first start of a month after t. None has ever lacked its first day.
func nextMonth(t time.Time) time.Time {
	year, month, _ := t.Date()
	return dayStart(year, month+1, 1, t.Location())
}

// nextHour returns the first start of an hour after t.
func nextHour(t time.Time) time.Time {
	into := time.Duration(t.Minute())*time.Minute + time.Duration(t.Second())*time.Second + time.Duration(t.Nanosecond())
	next := t.Add(time.Hour - into)
	if _, change := t.ZoneBounds(); !change.IsZero() && change.Before(next) {
		return change.In(t.Location())
	}
	return next
}

package analytics

import (
	"strings"
	"testing"
	"time"

	"heed/schemas"
)

func zone(t testing.TB, name string) *time.Location {
	t.Helper()
	z, err := loadZone(name)
	if err != nil {
		t.Fatal(err)
	}
	return z
}

func TestDayStart(t *testing.T) {
	f := func(name, date, want string) {
		t.Helper()
		day, err := time.Parse(time.DateOnly, date)
		if err != nil {
			t.Fatal(err)
		}
		got := dayStart(day.Year(), day.Month(), day.Day(), zone(t, name))
		if got.Format(time.RFC3339) != want {
			t.Errorf("dayStart(%s, %s) = %v, want %v", date, name, got.Format(time.RFC3339), want)
		}
	}
	f("UTC", "2025-03-30", "2025-03-30T00:00:00Z")
	f("Europe/Berlin", "2025-03-30", "2025-03-30T00:00:00+01:00") // clocks change after midnight
	f("Europe/Berlin", "2025-03-31", "2025-03-31T00:00:00+02:00")
	f("America/St_Johns", "2025-03-09", "2025-03-09T00:00:00-03:30")
	f("America/St_Johns", "2025-03-10", "2025-03-10T00:00:00-02:30")
	f("Asia/Kathmandu", "2025-03-30", "2025-03-30T00:00:00+05:45")
	f("Australia/Lord_Howe", "2025-04-06", "2025-04-06T00:00:00+11:00")
	f("Australia/Lord_Howe", "2025-04-07", "2025-04-07T00:00:00+10:30")
	f("Africa/Cairo", "2025-04-25", "2025-04-25T01:00:00+03:00")      // there is no midnight
	f("America/Havana", "2024-11-03", "2024-11-03T00:00:00-04:00")    // midnight twice: the first
	f("America/Santiago", "2025-09-07", "2025-09-07T01:00:00-03:00")  // no midnight
	f("America/Sao_Paulo", "2018-02-18", "2018-02-18T00:00:00-03:00") // 23:00 twice the evening before
	f("Pacific/Apia", "2011-12-30", "2011-12-31T00:00:00+14:00")      // the day that Samoa left out
	f("Pacific/Kiritimati", "2025-01-01", "2025-01-01T00:00:00+14:00")
	f("Etc/GMT+12", "2025-01-01", "2025-01-01T00:00:00-12:00")
}

// Every zone's days must follow one another without a hole, and start with the first instant that has their date.
func TestDaysOfEveryZone(t *testing.T) {
	for _, name := range zoneNames(t) {
		z := zone(t, name)
		start := dayStart(2015, time.January, 1, z)
		for end := dayStart(2026, time.January, 1, z); start.Before(end); {
			next := nextDay(start)
			if hours := next.Sub(start).Hours(); hours < 21 || hours > 27 { // Casey changes by three
				t.Errorf("%s: nextDay(%v) = %v, %v hours later", name, start, next, hours)
			}
			before := next.Add(-time.Millisecond)
			if before.Format(time.DateOnly) != start.Format(time.DateOnly) || next.Format(time.DateOnly) == start.Format(time.DateOnly) {
				t.Errorf("%s: the day from %v ends at %v", name, start, next)
			}
			start = next
		}
	}
}

// zoneNames is one zone of every kind of rule that a year can hold.
func zoneNames(t testing.TB) []string {
	t.Helper()
	return strings.Fields(`UTC Europe/Berlin Europe/London Europe/Dublin Europe/Istanbul Africa/Cairo Africa/Casablanca
		America/New_York America/St_Johns America/Havana America/Santiago America/Sao_Paulo America/Asuncion
		America/Caracas America/Nuuk America/Phoenix Asia/Kathmandu Asia/Kolkata Asia/Tehran Asia/Beirut Asia/Gaza
		Asia/Amman Asia/Pyongyang Asia/Tokyo Australia/Lord_Howe Australia/Eucla Australia/Adelaide Pacific/Chatham
		Pacific/Apia Pacific/Kiritimati Pacific/Marquesas Pacific/Norfolk Antarctica/Troll Antarctica/Casey`)
}

func TestHours(t *testing.T) {
	f := func(name, from, to, want string) {
		t.Helper()
		z := zone(t, name)
		var got []string
		for _, start := range edges(at(t, from).In(z), at(t, to), Hour, MaxBuckets) {
			got = append(got, start.Format("15:04-07:00"))
		}
		if text := strings.Join(got, " "); text != want {
			t.Errorf("edges(%s, %s, %s) = %s, want %s", name, from, to, text, want)
		}
	}
	f("Europe/Berlin", "2025-03-30T00:00:00Z", "2025-03-30T03:00:00Z", "01:00+01:00 03:00+02:00 04:00+02:00")
	f("Europe/Berlin", "2025-10-26T00:00:00Z", "2025-10-26T03:00:00Z", "02:00+02:00 02:00+01:00 03:00+01:00")
	f("Australia/Lord_Howe", "2025-04-05T14:00:00Z", "2025-04-05T17:00:00Z", "01:00+11:00 01:30+10:30 02:00+10:30 03:00+10:30")
	f("Australia/Lord_Howe", "2025-10-04T14:30:00Z", "2025-10-04T17:00:00Z", "01:00+10:30 02:30+11:00 03:00+11:00")
	f("Asia/Kathmandu", "2025-03-30T00:00:00Z", "2025-03-30T02:00:00Z", "05:45+05:45 06:00+05:45 07:00+05:45")
	f("America/St_Johns", "2006-10-29T02:00:00Z", "2006-10-29T04:00:00Z", // at 00:01, back to the day before
		"23:30-02:30 00:00-02:30 23:01-03:30 00:00-03:30")
	f("America/St_Johns", "2025-03-09T04:45:00.5Z", "2025-03-09T07:00:00Z", "01:15-03:30 03:00-02:30 04:00-02:30")
}

func TestMonths(t *testing.T) {
	var got []string
	for _, start := range edges(at(t, "2024-12-31T12:00:00Z").In(zone(t, "Europe/Berlin")), at(t, "2025-04-01T00:00:00Z"), Month, MaxBuckets) {
		got = append(got, start.Format("2006-01-02T15:04-07:00"))
	}
	const want = "2024-12-31T13:00+01:00 2025-01-01T00:00+01:00 2025-02-01T00:00+01:00 2025-03-01T00:00+01:00 2025-04-01T00:00+02:00"
	if text := strings.Join(got, " "); text != want {
		t.Errorf("edges by month = %s, want %s", text, want)
	}
}

func TestTooManyEdges(t *testing.T) {
	from := at(t, "2025-01-01T00:00:00Z")
	if got := edges(from, from.Add(3*time.Hour), Hour, 3); len(got) != 3 {
		t.Errorf("edges(3 hours, most 3) = %d, want 3", len(got))
	}
	if got := edges(from, from.Add(3*time.Hour+1), Hour, 3); got != nil {
		t.Errorf("edges(over 3 hours, most 3) = %d, want nil", len(got))
	}
}

// Around changes of the clock every instant must fall into the day that the engine's own zone data gives it.
func TestDaysAgreeWithTheEngine(t *testing.T) {
	f := func(name, date string, lengths ...float64) {
		t.Helper()
		z := zone(t, name)
		middle, err := time.ParseInLocation(time.DateOnly, date, z)
		if err != nil {
			t.Fatal(err)
		}
		var events []*schemas.Envelope
		for step := -36 * 4; step <= 60*4; step++ { // both sides of every quarter of an hour, 1 ms before and on it
			edge := middle.Add(time.Duration(step) * 15 * time.Minute)
			events = append(events, page(2*step+10000, 1, edge), page(2*step+10001, 1, edge.Add(-time.Millisecond)))
		}
		a := open(t, events...)
		want := engineDays(t, a, name)
		q := query(t, "interval=day&tz="+name+"&from="+middle.AddDate(0, 0, -3).Format(time.DateOnly)+"&to="+middle.AddDate(0, 0, 4).Format(time.DateOnly))
		series, err := a.Series(t.Context(), q)
		if err != nil {
			t.Fatalf("Series(%s) = %v, want no error", name, err)
		}
		for _, bucket := range series {
			day := bucket.Start.Format(time.DateOnly)
			if bucket.Views != want[day] {
				t.Errorf("Series(%s) has %d views on %s, the engine's toDate %d", name, bucket.Views, day, want[day])
			}
			delete(want, day)
		}
		if len(want) > 0 {
			t.Errorf("Series(%s) lacks the days %v", name, want)
		}
		for i, hours := range lengths { // of the middle day and those after it
			if got := series[3+i].End.Sub(series[3+i].Start).Hours(); got != hours {
				t.Errorf("Series(%s): %s has %v hours, want %v", name, series[3+i].Start, got, hours)
			}
		}
	}
	f("Europe/Berlin", "2025-03-30", 23, 24)
	f("Europe/Berlin", "2025-10-26", 25, 24)
	f("America/St_Johns", "2025-03-09", 23, 24)
	f("America/St_Johns", "2025-11-02", 25, 24)
	f("Asia/Kathmandu", "2025-03-30", 24, 24)
	f("Australia/Lord_Howe", "2025-04-06", 24.5, 24)
	f("Australia/Lord_Howe", "2025-10-05", 23.5, 24)
	f("Africa/Cairo", "2025-04-25", 23, 24)
	f("America/Havana", "2024-11-03", 25, 24)
	f("Pacific/Chatham", "2025-04-06", 25, 24)
}

// engineDays counts page views by the engine's own idea of their day.
func engineDays(t testing.TB, a *Analytics, zone string) map[string]uint64 {
	t.Helper()
	var rows []struct {
		Day   string `ch:"day"`
		Views uint64 `ch:"views"`
	}
	const sql = "SELECT toString(toDate(time, '%')) AS day, count() AS views FROM events WHERE kind = 'page' GROUP BY day"
	if err := a.conn.Select(t.Context(), &rows, strings.ReplaceAll(sql, "%", zone)); err != nil {
		t.Fatal(err)
	}
	days := map[string]uint64{}
	for _, row := range rows {
		days[row.Day] = row.Views
	}
	return days
}

package analytics

import (
	"errors"
	"net/url"
	"testing"
	"time"

	"heed/schemas"
)

func TestParseQuery(t *testing.T) {
	now := at(t, "2025-03-30T23:30:00Z") // already the 31st in Berlin, an hour after its clocks changed
	f := func(text, from, to string, interval Interval) {
		t.Helper()
		values, err := url.ParseQuery(text)
		if err != nil {
			t.Fatal(err)
		}
		got, err := ParseQuery("a", values, now)
		if err != nil {
			t.Errorf("ParseQuery(%q) = %v, want no error", text, err)
			return
		}
		if f, l := got.From.Format(time.RFC3339Nano), got.To.Format(time.RFC3339Nano); f != from || l != to || got.Interval != interval {
			t.Errorf("ParseQuery(%q) = %s to %s by %s, want %s to %s by %s", text, f, l, got.Interval, from, to, interval)
		}
	}
	f("", "2025-03-01T00:00:00Z", "2025-03-31T00:00:00Z", Day)
	f("tz=Europe/Berlin", "2025-03-02T00:00:00+01:00", "2025-04-01T00:00:00+02:00", Day)
	f("from=2025-03-30&tz=Europe/Berlin", "2025-03-30T00:00:00+01:00", "2025-04-01T00:00:00+02:00", Hour)
	f("to=2025-03-01", "2025-01-31T00:00:00Z", "2025-03-02T00:00:00Z", Day)
	f("from=2025-03-30&to=2025-03-30&tz=Europe/Berlin", "2025-03-30T00:00:00+01:00", "2025-03-31T00:00:00+02:00", Hour)
	f("from=2025-03-30&to=2025-03-30&tz=Asia/Kathmandu", "2025-03-30T00:00:00+05:45", "2025-03-31T00:00:00+05:45", Hour)
	f("from=2025-03-30&to=2025-03-30&interval=day", "2025-03-30T00:00:00Z", "2025-03-31T00:00:00Z", Day)
	f("from=2025-03-30T12:00:00%2B01:00&to=2025-03-30T11:00:00.0019Z&tz=America/St_Johns",
		"2025-03-30T08:30:00-02:30", "2025-03-30T08:30:00.001-02:30", Hour)
	f("from=2020-01-01&to=2025-03-30", "2020-01-01T00:00:00Z", "2025-03-31T00:00:00Z", Month)
	f("from=2024-02-29&to=2024-02-29", "2024-02-29T00:00:00Z", "2024-03-01T00:00:00Z", Hour)
}

func TestParseQueryFailure(t *testing.T) {
	f := func(text, field string) {
		t.Helper()
		values, err := url.ParseQuery(text)
		if err != nil {
			t.Fatal(err)
		}
		_, err = ParseQuery("a", values, at(t, "2025-03-30T12:00:00Z"))
		if coded := (*schemas.Error)(nil); !errors.As(err, &coded) || coded.Code != schemas.InvalidParameter || coded.Field != field {
			t.Errorf("ParseQuery(%q) = %v, want invalid_parameter of %q", text, err, field)
		}
	}
	f("form=2025-03-30", "")           // misspelt
	f("tz=UTC&tz=Europe/Berlin", "tz") // twice
	f("tz=Middle/Earth", "tz")         // unknown
	f("tz=Local", "tz")                // whose?
	f("tz=../../etc/passwd", "tz")     // a path
	f("tz=UTC')%20OR%20(1=1", "tz")    // a statement
	f("from=yesterday", "from")        //
	f("from=2025-02-30", "from")       // no such day
	f("from=2025-3-1", "from")         // no such form
	f("from=1999-12-31", "from")       // before all
	f("to=2200-01-01", "to")           // after all
	f("to=2025-03-30 00:00", "to")     // neither date nor instant
	f("from=2025-03-31&to=2025-03-30", "to")
	f("from=2025-03-30T10:00:00Z&to=2025-03-30T10:00:00Z", "to") // empty
	f("from=2025-03-30T10:00:00+01:00", "from")                  // the + became a space
	f("from=2025-03-31", "to")                                   // begins after today
	f("bots=yes", "bots")
	f("interval=minute", "interval")
	f("limit=0", "limit")
	f("limit=-1", "limit")
	f("limit=1001", "limit")
	f("limit=10%3BDROP TABLE events", "limit")
	f("limit=99999999999999999999", "limit")
	f("limit=1e2", "limit")
}

// A question that did not come through ParseQuery is checked as well.
func TestValidateFailure(t *testing.T) {
	f := func(field string, change func(*Query)) {
		t.Helper()
		q := query(t, "")
		change(&q)
		err := q.Validate()
		if coded := (*schemas.Error)(nil); !errors.As(err, &coded) || coded.Field != field {
			t.Errorf("Validate(%+v) = %v, want an error of %q", q, err, field)
		}
	}
	f("tz", func(q *Query) { q.Zone = "" })
	f("from", func(q *Query) { q.From = time.Time{} })
	f("to", func(q *Query) { q.To = time.Time{} })
	f("bots", func(q *Query) { q.Bots = "" })
	f("interval", func(q *Query) { q.Interval = "" })
	f("limit", func(q *Query) { q.Limit = 0 })
}

package analytics

import (
	"reflect"
	"testing"
	"time"

	"heed/schemas"
)

// visit is a day at site a in which everything happens that has a number, and some things that must not have one.
func visit(t testing.TB) []*schemas.Envelope {
	noon := at(t, "2025-06-10T12:00:00Z")
	after := func(s float64) time.Time { return noon.Add(time.Duration(s * float64(time.Second))) }
	berlin := func(ev *schemas.Envelope) {
		ev.Country, ev.Region, ev.Device, ev.Browser, ev.Os = "DE", "Berlin", "desktop", "Firefox", "Linux"
	}
	phone := func(ev *schemas.Envelope) {
		ev.Country, ev.Region, ev.Device, ev.Browser, ev.Os = "US", "California", "mobile", "Safari", "iOS"
	}
	return []*schemas.Envelope{
		// Visitor 1 comes from a campaign, reads two pages, sends a form.
		with(with(page(1, 1, noon), berlin), func(ev *schemas.Envelope) { ev.UtmSource, ev.ReferrerHost = "letter", "mail.example" }),
		engaged(2, 1, 1, after(5), 4000),
		engaged(3, 1, 1, after(9), 7500), // a total so far: replaces the 4000
		engaged(4, 1, 1, after(9), 7000), // late by another way: does not
		with(with(page(5, 1, after(10)), berlin), func(ev *schemas.Envelope) { ev.Path, ev.ReferrerHost = "/pricing", "a.example" }),
		engaged(6, 1, 5, after(20), 2501),
		with(event(schemas.Form, 7, after(30)), func(ev *schemas.Envelope) { ev.Visitor, ev.Path, ev.Form = id(1), "/pricing", "signup" }),
		with(event(schemas.Custom, 8, after(31)), func(ev *schemas.Envelope) { ev.Visitor, ev.Name = id(1), "plan" }),
		with(event(schemas.Custom, 9, after(32)), func(ev *schemas.Envelope) { ev.Visitor, ev.Name = id(1), "plan" }),
		// Visitor 2 is counted anonymously, then grants on the same page load; the next page is a page view of theirs.
		with(anonymous(20, after(100)), func(ev *schemas.Envelope) {
			ev.ReferrerHost, ev.Country, ev.Device, ev.Browser = "search.example", "US", "mobile", "Safari"
		}),
		with(engaged(21, 2, 20, after(130), 20000), func(ev *schemas.Envelope) { ev.AnonymousIds = [][]byte{id(20)} }),
		with(with(page(22, 2, after(140)), phone), func(ev *schemas.Envelope) { ev.Path, ev.ReferrerHost = "/pricing", "a.example" }),
		// Somebody is counted anonymously and stays so.
		with(anonymous(30, after(200)), func(ev *schemas.Envelope) { ev.Country, ev.Device, ev.Browser = "DE", "desktop", "Firefox" }),
		// A bot reads two pages.
		with(page(40, 4, after(300)), func(ev *schemas.Envelope) { ev.Bot = "declared" }),
		with(page(41, 4, after(301)), func(ev *schemas.Envelope) { ev.Bot = "declared" }),
		with(engaged(42, 4, 41, after(302), 90000), func(ev *schemas.Envelope) { ev.Bot = "declared" }),
		// Another site, the instant before the range, and the first after it.
		with(page(50, 5, noon), func(ev *schemas.Envelope) { ev.Site = "b" }),
		page(51, 6, at(t, "2025-06-09T23:59:59.999Z")),
		page(52, 7, at(t, "2025-06-11T00:00:00Z")),
	}
}

func TestSummary(t *testing.T) {
	a := open(t, visit(t)...)
	f := func(parameters string, want Summary) {
		t.Helper()
		got, err := a.Summary(t.Context(), query(t, parameters))
		if err != nil || got != want {
			t.Errorf("Summary(%q) = %+v, %v, want %+v", parameters, got, err, want)
		}
	}
	const day = "from=2025-06-10&to=2025-06-10"
	people := Summary{
		Counts:    Counts{Views: 3, AnonymousViews: 2, TakenOverViews: 1, Visitors: 2, EngagedMS: 30001, EngagedAverage: 7500},
		FormsSent: 1, CustomEvents: 2, BotViews: 2,
	}
	f(day, people)
	f(day+"&bots=only", Summary{Counts: Counts{Views: 2, Visitors: 1, EngagedMS: 90000, EngagedAverage: 45000}, BotViews: 2})
	f(day+"&bots=include", Summary{
		Counts:    Counts{Views: 5, AnonymousViews: 2, TakenOverViews: 1, Visitors: 3, EngagedMS: 120001, EngagedAverage: 20000},
		FormsSent: 1, CustomEvents: 2, BotViews: 2,
	})
	// The instants on both sides of the day.
	f("from=2025-06-09T23:59:59.999Z&to=2025-06-10T00:00:00Z", Summary{Counts: Counts{Views: 1, Visitors: 1}})
	f("from=2025-06-11&to=2025-06-11", Summary{Counts: Counts{Views: 1, Visitors: 1}})
	f("from=2025-06-10T00:00:00Z&to=2025-06-11T00:00:00.001Z", func() Summary {
		more := people
		more.Views, more.Visitors, more.EngagedAverage = 4, 3, 6000
		return more
	}())
	f("from=2024-01-01&to=2024-12-31", Summary{})
}

func TestLists(t *testing.T) {
	a := open(t, visit(t)...)
	got, err := a.Stats(t.Context(), query(t, "from=2025-06-10&to=2025-06-10"))
	if err != nil {
		t.Fatalf("Stats = %v, want no error", err)
	}
	f := func(name string, got, want any) {
		t.Helper()
		if !reflect.DeepEqual(got, want) {
			t.Errorf("Stats.%s = %+v, want %+v", name, got, want)
		}
	}
	home := Counts{Views: 1, AnonymousViews: 2, TakenOverViews: 1, Visitors: 2, EngagedMS: 27500, EngagedAverage: 13750}
	german := Counts{Views: 2, AnonymousViews: 1, Visitors: 1, EngagedMS: 10001, EngagedAverage: 5000}
	american := Counts{Views: 1, AnonymousViews: 1, TakenOverViews: 1, Visitors: 1, EngagedMS: 20000, EngagedAverage: 10000}
	f("Pages", got.Pages.Rows, []Page{
		{"a.example", "/", home},
		{"a.example", "/pricing", Counts{Views: 2, Visitors: 2, EngagedMS: 2501, EngagedAverage: 1250}},
	})
	f("Sources", got.Sources.Rows, []Source{ // visitor 2 counts with the source of the view that was taken over
		{"campaign", "letter", Counts{Views: 1, Visitors: 1, EngagedMS: 7500, EngagedAverage: 7500}},
		{"direct", "", Counts{AnonymousViews: 1}},
		{"referrer", "search.example", Counts{AnonymousViews: 1, TakenOverViews: 1, Visitors: 1, EngagedMS: 20000, EngagedAverage: 20000}},
	})
	f("Countries", got.Countries.Rows, []Value{{"DE", german}, {"US", american}})
	f("Regions", got.Regions.Rows, []Region{
		{"DE", "Berlin", Counts{Views: 2, Visitors: 1, EngagedMS: 10001, EngagedAverage: 5000}},
		{"US", "California", Counts{Views: 1, Visitors: 1}},
	})
	f("Devices", got.Devices.Rows, []Value{{"desktop", german}, {"mobile", american}})
	f("Browsers", got.Browsers.Rows, []Value{{"Firefox", german}, {"Safari", american}})
	f("Systems", got.Systems.Rows, []Value{
		{"", Counts{AnonymousViews: 2, TakenOverViews: 1, Visitors: 1, EngagedMS: 20000, EngagedAverage: 20000}},
		{"Linux", Counts{Views: 2, Visitors: 1, EngagedMS: 10001, EngagedAverage: 5000}},
		{"iOS", Counts{Views: 1, Visitors: 1}},
	})
	f("Forms", got.Forms.Rows, []Form{{"signup", "a.example", "/pricing", 1, 1}})
	f("Events", got.Events.Rows, []Event{{"plan", 2, 1}})
	f("Bots", got.Bots.Rows, []Bot{{"declared", 2, 3}})
	f("Note", got.Note, (*Note)(nil))
}

// A view is followed for a day from its own moment, across the end of the range and no further.
func TestFollowedForOneDay(t *testing.T) {
	late := at(t, "2025-06-10T23:00:00Z")
	a := open(t,
		page(1, 1, late),
		engaged(2, 1, 1, late.Add(24*time.Hour-time.Millisecond), 5000),
		engaged(3, 1, 1, late.Add(24*time.Hour), 9000),
		anonymous(4, late),
		with(engaged(5, 2, 4, late.Add(24*time.Hour), 1000), func(ev *schemas.Envelope) { ev.AnonymousIds = [][]byte{id(4)} }),
		anonymous(6, late),
		with(engaged(7, 3, 6, late.Add(24*time.Hour-time.Millisecond), 1000), func(ev *schemas.Envelope) { ev.AnonymousIds = [][]byte{id(6)} }),
	)
	want := Summary{Counts: Counts{Views: 1, AnonymousViews: 2, TakenOverViews: 1, Visitors: 2, EngagedMS: 6000, EngagedAverage: 3000}}
	for _, to := range []string{"2025-06-10", "2025-06-11", "2025-07-10"} {
		got, err := a.Summary(t.Context(), query(t, "from=2025-06-10&to="+to))
		if err != nil || got != want {
			t.Errorf("Summary(to %s) = %+v, %v, want %+v", to, got, err, want)
		}
	}
}

func TestLimit(t *testing.T) {
	noon := at(t, "2025-06-10T12:00:00Z")
	var events []*schemas.Envelope
	for n := range 3 {
		events = append(events, with(page(n+1, 1, noon), func(ev *schemas.Envelope) { ev.Path = "/" + string(rune('a'+n)) }))
	}
	a := open(t, events...)
	f := func(limit string, rows int, more bool) {
		t.Helper()
		got, err := a.Pages(t.Context(), query(t, "from=2025-06-10&to=2025-06-10&limit="+limit))
		if err != nil || len(got.Rows) != rows || got.More != more {
			t.Errorf("Pages(limit %s) = %d rows, more %v, %v, want %d, %v", limit, len(got.Rows), got.More, err, rows, more)
		}
	}
	f("2", 2, true)
	f("3", 3, false)
	f("1000", 3, false)
}

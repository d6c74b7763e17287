package analytics

import (
	"cmp"
	"math/rand/v2"
	"reflect"
	"slices"
	"testing"
	"time"

	"heed/schemas"
)

// TestOracle asks random questions about random events and compares every answer with one that is worked out here,
// event by event, with none of the code under test but its types and its day and hour starts.
func TestOracle(t *testing.T) {
	random := rand.New(rand.NewPCG(7, 25))
	start := at(t, "2025-03-28T00:00:00Z") // over a change of the clock and the end of a month
	events := invent(random, start, 5*24*time.Hour, 3000)
	a := open(t, events...)
	mentions := mentionsOf(events)
	zones := []string{"UTC", "Europe/Berlin", "America/St_Johns", "Asia/Kathmandu", "Australia/Lord_Howe"}
	for range 25 {
		z := zone(t, zones[random.IntN(len(zones))])
		from := start.Add(time.Duration(random.Int64N(int64(5 * 24 * time.Hour)))).Truncate(time.Millisecond).In(z)
		q := Query{
			Site: "a", Zone: z.String(), Limit: 1 + random.IntN(12),
			From: from, To: from.Add(time.Duration(1+random.IntN(90)) * time.Hour),
			Bots:     []Bots{ExcludeBots, IncludeBots, OnlyBots}[random.IntN(3)],
			Interval: []Interval{Hour, Day, Month}[random.IntN(3)],
		}
		got, err := a.Stats(t.Context(), q)
		if err != nil {
			t.Fatalf("Stats(%+v) = %v, want no error", q, err)
		}
		want := work(events, mentions, q)
		want.Generated, want.Note = got.Generated, got.Note
		for i := range reflect.TypeFor[Stats]().NumField() {
			if g, w := reflect.ValueOf(got).Field(i).Interface(), reflect.ValueOf(want).Field(i).Interface(); !reflect.DeepEqual(g, w) {
				t.Fatalf("Stats(%+v).%s\n got %+v\nwant %+v", q, reflect.TypeFor[Stats]().Field(i).Name, show(g), show(w))
			}
		}
	}
}

// show follows a pointer for a message.
func show(value any) any {
	if s, ok := value.(*Summary); ok {
		return *s
	}
	return value
}

// invent makes page loads, each with its engagement, forms and own events, at random.
func invent(random *rand.Rand, start time.Time, length time.Duration, loads int) []*schemas.Envelope {
	pick := func(values ...string) string { return values[random.IntN(len(values))] }
	var events []*schemas.Envelope
	number := 1000
	next := func() int { number++; return number }
	for range loads {
		when := start.Add(time.Duration(random.Int64N(int64(length)))).Truncate(time.Millisecond)
		visitor, view := 1+random.IntN(60), next()
		ev := page(view, visitor, when)
		bare := random.IntN(4) == 0
		if bare {
			ev = anonymous(view, when)
		}
		ev.Site = pick("a", "a", "a", "b")
		ev.Host, ev.Path = pick("a.example", "b.example"), pick("/", "/pricing", "/blog", "/ü'\"\\")
		ev.ReferrerHost = pick("", "a.example", "b.example", "search.example", "news.example")
		ev.UtmSource = pick("", "", "", "letter", "news.example")
		ev.Country, ev.Device, ev.Browser = pick("DE", "US", ""), pick("desktop", "mobile"), pick("Firefox", "Chrome", "Safari")
		ev.Bot = pick("", "", "", "", "declared", "hosting-network")
		if !bare {
			ev.Region, ev.Os = pick("", "Berlin", "California"), pick("Linux", "iOS")
		}
		events = append(events, ev)
		for range random.IntN(5) {
			later := when.Add(time.Duration(random.Int64N(int64(30 * time.Hour)))).Truncate(time.Millisecond)
			follow := engaged(next(), visitor, view, later, uint32(random.IntN(100000)))
			switch random.IntN(6) {
			case 0:
				follow.Kind, follow.Form = "form", pick("signup", "contact")
			case 1:
				follow.Kind, follow.Name = "custom", pick("plan", "video")
			}
			if follow.Kind != "engagement" {
				follow.EngagedMs, follow.View = 0, nil
			}
			if bare && random.IntN(2) == 0 {
				follow.AnonymousIds = [][]byte{ev.Id, id(next())}
			}
			follow.Site, follow.Bot, follow.Host, follow.Path = ev.Site, ev.Bot, ev.Host, ev.Path
			events = append(events, follow)
		}
	}
	return events
}

// seen is a page view as the oracle knows it.
type seen struct {
	*schemas.Envelope
	taken   bool
	visitor string
	ms      uint64
}

// work answers q by looking at every event in turn.
func work(events []*schemas.Envelope, mentions map[string][]*schemas.Envelope, q Query) Stats {
	inside := func(ev *schemas.Envelope) bool {
		return ev.Site == q.Site && ev.TimeMs >= q.From.UnixMilli() && ev.TimeMs < q.To.UnixMilli()
	}
	wanted := func(ev *schemas.Envelope) bool {
		return inside(ev) && (q.Bots == IncludeBots || (ev.Bot == "") == (q.Bots == ExcludeBots))
	}
	stats := Stats{Query: q, Summary: &Summary{}}
	var views []seen
	forms, names, bots := map[Form][]string{}, map[Event][]string{}, map[Bot][]string{}
	for _, ev := range events {
		if inside(ev) && ev.Bot != "" {
			bots[Bot{Reason: ev.Bot}] = append(bots[Bot{Reason: ev.Bot}], ev.Kind)
			stats.Summary.BotViews += one(ev.Kind == "page")
		}
		switch {
		case !wanted(ev):
		case ev.Kind == "page":
			views = append(views, follow(ev, mentions[string(ev.Id)]))
		case ev.Kind == "form":
			stats.Summary.FormsSent++
			key := Form{Form: ev.Form, Host: ev.Host, Path: ev.Path}
			forms[key] = append(forms[key], string(ev.Visitor))
		case ev.Kind == "custom":
			stats.Summary.CustomEvents++
			names[Event{Name: ev.Name}] = append(names[Event{Name: ev.Name}], string(ev.Visitor))
		}
	}
	stats.Summary.Counts = total(views)
	stats.Series = workSeries(views, q)
	arrivals := slices.DeleteFunc(slices.Clone(views), func(v seen) bool { return v.UtmSource == "" && v.ReferrerHost == v.Host })
	regional := slices.DeleteFunc(slices.Clone(views), func(v seen) bool { return v.Region == "" })
	stats.Pages = group(views, q.Limit, func(v seen) (Page, string) { return Page{Host: v.Host, Path: v.Path}, v.Host + "\x00" + v.Path },
		func(p Page, c Counts) Page { p.Counts = c; return p })
	stats.Sources = group(arrivals, q.Limit, workSource, func(s Source, c Counts) Source { s.Counts = c; return s })
	stats.Regions = group(regional, q.Limit, func(v seen) (Region, string) {
		return Region{Country: v.Country, Region: v.Region}, v.Country + "\x00" + v.Region
	},
		func(r Region, c Counts) Region { r.Counts = c; return r })
	values := func(of func(seen) string) List[Value] {
		return group(views, q.Limit, func(v seen) (Value, string) { return Value{Value: of(v)}, of(v) },
			func(r Value, c Counts) Value { r.Counts = c; return r })
	}
	stats.Countries = values(func(v seen) string { return v.Country })
	stats.Devices = values(func(v seen) string { return v.Device })
	stats.Browsers = values(func(v seen) string { return v.Browser })
	stats.Systems = values(func(v seen) string { return v.Os })
	stats.Forms = tally(forms, q.Limit, func(f Form, who []string) (Form, uint64, string) {
		f.Sent, f.Visitors = uint64(len(who)), distinct(who)
		return f, f.Sent, f.Form + "\x00" + f.Host + "\x00" + f.Path
	})
	stats.Events = tally(names, q.Limit, func(e Event, who []string) (Event, uint64, string) {
		e.Count, e.Visitors = uint64(len(who)), distinct(who)
		return e, e.Count, e.Name
	})
	stats.Bots = tally(bots, q.Limit, func(b Bot, kinds []string) (Bot, uint64, string) {
		b.Events = uint64(len(kinds))
		for _, kind := range kinds {
			b.Views += one(kind == "page")
		}
		return b, b.Events, b.Reason
	})
	return stats
}

// mentionsOf finds for every view the events that speak of it.
func mentionsOf(events []*schemas.Envelope) map[string][]*schemas.Envelope {
	mentions := map[string][]*schemas.Envelope{}
	for _, ev := range events {
		about := slices.Clone(ev.AnonymousIds)
		if ev.Kind == "engagement" {
			about = append(about, ev.View)
		}
		for _, id := range about {
			mentions[string(id)] = append(mentions[string(id)], ev)
		}
	}
	return mentions
}

// follow looks at what was learned of a view within its day.
func follow(view *schemas.Envelope, mentions []*schemas.Envelope) seen {
	v := seen{Envelope: view, visitor: string(view.Visitor)}
	most := uint64(0)
	for _, ev := range mentions {
		if ev.Site != view.Site || ev.TimeMs >= view.TimeMs+24*time.Hour.Milliseconds() {
			continue
		}
		if ev.Kind == "engagement" && string(ev.View) == string(view.Id) {
			most = max(most, uint64(ev.EngagedMs))
		}
		if slices.ContainsFunc(ev.AnonymousIds, func(id []byte) bool { return string(id) == string(view.Id) }) {
			v.taken, v.visitor = true, string(ev.Visitor)
		}
	}
	if !view.Anonymous || v.taken {
		v.ms = most
	}
	return v
}

func workSource(v seen) (Source, string) {
	s := Source{Type: "direct"}
	if v.ReferrerHost != "" {
		s = Source{"referrer", v.ReferrerHost, Counts{}}
	}
	if v.UtmSource != "" {
		s = Source{"campaign", v.UtmSource, Counts{}}
	}
	return s, s.Type + "\x00" + s.Source
}

func workSeries(views []seen, q Query) (series []Bucket) {
	starts := edges(q.From, q.To, q.Interval, MaxBuckets)
	for i, start := range starts {
		end := q.To
		if i+1 < len(starts) {
			end = starts[i+1]
		}
		var in []seen
		for _, v := range views {
			if v.TimeMs >= start.UnixMilli() && v.TimeMs < end.UnixMilli() {
				in = append(in, v)
			}
		}
		series = append(series, Bucket{start, end, total(in)})
	}
	return series
}

// total counts views.
func total(views []seen) (c Counts) {
	var who []string
	for _, v := range views {
		c.Views += one(!v.Anonymous)
		c.AnonymousViews += one(v.Anonymous)
		c.TakenOverViews += one(v.taken)
		c.EngagedMS += v.ms
		if v.visitor != "" {
			who = append(who, v.visitor)
		}
	}
	c.Visitors = distinct(who)
	if measured := c.Views + c.TakenOverViews; measured > 0 {
		c.EngagedAverage = c.EngagedMS / measured
	}
	return c
}

// group splits views by key, counts each, and orders by views, then by the key's text.
func group[T comparable](views []seen, limit int, key func(seen) (T, string), fill func(T, Counts) T) List[T] {
	groups := map[T][]seen{}
	for _, v := range views {
		k, _ := key(v)
		groups[k] = append(groups[k], v)
	}
	return tally(groups, limit, func(k T, in []seen) (T, uint64, string) {
		_, text := key(in[0])
		return fill(k, total(in)), uint64(len(in)), text
	})
}

// tally turns groups into rows in their order and cuts them at the limit.
func tally[T comparable, V any](groups map[T][]V, limit int, row func(T, []V) (T, uint64, string)) List[T] {
	type ordered struct {
		row   T
		count uint64
		text  string
	}
	var all []ordered
	for key, in := range groups {
		r, n, text := row(key, in)
		all = append(all, ordered{r, n, text})
	}
	slices.SortFunc(all, func(a, b ordered) int { return cmp.Or(cmp.Compare(b.count, a.count), cmp.Compare(a.text, b.text)) })
	list := List[T]{Rows: []T{}, More: len(all) > limit}
	for _, r := range all[:min(limit, len(all))] {
		list.Rows = append(list.Rows, r.row)
	}
	return list
}

func distinct(who []string) uint64 {
	return uint64(len(slices.Compact(slices.Sorted(slices.Values(who)))))
}

func one(yes bool) uint64 {
	if yes {
		return 1
	}
	return 0
}

package clickhousetest

import (
	"encoding/binary"
	"fmt"
	"math"
	"math/rand/v2"
	"time"

	"google.golang.org/protobuf/proto"

	"heed/pipeline/clickhouse"
	"heed/schemas"
)

// Events makes n rows as a day of some twenty sites brings them, for measurements: what matters is how often values
// come back, which are random, and which grow with time. The same seed makes the same rows. They are in the order of
// receipt, of one partition, at consecutive offsets of one Kafka partition.
func Events(n int, seed uint64) []clickhouse.Row {
	g := &generator{rand: rand.New(rand.NewPCG(seed, 1))}
	start := time.Date(2026, 7, 2, 0, 0, 0, 0, time.UTC)
	rows := make([]clickhouse.Row, n)
	for i := range rows {
		at := start.Add(time.Duration(float64(i) / float64(n) * float64(24*time.Hour)))
		rows[i] = clickhouse.Row{
			Envelope: g.event(at),
			Source:   schemas.Source{Origin: "heed-events.1", Partition: 3, Offset: 1_000_000 + uint64(i)},
			Loaded:   at.Truncate(500 * time.Millisecond).Add(time.Second),
		}
	}
	return rows
}

// generator keeps the page views that go on: later events belong to them.
type generator struct {
	rand  *rand.Rand
	views []*schemas.Envelope
}

// event is a new page view, or something that happens within one of the latest.
func (g *generator) event(at time.Time) *schemas.Envelope {
	kind := g.rand.Float64()
	if len(g.views) < 50 || kind < 0.4 {
		view := g.view(at)
		if g.views = append(g.views, view); len(g.views) > 200 {
			g.views = g.views[1:]
		}
		return view
	}
	page := g.views[g.rand.IntN(len(g.views))]
	ev := clone(page)
	ev.Id, ev.View, ev.ReferrerHost = g.id(at), page.Id, ""
	ev.TimeMs, ev.ReceivedMs = g.times(at)
	switch {
	case kind < 0.88:
		ev.Kind, ev.EngagedMs = string(schemas.Engagement), uint32(g.rand.ExpFloat64()*20_000)
	case kind < 0.98:
		ev.Kind, ev.Name = string(schemas.Custom), pick(g, "Outbound", "Download", "Scroll", "buy", "signup", "video")
		ev.Props = map[string]string{"target": fmt.Sprintf("https://partner-%d.example/a/%d", g.few(20), g.few(500)), "plan": pick(g, "free", "pro")}
	default:
		ev.Kind, ev.Form = string(schemas.Form), pick(g, "contact", "newsletter", "demo")
	}
	return ev
}

// view is a page view: of a new visitor, or of one who was here a moment ago.
func (g *generator) view(at time.Time) *schemas.Envelope {
	ev := &schemas.Envelope{Version: 1, Kind: string(schemas.Page), RetentionMonths: 240, MatrixVersion: 1}
	if len(g.views) > 0 && g.rand.IntN(3) > 0 {
		ev = clone(g.views[g.rand.IntN(len(g.views))])
		ev.ReferrerHost = ev.Host
	} else {
		g.visitor(ev)
	}
	ev.Id, ev.View = g.id(at), nil
	ev.TimeMs, ev.ReceivedMs = g.times(at)
	ev.Path = fmt.Sprintf("/%s/%s-%d", pick(g, "blog", "docs", "shop", "about"), pick(g, "how-to", "summer-sale", "release-notes"), g.few(300))
	return ev
}

func clone(ev *schemas.Envelope) *schemas.Envelope { return proto.Clone(ev).(*schemas.Envelope) }

// visitor fills in what stays the same during a visit.
func (g *generator) visitor(ev *schemas.Envelope) {
	site := g.few(20)
	ev.Site, ev.Host = fmt.Sprintf("site-%d", site), fmt.Sprintf("www.site-%d.example", site)
	ev.Jurisdiction, ev.Notice = pick(g, "eu", "eu", "uk", "us-ca", "none"), "0a1b2c3d"
	ev.Categories = uint32(pick(g, 5, 5, 15))
	ev.Country, ev.Region = pick(g, "DE", "DE", "FR", "AT", "GB", "US"), pick(g, "Hesse", "Bavaria", "Berlin", "")
	network := g.few(400)
	ev.Network, ev.NetworkOwner = uint32(1000+network*37), fmt.Sprintf("Network %d GmbH", network)
	ev.Browser, ev.Os = pick(g, "Chrome", "Chrome", "Safari", "Firefox", "Edge"), pick(g, "Windows", "Android", "iOS", "macOS")
	ev.Device = pick(g, "desktop", "mobile", "mobile", "tablet")
	ev.ReferrerHost = pick(g, "", "www.google.com", "www.google.com", "duckduckgo.com", "news.example")
	if g.rand.IntN(5) == 0 {
		ev.UtmSource, ev.UtmMedium, ev.UtmCampaign = pick(g, "google", "newsletter"), pick(g, "cpc", "mail"), fmt.Sprintf("campaign-%d", g.few(30))
		ev.ClickIdKind, ev.ClickId = "gclid", fmt.Sprintf("Cj0KCQ%016x%016x", g.rand.Uint64(), g.rand.Uint64())
	}
	if g.rand.IntN(10) == 0 {
		ev.Anonymous, ev.Network, ev.NetworkOwner, ev.Region = true, 0, "", ""
		return
	}
	ev.Visitor, ev.Record = g.random(), g.random()
}

// times are when an event happened and when it was received.
func (g *generator) times(at time.Time) (happened, received int64) {
	received = at.UnixMilli()
	return received - int64(g.rand.ExpFloat64()*2000), received
}

// id is a UUIDv7 of that time.
func (g *generator) id(at time.Time) []byte {
	id := g.random()
	binary.BigEndian.PutUint64(id, uint64(at.UnixMilli())<<16|0x7000|uint64(g.rand.IntN(1<<12)))
	id[8] = id[8]&0x3f | 0x80
	return id
}

func (g *generator) random() []byte {
	id := make([]byte, 16)
	binary.LittleEndian.PutUint64(id, g.rand.Uint64())
	binary.LittleEndian.PutUint64(id[8:], g.rand.Uint64())
	return id
}

// few is a number below n, small ones far more often.
func (g *generator) few(n int) int { return int(math.Pow(g.rand.Float64(), 3) * float64(n)) }

func pick[T any](g *generator, values ...T) T { return values[g.rand.IntN(len(values))] }

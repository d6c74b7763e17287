package load

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync"
	"time"
	"unicode/utf8"

	"google.golang.org/protobuf/encoding/protowire"

	"heed/pipeline/clickhouse"
	"heed/pipeline/wal"
	"heed/schemas"
)

// Ends counts accepted events by how they ended. Every event has one end.
type Ends struct {
	Stored     uint64 `json:"stored"`     // a row in ClickHouse
	Duplicates uint64 `json:"duplicates"` // the same site and event id was stored from another position
	Withdrawn  uint64 `json:"withdrawn"`  // the visitor had ended the consent record that it carries
	Dead       uint64 `json:"dead"`       // could not be a row and is in dead_letters
}

func (e *Ends) add(more Ends) {
	e.Stored += more.Stored
	e.Duplicates += more.Duplicates
	e.Withdrawn += more.Withdrawn
	e.Dead += more.Dead
}

// Total is the number of all events that have ended.
func (e Ends) Total() uint64 { return e.Stored + e.Duplicates + e.Withdrawn + e.Dead }

// Progress is how far a loader has come. It never changes; the loader makes another one.
type Progress struct {
	// Pos is where it goes on: every event of the log before it has ended, and none from it on.
	Pos wal.Pos
	// Since is when counting began.
	Since time.Time
	// Sites has the ends of all events since then, by the site's id; "" holds those whose site could not be read.
	Sites map[string]Ends
}

// Progress returns how far the loader has come. It may be called by any goroutine. What it counts is on disk together
// with the plan, so that after a crash an event counts neither twice nor not at all: the counts that a plan carries are
// those of the events before it, and the planned batch is counted anew when it is settled.
func (l *Loader) Progress() *Progress { return l.progress.Load() }

// Oldest returns when the oldest event was received that is in the loader's hand, and false when none is.
func (l *Loader) Oldest() (received time.Time, ok bool) {
	ms := l.hand.oldest()
	return time.UnixMilli(ms), ms != 0
}

// hand has the batches that were begun and are not at rest, by when the first event of each was received, in ms.
type hand struct {
	mu       sync.Mutex
	received []int64
}

func (h *hand) take(receivedMs int64) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.received = append(h.received, receivedMs)
}

// rested lets go of the first of them.
func (h *hand) rested() {
	h.mu.Lock()
	defer h.mu.Unlock()
	if len(h.received) > 0 {
		h.received = slices.Delete(h.received, 0, 1)
	}
}

// oldest is 0 when there is none.
func (h *hand) oldest() int64 {
	h.mu.Lock()
	defer h.mu.Unlock()
	if len(h.received) == 0 {
		return 0
	}
	return h.received[0]
}

// ends counts a batch by site.
type ends map[string]*Ends

func (e ends) add(site string, more Ends) {
	sum := e[site]
	if sum == nil {
		sum = new(Ends)
		e[strings.Clone(site)] = sum // site is part of the log's bytes
	}
	sum.add(more)
}

// count adds a block that is at rest.
func (l *Loader) count(b *block) {
	for i := range b.Rows {
		row := &b.Rows[i]
		switch {
		case len(b.buried) > 0 && b.buried[row.Source]:
		case len(b.gone) > 0 && b.gone[row.Source] && !b.late[row.Source]: // the late ones are the deletion routine's to take off again
			l.ends.add(row.Envelope.Site, Ends{Withdrawn: 1})
			l.metrics.withdrawn.Inc()
			if l.replay != nil {
				l.replay.excluded++
			}
		default:
			l.ends.add(row.Envelope.Site, Ends{Stored: 1})
			l.metrics.rows.Inc()
		}
	}
	l.metrics.observeLag(b.Rows, l.now())
}

// storeEnds writes the counts of the planned batch to their table, if there is one. The table takes the rows of one range
// for one, so a repeat of the batch, also by another Loader, adds nothing.
func (l *Loader) storeEnds(ctx context.Context) error {
	if l.Ends == nil || len(l.ends) == 0 {
		return nil
	}
	at, from, to := l.now().UTC(), l.plan.From, l.plan.To
	rows := make([]clickhouse.LoadEnds, 0, len(l.ends))
	for _, site := range slices.Sorted(maps.Keys(l.ends)) {
		e := l.ends[site]
		rows = append(rows, clickhouse.LoadEnds{At: at, Site: site, Origin: l.plan.Log, Partition: from.Segment,
			From: from.Record, To: to.Record, Stored: e.Stored, Duplicates: e.Duplicates, Withdrawn: e.Withdrawn, Dead: e.Dead})
	}
	token := fmt.Sprintf("%s/ends/%d/%d-%d", l.plan.Log, from.Segment, from.Record, to.Record)
	return l.repeat(ctx, "store counts", token, func(token string) error { return l.Ends.InsertEnds(ctx, token, rows) })
}

// advance makes it known that the planned batch is at rest.
func (l *Loader) advance() {
	last := l.Progress()
	sites := make(map[string]Ends, len(last.Sites))
	maps.Copy(sites, last.Sites)
	for site, more := range l.ends {
		sum := sites[site]
		sum.add(*more)
		sites[site] = sum
		l.metrics.doubles.AddInt64(int64(more.Duplicates))
	}
	l.progress.Store(&Progress{Pos: l.plan.To, Since: last.Since, Sites: sites})
	l.hand.rested()
}

// EachEvent calls visit for every event that a loader finds in a group, in order, with its site and when it was
// received, in ms since the Unix epoch. Both are empty where they cannot be read. The site is valid during the call.
func EachEvent(group []byte, visit func(site []byte, receivedMs int64)) {
	for len(group) > 0 {
		raw, n := schemas.NextEnvelope(group)
		if n < 0 {
			raw, n = group, len(group)
		}
		visit(peek(raw))
		group = group[n:]
	}
}

// receivedFirst is when a group's first event was received, in ms since the Unix epoch; 0 when that cannot be read.
func receivedFirst(group []byte) int64 {
	raw, _ := schemas.NextEnvelope(group)
	_, receivedMs := peek(raw)
	return receivedMs
}

// peek reads the fields site and received_ms of an envelope, as far as it can be read.
func peek(envelope []byte) (site []byte, receivedMs int64) {
	for len(envelope) > 0 {
		number, kind, n := protowire.ConsumeTag(envelope)
		if n < 0 {
			break
		}
		size := protowire.ConsumeFieldValue(number, kind, envelope[n:])
		if size < 0 {
			break
		}
		value := envelope[n : n+size]
		switch {
		case number == 2 && kind == protowire.BytesType:
			site, _ = protowire.ConsumeBytes(value)
		case number == 5 && kind == protowire.VarintType:
			ms, _ := protowire.ConsumeVarint(value)
			receivedMs = int64(ms)
		}
		envelope = envelope[n+size:]
	}
	if !utf8.Valid(site) {
		site = nil
	}
	return site, receivedMs
}

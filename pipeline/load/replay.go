package load

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"time"

	"heed/pipeline/clickhouse"
	"heed/pipeline/wal"
	"heed/schemas"
)

// ReplayConfig says what is loaded again.
type ReplayConfig struct {
	// From and To bound the range, From included, To not. A zero From is the beginning of the log. To lies at or before
	// the log's durable end; zero means up to where the Owner's Loader goes on.
	From, To wal.Pos
	// Owner keeps the plan of the Loader in whose place the replay stands, and proves before each insert that no Loader
	// has taken over. What that Loader has not brought to rest is left to it. Nil when the caller sees to it that no
	// Loader of this log runs, and that To does not lie behind where it goes on.
	Owner Plans
	// MaxRows and MaxBytes end a batch, as in Config.
	MaxRows, MaxBytes int
	// Excluded reports rows that must not come back, such as those of a visitor who was erased. Nil excludes none. Rows
	// past their retention, and those whose consent record was ended, never come back.
	Excluded func(clickhouse.Row) bool
	// Progress is told after each batch. Nil is not.
	Progress func(ReplayProgress)
	// Now is the clock; nil means time.Now.
	Now func() time.Time
}

// ReplayProgress says how far a replay has come.
type ReplayProgress struct {
	From, To, Pos wal.Pos       // the range, and where it goes on
	Read          uint64        // events read by this call
	Added         uint64        // rows that were absent and are there now
	Excluded      uint64        // rows that must not come back
	Dead          uint64        // events that cannot be rows
	Owned         uint64        // records at the range's end that are left to the Owner's Loader; counted within one segment
	Elapsed       time.Duration // since the call began
	Left          time.Duration // estimate of what is left to wait; 0 when it cannot be told
}

// Replay loads a range of a log again, into an empty, a partly filled or a full table. An event goes in only when neither
// its position nor its id is stored. Where it stands is kept in parts.Plans, which are the replay's own: the same call
// goes on after a crash at any moment, and does nothing once it has come to its end. One replay of a log runs at a time;
// after one that stands still and was not ended, with plans of its own, the next begins over a minute later. Dead letters that parts.Dead has
// already, where that is a DeadStore, do not die a second time; parts.Ends is not used, since every event has had its
// end.
func Replay(ctx context.Context, cfg ReplayConfig, parts Parts, logger *slog.Logger) (ReplayProgress, error) {
	r := &replay{cfg: cfg, owner: ownedPlans{own: parts.Plans, owner: cfg.Owner}}
	if err := r.bound(ctx, parts.Log.ID()); err != nil {
		return ReplayProgress{}, err
	}
	parts.Log, parts.Plans, parts.Ends = span{parts.Log, r.cfg.To}, &r.owner, nil
	if store, ok := parts.Dead.(DeadStore); ok {
		parts.Dead = &onceDead{DeadStore: store}
	}
	loader, err := Open(ctx, Config{
		MaxRows: cfg.MaxRows, MaxBytes: cfg.MaxBytes, RecentIDs: 1, OnePartition: cfg.Owner != nil, Now: cfg.Now,
	}, parts, logger)
	if err != nil {
		return ReplayProgress{}, err
	}
	if err := r.resume(loader); err != nil {
		return ReplayProgress{}, err
	}
	err = r.run(ctx)
	return r.progress(), err
}

// replay is one call of Replay.
type replay struct {
	cfg      ReplayConfig
	owner    ownedPlans
	loader   *Loader
	start    time.Time
	startPos wal.Pos
	read     uint64
	excluded uint64
	owned    uint64 // records of the range that are left to the owner
}

// bound leaves to the owner's Loader what is its.
func (r *replay) bound(ctx context.Context, log string) error {
	if r.cfg.Owner != nil {
		plan, err := r.cfg.Owner.Read(ctx)
		if err != nil {
			return err
		}
		if plan.Log != log {
			return fmt.Errorf("replay %q: nothing of it has been loaded yet; let the loader do so", log)
		}
		r.owner.plan = plan
		switch {
		case r.cfg.To == (wal.Pos{}):
			r.cfg.To = plan.From
		case plan.From.Before(r.cfg.To):
			asked := r.cfg.To
			if r.cfg.To = plan.From; r.cfg.To.Before(r.cfg.From) {
				r.cfg.To = r.cfg.From
			}
			if asked.Segment == r.cfg.To.Segment {
				r.owned = asked.Record - r.cfg.To.Record
			}
		}
	}
	if r.cfg.To == (wal.Pos{}) {
		return errors.New("replay: its end is not known: name one")
	}
	return nil
}

// resume goes on where an earlier call was.
func (r *replay) resume(l *Loader) error {
	l.replay = r
	if l.plan.To == (wal.Pos{}) {
		l.plan.From, l.plan.To = r.cfg.From, r.cfg.From
	} else if l.plan.From.Before(r.cfg.From) || r.cfg.To.Before(l.plan.To) {
		return fmt.Errorf("replay from %v to %v: its state is that of another replay, which stands at %v: begin with an empty one",
			r.cfg.From, r.cfg.To, l.plan.To)
	}
	r.loader, r.start, r.startPos = l, l.now(), l.plan.From
	return nil
}

// run settles the batch that an earlier call has planned and loads the rest.
func (r *replay) run(ctx context.Context) error {
	l := r.loader
	l.recovering = true // any row may be there
	if err := l.share(ctx); err != nil {
		return err
	}
	if l.plan.pending() {
		b, err := l.reread(ctx)
		if err != nil {
			return err
		}
		if err := l.prepare(ctx, b); err != nil {
			return err
		}
		if err := r.load(ctx, b); err != nil {
			return err
		}
	}
	if err := l.follow(ctx, r.load); err != nil {
		return err
	}
	return l.write(ctx, r.cfg.To, r.cfg.To)
}

func (r *replay) load(ctx context.Context, b *batch) error {
	r.read += uint64(len(b.rows) + len(b.dead))
	r.excluded += uint64(b.excluded)
	if err := r.loader.load(ctx, b); err != nil {
		return err
	}
	if r.cfg.Progress != nil {
		r.cfg.Progress(r.progress())
	}
	return nil
}

// exclude returns those of rows that may come back.
func (r *replay) exclude(rows []clickhouse.Row, now time.Time) []clickhouse.Row {
	kept := make([]clickhouse.Row, 0, len(rows))
	for _, row := range rows {
		if !expired(row, now) && (r.cfg.Excluded == nil || !r.cfg.Excluded(row)) {
			kept = append(kept, row)
		}
	}
	return kept
}

// expired reports whether a row is past its retention.
func expired(row clickhouse.Row, now time.Time) bool {
	months := int(row.Envelope.RetentionMonths)
	return months > 0 && !time.UnixMilli(row.Envelope.TimeMs).UTC().AddDate(0, months, 0).After(now)
}

func (r *replay) progress() ReplayProgress {
	if r.loader == nil {
		return ReplayProgress{}
	}
	totals, now := r.loader.Totals(), r.loader.now()
	p := ReplayProgress{
		From: r.cfg.From, To: r.cfg.To, Pos: r.loader.Progress().Pos, Read: r.read,
		Added: r.loader.added, Excluded: r.excluded, Dead: totals.Dead, Owned: r.owned,
		Elapsed: now.Sub(r.start),
	}
	if p.Pos.Before(p.To) && p.Pos.Segment == p.To.Segment && r.startPos.Record < p.Pos.Record { // records of segments cannot be counted ahead
		done, left := float64(p.Pos.Record-r.startPos.Record), float64(p.To.Record-p.Pos.Record)
		p.Left = time.Duration(float64(p.Elapsed) * left / done)
	}
	return p
}

// ownedPlans are a replay's own, and prove with each plan that the log is still the replay's.
type ownedPlans struct {
	own, owner Plans // owner may be nil
	plan       Plan  // the owner's, which stays as it is
}

func (p *ownedPlans) Read(ctx context.Context) (Plan, error) { return p.own.Read(ctx) }

func (p *ownedPlans) Write(ctx context.Context, plan Plan) error {
	if err := p.own.Write(ctx, plan); err != nil || p.owner == nil {
		return err
	}
	return p.owner.Write(ctx, p.plan)
}

// span is a log up to a position, where it counts as closed. It is not trimmed.
type span struct {
	Log
	to wal.Pos
}

func (s span) Reader(from wal.Pos) (Reader, error) {
	reader, err := s.Log.Reader(from)
	return &spanReader{reader, from, s.to}, err
}

func (span) Trim(wal.Pos) error { return nil }

// spanReader ends before a position.
type spanReader struct {
	Reader
	next, to wal.Pos
}

func (r *spanReader) Next(ctx context.Context) (wal.Record, error) {
	if !r.next.Before(r.to) {
		return wal.Record{}, wal.ErrClosed
	}
	record, err := r.Reader.Next(ctx)
	if err != nil {
		return record, err
	}
	if r.next = record.Next; !record.Pos.Before(r.to) {
		return wal.Record{}, wal.ErrClosed
	}
	return record, nil
}

// onceDead lets a letter die once.
type onceDead struct {
	DeadStore
	known map[schemas.Source]bool // nil before the first letter
}

func (d *onceDead) InsertDead(ctx context.Context, token string, letters []clickhouse.DeadLetter) error {
	if d.known == nil {
		known := map[schemas.Source]bool{}
		err := d.EachDead(ctx, time.UnixMilli(0), forEver, func(letter clickhouse.DeadLetter) error {
			known[letter.Source] = true
			return nil
		})
		if err != nil {
			return err
		}
		d.known = known
	}
	var fresh []clickhouse.DeadLetter
	for _, letter := range letters {
		if !d.known[letter.Source] {
			fresh = append(fresh, letter)
		}
	}
	if len(fresh) == 0 {
		return nil
	}
	return d.DeadStore.InsertDead(ctx, token, fresh)
}

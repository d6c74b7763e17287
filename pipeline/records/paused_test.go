package records_test

import (
	"context"
	"errors"
	"iter"
	"math/rand/v2"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"heed/consent/record"
	"heed/pipeline/clickhouse"
	"heed/pipeline/load"
	"heed/pipeline/records"
	"heed/pipeline/wal"
	"heed/schemas"
)

// world is a store, a partition and its plan as several loaders see them, on the clock of a synctest bubble. Like
// ClickHouse the store keeps a block whole or not at all, drops one whose token it has seen, for as long as it remembers,
// and refuses rows that were stamped over a minute ago. Whatever is asked of it may take minutes, be done without an
// answer, or be done minutes after the answer.
type world struct {
	random *rand.Rand
	late   sync.WaitGroup

	mu     sync.Mutex
	rows   []clickhouse.ConsentRow
	ends   map[clickhouse.RecordKey]bool
	tokens map[string]time.Time
	plan   load.Plan
	owner  int // the generation whose commits are taken
	log    []wal.Record
	dead   int
}

// memory is how long the store remembers a token: little longer than what the argument in doc.go needs.
const memory = 80 * time.Second

// client is the world as one loader has it.
type client struct {
	*world
	generation int
	shaky      bool // whether things go wrong
}

func (w *world) chance(n int) bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.random.IntN(n) == 0
}

func (w *world) moment(most time.Duration) time.Duration {
	w.mu.Lock()
	defer w.mu.Unlock()
	return time.Duration(w.random.Int64N(int64(most)))
}

// falter stands still now and then, or does not answer.
func (c client) falter(ctx context.Context) error {
	if !c.shaky {
		return ctx.Err()
	}
	if c.chance(6) {
		time.Sleep(c.moment(3 * time.Minute)) // also when ctx has ended: the machine stands still
	}
	if c.chance(12) {
		return errAway
	}
	return ctx.Err()
}

func (c client) Now(ctx context.Context) (time.Time, error) {
	now := time.Now()
	return now, c.falter(ctx)
}

func (c client) Roots(ctx context.Context, _ string) ([]clickhouse.Root, error) {
	return nil, c.falter(ctx)
}

func (c client) Records(ctx context.Context, site string, from uint64) iter.Seq2[clickhouse.ConsentRow, error] {
	return func(yield func(clickhouse.ConsentRow, error) bool) {
		if err := c.falter(ctx); err != nil {
			yield(clickhouse.ConsentRow{}, err)
			return
		}
		c.mu.Lock()
		rows := slices.Clone(c.rows)
		c.mu.Unlock()
		slices.SortStableFunc(rows, func(a, b clickhouse.ConsentRow) int { return int(a.Row.Index) - int(b.Row.Index) })
		for _, row := range rows {
			if row.Site == site && row.Row.Index >= from && !yield(row, nil) {
				return
			}
		}
	}
}

func (c client) RecordsByID(ctx context.Context, site string, ids []record.ID) (map[record.ID]record.Row, error) {
	if err := c.falter(ctx); err != nil {
		return nil, err
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	found := map[record.ID]record.Row{}
	for _, row := range c.rows {
		if row.Site == site && slices.Contains(ids, row.Columns.ID) {
			found[row.Columns.ID] = row.Row
		}
	}
	return found, nil
}

func (c client) InsertRecords(ctx context.Context, token string, rows []clickhouse.ConsentRow) error {
	if err := c.falter(ctx); err != nil {
		return err
	}
	rows = slices.Clone(rows)
	if c.shaky && c.chance(3) { // it is on its way, and arrives when it arrives
		after := c.moment(3 * time.Minute)
		c.late.Go(func() {
			time.Sleep(after)
			_ = c.arrive(token, rows) // nobody is told
		})
		return errAway
	}
	err := c.arrive(token, rows)
	if c.shaky && c.chance(6) {
		return errAway
	}
	return err
}

// arrive is what the store does with an insert.
func (w *world) arrive(token string, rows []clickhouse.ConsentRow) error {
	w.mu.Lock()
	defer w.mu.Unlock()
	if time.Since(rows[0].Loaded) > time.Minute {
		return errAway
	}
	if at, known := w.tokens[token]; known && time.Since(at) < memory {
		return nil
	}
	w.tokens[token] = time.Now()
	if w.random.IntN(40) == 0 {
		return errAway // killed: the token is remembered, its part is not there
	}
	w.rows = append(w.rows, rows...)
	return nil
}

func (c client) PutWithdrawn(ctx context.Context, list []clickhouse.Withdrawal) error {
	if err := c.falter(ctx); err != nil {
		return err
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, w := range list {
		c.ends[w.Key()] = true
	}
	return nil
}

func (c client) InsertDead(ctx context.Context, _ string, letters []clickhouse.DeadLetter) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.dead += len(letters)
	return ctx.Err()
}

func (c client) Read(context.Context) (load.Plan, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.plan, nil
}

func (c client) Write(ctx context.Context, plan load.Plan) error {
	if err := c.falter(ctx); err != nil {
		return err
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.generation != c.owner {
		return load.ErrFenced
	}
	c.plan = plan
	return nil
}

func (w *world) ID() string         { return "topic.1" }
func (w *world) Trim(wal.Pos) error { return nil }

func (c client) Reader(from wal.Pos) (load.Reader, error) {
	return &worldReader{c, int(from.Record)}, nil
}

// worldReader ends where the log does, and now and then before: the loader is told to stop.
type worldReader struct {
	client
	next int
}

func (r *worldReader) Next(ctx context.Context) (wal.Record, error) {
	if r.next == len(r.world.log) || r.shaky && r.chance(30) {
		return wal.Record{}, wal.ErrClosed
	}
	if r.world.chance(8) {
		select {
		case <-ctx.Done():
			return wal.Record{}, ctx.Err()
		case <-time.After(time.Second):
		}
	}
	r.next++
	return r.world.log[r.next-1], nil
}

func (r *worldReader) Close() error { return nil }

// fill writes n consent events of two sites, some of them twice, some withdrawals of earlier ones.
func (w *world) fill(t *testing.T, n int) (distinct int) {
	t.Helper()
	seen := map[record.ID]bool{}
	for i := range n {
		number := i
		if i > 0 && w.random.IntN(5) == 0 {
			number = w.random.IntN(i)
		}
		r := grant(number, epoch, record.NoticeRef{})
		r.Event, r.Method, r.Control, r.ExpiresMS = record.GPC, record.BySignal, "", 0
		if number%3 == 2 {
			r.Ends, r.Categories = id(number-1), record.CategoryState(1)
		}
		if number%4 == 0 {
			r.Site = "blog"
		}
		group, err := (&schemas.Group{Events: []*schemas.Envelope{envelope(t, r)}}).MarshalVT()
		if err != nil {
			t.Fatal(err)
		}
		w.log = append(w.log, wal.Record{Pos: wal.Pos{Record: uint64(i)}, Next: wal.Pos{Record: uint64(i + 1)}, Group: group})
		seen[r.ID] = true
	}
	return len(seen)
}

// run is one loader's life.
func (w *world) run(ctx context.Context, t *testing.T, generation int, shaky bool) {
	c := client{w, generation, shaky}
	loader, err := records.Open(ctx, records.Config{MaxRecords: 5, MaxWait: time.Second, Shared: true},
		records.Parts{Log: c, Plans: c, Store: c, Dead: c}, silent)
	if err != nil {
		t.Error(err)
		return
	}
	if err := loader.Run(ctx); err != nil && !errors.Is(err, load.ErrFenced) && !errors.Is(err, context.Canceled) {
		t.Errorf("Run = %v, want nil, ErrFenced or the end of its context", err)
	}
}

// Loaders stand still and wake in any order, their inserts arrive when they like: every record is in one row, the chain
// is whole, and what was withdrawn is told.
func TestPausedLoadersWakeInAnyOrder(t *testing.T) {
	for range 100 {
		seed := rand.Uint64()
		synctest.Test(t, func(t *testing.T) {
			w := &world{random: rand.New(rand.NewPCG(seed, 0)), tokens: map[string]time.Time{}, ends: map[clickhouse.RecordKey]bool{}}
			distinct := w.fill(t, 40)
			ctx, cancel := context.WithTimeout(t.Context(), 12*time.Hour) // a chain that is broken keeps loaders waiting
			defer cancel()
			var loaders sync.WaitGroup
			for generation := range 4 {
				w.mu.Lock()
				w.owner = generation
				w.mu.Unlock()
				loaders.Go(func() { w.run(ctx, t, generation, true) }) // nobody tells the one before
				time.Sleep(w.moment(4 * time.Minute))
			}
			w.mu.Lock()
			w.owner = 4
			w.mu.Unlock()
			w.run(ctx, t, 4, false)
			loaders.Wait()
			w.late.Wait()
			w.check(t, seed, distinct)
		})
	}
}

func (w *world) check(t *testing.T, seed uint64, distinct int) {
	t.Helper()
	c := client{world: w}
	for _, site := range []string{"shop", "blog"} {
		rows := func(yield func(record.Row, error) bool) {
			for row, err := range c.Records(context.Background(), site, 0) {
				if !yield(row.Row, err) {
					return
				}
			}
		}
		if _, err := (record.Audit{Site: site}).Verify(rows); err != nil {
			t.Errorf("seed %d: %v", seed, err)
		}
	}
	if len(w.rows) != distinct || w.dead > 0 {
		t.Errorf("seed %d: %d rows, %d dead letters; want %d and none", seed, len(w.rows), w.dead, distinct)
	}
	for _, row := range w.rows {
		if row.Columns.Ends != (record.ID{}) && !w.ends[clickhouse.RecordKey{Site: row.Site, Record: row.Columns.Ends}] {
			t.Errorf("seed %d: row %d of %s ends a record, and the store was not told", seed, row.Row.Index, row.Site)
		}
	}
}

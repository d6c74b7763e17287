package load_test

import (
	"context"
	"encoding/binary"
	"errors"
	"slices"
	"sync"
	"testing"
	"time"

	"heed/pipeline/clickhouse"
	"heed/schemas"
)

// errAway is what the store says when it does not say what has happened.
var errAway = errors.New("store is away")

const forEver = 100 * 365 * 24 * time.Hour

// fakeStore is a store that fails on command. Like ClickHouse it stores a block whole or not at all and drops a block
// whose token it has seen.
type fakeStore struct {
	mu     sync.Mutex
	rows   []clickhouse.Row
	dead   []clickhouse.DeadLetter
	ends   []clickhouse.LoadEnds
	ended  map[clickhouse.RecordKey]uint8 // withdrawn, and what remains
	erased []schemas.Source
	tokens map[string]time.Time // when they came

	// fault is asked at each call; before makes the call fail without effect, after lets it fail after its effect, and
	// forget lets it remember the token without the rows.
	fault  func(call string) (before, after, forget bool)
	refuse func(clickhouse.Row) bool

	inserting func([]clickhouse.Row) // told of every insert that is not refused

	late   func() time.Duration // asked at each insert: it fails, and comes so much later all the same; 0 for not
	memory time.Duration        // how long tokens are remembered
	stale  time.Duration        // how old a time of load may be
}

func newFakeStore() *fakeStore {
	return &fakeStore{
		tokens: map[string]time.Time{},
		fault:  func(string) (bool, bool, bool) { return false, false, false },
		refuse: func(clickhouse.Row) bool { return false },

		inserting: func([]clickhouse.Row) {},

		late:   func() time.Duration { return 0 },
		memory: forEver,
		stale:  forEver,
	}
}

func (s *fakeStore) Blocks(ctx context.Context, rows []clickhouse.Row) (blocks []*clickhouse.Block, err error) {
	index := map[clickhouse.Partition]int{}
	for _, row := range rows {
		i, known := index[row.Partition()]
		if !known {
			i = len(blocks)
			index[row.Partition()], blocks = i, append(blocks, new(clickhouse.Block))
		}
		blocks[i].Rows = append(blocks[i].Rows, row)
	}
	return blocks, ctx.Err()
}

// RefuseStale lets s.stale decide.
func (s *fakeStore) RefuseStale(ctx context.Context) error { return ctx.Err() }

func (s *fakeStore) Prepare(*clickhouse.Block) {}

func (s *fakeStore) InsertBlock(ctx context.Context, token string, b *clickhouse.Block) error {
	rows := b.Rows
	s.mu.Lock()
	defer s.mu.Unlock()
	if ctx.Err() != nil {
		return ctx.Err()
	}
	if late := s.late(); late > 0 {
		rows = slices.Clone(rows)
		go func() {
			time.Sleep(late)
			s.mu.Lock()
			defer s.mu.Unlock()
			s.insert(token, rows, false)
		}()
		return errAway
	}
	before, after, forget := s.fault("insert")
	if before {
		return errAway
	}
	if err := s.insert(token, rows, forget); err != nil {
		return err
	}
	if after || forget {
		return errAway
	}
	return nil
}

func (s *fakeStore) insert(token string, rows []clickhouse.Row, forget bool) error {
	for _, row := range rows {
		if s.refuse(row) {
			return clickhouse.ErrRefused
		}
		if time.Since(row.Loaded) > s.stale {
			return errAway
		}
	}
	s.inserting(rows)
	if s.first(token) && !forget {
		s.rows = append(s.rows, rows...)
	}
	return nil
}

// first reports whether a token is new, and remembers it.
func (s *fakeStore) first(token string) bool {
	came, known := s.tokens[token]
	if known && time.Since(came) < s.memory {
		return false
	}
	s.tokens[token] = time.Now()
	return true
}

func (s *fakeStore) InsertEnds(ctx context.Context, token string, ends []clickhouse.LoadEnds) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	before, after, forget := s.fault("ends")
	if before || ctx.Err() != nil {
		return errors.Join(errAway, ctx.Err())
	}
	if s.first(token) && !forget {
		s.ends = append(s.ends, ends...)
	}
	if after || forget {
		return errAway
	}
	return nil
}

func (s *fakeStore) InsertDead(ctx context.Context, token string, letters []clickhouse.DeadLetter) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if ctx.Err() != nil {
		return ctx.Err()
	}
	before, after, forget := s.fault("dead")
	if before {
		return errAway
	}
	for _, letter := range letters {
		if letter.Time.Month() != letters[0].Time.Month() {
			return errAway // as the real one: an insert may not span two months
		}
	}
	if s.first(token) && !forget {
		s.dead = append(s.dead, letters...)
	}
	if after || forget {
		return errAway
	}
	return nil
}

func (s *fakeStore) EachDead(ctx context.Context, since, until time.Time, yield func(clickhouse.DeadLetter) error) error {
	s.mu.Lock()
	if before, _, _ := s.fault("letters"); before || ctx.Err() != nil {
		s.mu.Unlock()
		return errors.Join(errAway, ctx.Err())
	}
	dead := slices.Clone(s.dead)
	s.mu.Unlock()
	for _, letter := range dead {
		if letter.Time.Before(since) || !letter.Time.Before(until) {
			continue
		}
		if err := yield(letter); err != nil {
			return err
		}
	}
	return nil
}

func (s *fakeStore) DropDead(ctx context.Context, source schemas.Source) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.dead = slices.DeleteFunc(s.dead, func(l clickhouse.DeadLetter) bool { return l.Source == source && len(l.Envelope) > 0 })
	return ctx.Err()
}

func (s *fakeStore) Withdrawn(ctx context.Context, keys []clickhouse.RecordKey) (map[clickhouse.RecordKey]uint8, error) {
	found := map[clickhouse.RecordKey]uint8{}
	err := s.WithdrawnSince(ctx, 0, len(s.ended), func(key clickhouse.RecordKey, keeps uint8) error {
		if slices.Contains(keys, key) {
			found[key] = keeps
		}
		return nil
	})
	return found, err
}

func (s *fakeStore) WithdrawnSince(ctx context.Context, _ time.Duration, limit int, yield func(clickhouse.RecordKey, uint8) error) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if before, _, _ := s.fault("withdrawn"); before || ctx.Err() != nil {
		return errors.Join(errAway, ctx.Err())
	}
	for key, keeps := range s.ended {
		if limit--; limit < 0 {
			break
		}
		if err := yield(key, keeps); err != nil {
			return err
		}
	}
	return nil
}

func (s *fakeStore) Erased(ctx context.Context, _ string, _, _ schemas.Source) ([]schemas.Source, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if before, _, _ := s.fault("erased"); before || ctx.Err() != nil {
		return nil, errors.Join(errAway, ctx.Err())
	}
	return slices.Clone(s.erased), nil
}

func (s *fakeStore) Present(ctx context.Context, origin string, from, to schemas.Source) (stored []clickhouse.Stored, err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if before, _, _ := s.fault("present"); before || ctx.Err() != nil {
		return nil, errors.Join(errAway, ctx.Err())
	}
	for _, row := range s.rows {
		at := row.Source
		if at.Origin == origin && !less(at, from) && less(at, to) {
			stored = append(stored, clickhouse.Stored{Source: at, Site: row.Envelope.Site, ID: [16]byte(row.Envelope.Id)})
		}
	}
	return stored, nil
}

func (s *fakeStore) HasIDs(ctx context.Context, keys []clickhouse.EventKey) (map[clickhouse.EventKey]schemas.Source, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if before, _, _ := s.fault("has"); before || ctx.Err() != nil {
		return nil, errors.Join(errAway, ctx.Err())
	}
	found := map[clickhouse.EventKey]schemas.Source{}
	for _, row := range s.rows {
		key := clickhouse.EventKey{Site: row.Envelope.Site, ID: [16]byte(row.Envelope.Id)}
		for _, k := range keys {
			if k == key {
				found[k] = row.Source
			}
		}
	}
	return found, nil
}

func (s *fakeStore) RecentIDs(ctx context.Context, since time.Time, limit int,
	yield func(clickhouse.EventKey, schemas.Source, time.Time) error) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if before, _, _ := s.fault("recent"); before || ctx.Err() != nil {
		return errors.Join(errAway, ctx.Err())
	}
	for i := len(s.rows) - 1; i >= max(0, len(s.rows)-limit); i-- {
		row := s.rows[i]
		key := clickhouse.EventKey{Site: row.Envelope.Site, ID: [16]byte(row.Envelope.Id)}
		if row.Loaded.Before(since) {
			continue
		}
		if err := yield(key, row.Source, row.Loaded); err != nil {
			return err
		}
	}
	return nil
}

func less(a, b schemas.Source) bool {
	if a.Partition != b.Partition {
		return a.Partition < b.Partition
	}
	return a.Offset < b.Offset
}

// checkOnce fails unless the store holds the events 0 to n-1, each once.
func (s *fakeStore) checkOnce(t *testing.T, n int) {
	t.Helper()
	seen := map[uint64]int{}
	for _, row := range s.rows {
		seen[binary.BigEndian.Uint64(row.Envelope.Id[8:])]++
	}
	for i := range n {
		if seen[uint64(i)] != 1 {
			t.Errorf("event %d is stored %d times, want once", i, seen[uint64(i)])
		}
	}
	if len(s.rows) != n {
		t.Errorf("store has %d rows, want %d", len(s.rows), n)
	}
}

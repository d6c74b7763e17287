package load_test

import (
	"context"
	"fmt"
	"sync"
	"testing"

	"google.golang.org/protobuf/encoding/protowire"

	"heed/pipeline/load"
	"heed/pipeline/wal"
	"heed/schemas"
)

// partition is one of Kafka's, with one message for each event, and its group's plan. As Kafka does, it refuses the
// plans of a member once a later one has joined.
type partition struct {
	t       testing.TB
	origin  string
	number  uint32
	mu      sync.Mutex
	records [][]byte
	more    chan struct{} // closed when a record is added
	closed  bool
	members int
	plan    load.Plan
	written func(load.Plan) // told of every plan that is taken
}

func newPartition(t testing.TB, origin string, number uint32) *partition {
	return &partition{t: t, origin: origin, number: number, more: make(chan struct{}), written: func(load.Plan) {}}
}

// append adds messages that hold the events.
func (p *partition) append(evs ...*schemas.Envelope) {
	p.t.Helper()
	for _, ev := range evs {
		raw, err := ev.MarshalVT()
		if err != nil {
			p.t.Fatal(err)
		}
		p.add(raw)
	}
}

// add adds one message.
func (p *partition) add(raw []byte) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.records = append(p.records, protowire.AppendBytes(protowire.AppendTag(nil, 1, protowire.BytesType), raw))
	close(p.more)
	p.more = make(chan struct{})
}

// close lets readers end at the last message.
func (p *partition) close() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.closed = true
	close(p.more)
	p.more = make(chan struct{})
}

// join gives the partition to a new member and takes it from all others.
func (p *partition) join() *member {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.members++
	return &member{p, p.members}
}

// member is a partition as one member of the group has it.
type member struct {
	*partition
	generation int
}

var (
	_ load.Log   = (*member)(nil)
	_ load.Plans = (*member)(nil)
)

func (m *member) ID() string         { return m.origin }
func (m *member) Trim(wal.Pos) error { return nil }

func (m *member) Read(ctx context.Context) (load.Plan, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.plan, ctx.Err()
}

func (m *member) Write(ctx context.Context, p load.Plan) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	if ctx.Err() != nil {
		return ctx.Err()
	}
	if m.generation != m.members {
		return fmt.Errorf("commit offset: %w", load.ErrFenced)
	}
	m.plan = p
	m.written(p)
	return nil
}

func (m *member) Reader(from wal.Pos) (load.Reader, error) {
	return &reader{m.partition, from.Record}, nil
}

type reader struct {
	*partition
	next uint64
}

func (r *reader) Next(ctx context.Context) (wal.Record, error) {
	for {
		r.mu.Lock()
		more, closed := r.more, r.closed
		if r.next < uint64(len(r.records)) && ctx.Err() == nil {
			group := r.records[r.next]
			r.next++
			r.mu.Unlock()
			return wal.Record{Pos: wal.Pos{Segment: r.number, Record: r.next - 1}, Next: wal.Pos{Segment: r.number, Record: r.next}, Group: group}, nil
		}
		r.mu.Unlock()
		if ctx.Err() != nil {
			return wal.Record{}, ctx.Err()
		}
		if closed {
			return wal.Record{}, wal.ErrClosed
		}
		select {
		case <-more:
		case <-ctx.Done():
		}
	}
}

func (r *reader) Close() error { return nil }

// stopping is a partition whose readers end after so many messages in all, wherever they are: the process is to stop.
type stopping struct {
	*member
	left *int
}

func (s stopping) Reader(from wal.Pos) (load.Reader, error) {
	return &stoppingReader{reader{s.partition, from.Record}, s.left}, nil
}

type stoppingReader struct {
	reader
	left *int
}

func (r *stoppingReader) Next(ctx context.Context) (wal.Record, error) {
	if *r.left == 0 {
		return wal.Record{}, wal.ErrClosed
	}
	*r.left--
	return r.reader.Next(ctx)
}

// openStopping opens a loader for a new member, which is told to stop after so many messages.
func (p *partition) openStopping(store *fakeStore, messages int) *load.Loader {
	p.t.Helper()
	m := p.join()
	l, err := load.Open(context.Background(), load.Config{MaxRows: 8, MaxWait: 1, OnePartition: true},
		load.Parts{Log: stopping{m, &messages}, Plans: m, Store: store, Dead: store, Ends: store}, logger())
	if err != nil {
		p.t.Fatal(err)
	}
	return l
}

// open opens a loader for a new member.
func (p *partition) open(store load.Store, dead load.DeadSink) *load.Loader {
	p.t.Helper()
	m := p.join()
	l, err := load.Open(context.Background(), load.Config{MaxRows: 8, MaxWait: 1, OnePartition: true},
		load.Parts{Log: m, Plans: m, Store: store, Dead: dead}, logger())
	if err != nil {
		p.t.Fatal(err)
	}
	return l
}

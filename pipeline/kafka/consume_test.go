package kafka

import (
	"context"
	"errors"
	"strings"
	"sync"
	"testing"
	"time"

	"heed/pipeline/load"
	"heed/pipeline/wal"
	"heed/schemas"
)

// consumer is a member of the group that keeps what it is given until it is told to stop.
type consumer struct {
	got  chan *Partition // each partition that was assigned, in each generation
	lost chan int        // its number when the generation is over

	stop context.CancelFunc
	done chan error
}

func consume(t *testing.T, topic *Topic) *consumer {
	t.Helper()
	ctx, cancel := context.WithCancel(bounded(t))
	c := &consumer{got: make(chan *Partition, 100), lost: make(chan int, 100), stop: cancel, done: make(chan error, 1)}
	go func() {
		c.done <- topic.Consume(ctx, func(ctx context.Context, p *Partition) error {
			c.got <- p
			<-ctx.Done()
			c.lost <- p.Number()
			return ctx.Err()
		})
	}()
	t.Cleanup(func() {
		cancel()
		<-c.done
	})
	return c
}

func take[T any](t *testing.T, from <-chan T, what string) T {
	t.Helper()
	select {
	case v := <-from:
		return v
	case <-time.After(patience):
		t.Fatalf("still waiting for %s", what)
		panic("unreachable")
	}
}

func TestPlanIsInTheCommit(t *testing.T) {
	cfg := config(t, 1)
	topic := open(t, cfg)
	p := take(t, consume(t, topic).got, "a partition")
	ctx := bounded(t)
	if plan, err := p.Read(ctx); err != nil || plan.Log != "" {
		t.Fatalf("Read before any Write = %+v, %v, want the zero plan", plan, err)
	}
	want := load.Plan{Log: p.ID(), From: wal.Pos{Record: 7}, To: wal.Pos{Record: 19}, Since: time.UnixMilli(1).UTC()}
	if err := p.Write(ctx, want); err != nil {
		t.Fatalf("Write = %v", err)
	}
	other, err := open(t, cfg).Partition(0) // as another process would read it
	if err != nil {
		t.Fatal(err)
	}
	plan, err := other.Read(ctx)
	if err != nil || plan.Log != cfg.Topic+".1" || plan.From != want.From || plan.To != want.To || !plan.Since.Equal(want.Since) {
		t.Errorf("Read = %+v, %v, want %+v", plan, err, want)
	}
	if committed, err := topic.committed(ctx, []int{0}); err != nil || committed[0] != 7 {
		t.Errorf("offset committed = %v, %v, want 7, which Kafka's tools show", committed, err)
	}
}

func TestPlanFailure(t *testing.T) {
	topic := open(t, config(t, 1))
	outside, err := topic.Partition(0)
	if err != nil {
		t.Fatal(err)
	}
	if err := outside.Write(bounded(t), load.Plan{}); err == nil {
		t.Error("Write outside of a group: want an error")
	}
	large := load.Plan{Sites: map[string]load.Ends{strings.Repeat("x", maxMetadataBytes): {}}}
	inside := &Partition{topic: topic, member: &member{id: "nobody", generation: 1}}
	if err := inside.Write(bounded(t), large); err == nil || !strings.Contains(err.Error(), "a commit takes") {
		t.Errorf("Write of a plan that is too large = %v, want its size", err)
	}
	eventually(t, "a Write by a member whom Kafka does not know is refused", func() bool { // once there is a coordinator
		return errors.Is(inside.Write(bounded(t), load.Plan{}), load.ErrFenced)
	})
	if _, err := topic.Partition(1); err == nil {
		t.Error("Partition(1) of one: want an error")
	}
}

// A second member takes over one of two partitions: the first is told, its commits are refused from then on, and the
// plan that it left is there for the second.
func TestRebalance(t *testing.T) {
	cfg := config(t, 2)
	first := consume(t, open(t, cfg))
	old := map[int]*Partition{}
	for range 2 {
		p := take(t, first.got, "both partitions")
		old[p.Number()] = p
	}
	ctx := bounded(t)
	for n, p := range old {
		plan := load.Plan{Log: p.ID(), From: wal.Pos{Segment: uint32(n), Record: 3}, To: wal.Pos{Segment: uint32(n), Record: 5}}
		if err := p.Write(ctx, plan); err != nil {
			t.Fatalf("Write of partition %d = %v", n, err)
		}
	}
	second := consume(t, open(t, cfg))
	for range 2 {
		take(t, first.lost, "the first member's generation to end")
	}
	moved := take(t, second.got, "a partition of the second member")
	kept := take(t, first.got, "a partition of the first member")
	if moved.Number() == kept.Number() {
		t.Fatalf("both members have partition %d", moved.Number())
	}
	if plan, err := moved.Read(ctx); err != nil || plan.To.Record != 5 {
		t.Errorf("the plan that the first member left = %+v, %v, want it to end at 5", plan, err)
	}
	for n, p := range old {
		if err := p.Write(ctx, load.Plan{Log: p.ID()}); !errors.Is(err, load.ErrFenced) {
			t.Errorf("Write of partition %d by the old generation = %v, want %v", n, err, load.ErrFenced)
		}
	}
	if plan, err := moved.Read(ctx); err != nil || plan.To.Record != 5 {
		t.Errorf("after the old generation's Write the plan is %+v, %v, want it unchanged", plan, err)
	}
	for _, p := range []*Partition{moved, kept} {
		if err := p.Write(ctx, load.Plan{Log: p.ID(), From: wal.Pos{Record: 5}, To: wal.Pos{Record: 9}}); err != nil {
			t.Errorf("Write of partition %d by the new generation = %v", p.Number(), err)
		}
	}
	second.stop()
	for range 2 {
		take(t, first.got, "both partitions again, without waiting for the session to end")
	}
}

// A handler that fails stops its own partition alone, and is called again. One that has nothing to do any more does not
// end the generation for the others.
func TestHandlerFails(t *testing.T) {
	topic := open(t, config(t, 2))
	ctx, cancel := context.WithCancel(bounded(t))
	var mu sync.Mutex
	calls := map[int]int{}
	again := make(chan struct{})
	done := make(chan error)
	go func() {
		done <- topic.Consume(ctx, func(ctx context.Context, p *Partition) error {
			mu.Lock()
			calls[p.Number()]++
			n := calls[p.Number()]
			mu.Unlock()
			switch {
			case p.Number() == 0 && n == 1:
				return schemas.ErrTooNew
			case p.Number() == 0 && n == 2:
				close(again)
			case p.Number() == 1:
				return nil
			}
			<-ctx.Done()
			return ctx.Err()
		})
	}()
	take(t, again, "the second call")
	cancel()
	if err := <-done; err != nil {
		t.Errorf("Consume = %v, want no error when ctx ends", err)
	}
	if calls[0] != 2 || calls[1] != 1 {
		t.Errorf("calls by partition = %v, want 2 and 1", calls)
	}
	if stops, generations := topic.metrics.stops.Get(), topic.metrics.generations.Get(); stops != 1 || generations != 1 {
		t.Errorf("%d stops in %d generations, want one of each", stops, generations)
	}
}

// An offset that was set with Kafka's own tools has no plan.
func TestDecodePlan(t *testing.T) {
	p := &Partition{topic: &Topic{cfg: Config{}.withDefaults()}, number: 3}
	at := wal.Pos{Segment: 3, Record: 12}
	if plan, err := p.decodePlan(12, ""); err != nil || plan.From != at || plan.To != at || plan.Log != "heed-events.1" {
		t.Errorf("decodePlan(12, %q) = %+v, %v, want to begin at 12", "", plan, err)
	}
	if plan, err := p.decodePlan(-1, ""); err != nil || plan.Log != "" {
		t.Errorf("decodePlan(-1, %q) = %+v, %v, want the zero plan", "", plan, err)
	}
	if _, err := p.decodePlan(12, "somebody else's"); err == nil {
		t.Error("decodePlan of somebody else's metadata: want an error")
	}
	if _, err := p.decodePlan(12, `{"version":99}`); !errors.Is(err, schemas.ErrTooNew) {
		t.Errorf("decodePlan of a newer version = %v, want %v", err, schemas.ErrTooNew)
	}
}

package load_test

import (
	"bytes"
	"context"
	"errors"
	"slices"
	"strings"
	"testing"

	"google.golang.org/protobuf/encoding/protowire"

	"heed/pipeline/clickhouse"
	"heed/pipeline/clickhouse/clickhousetest"
	"heed/pipeline/load"
	"heed/schemas"
)

// The bad days that the loader was built for, one by one, with the real engine and a partition that refuses the plans
// of members that were replaced. In the end every event is in the table and in each projection, once.

// tapped is the real store with something done after each insert.
type tapped struct {
	*clickhouse.Store
	after func() error
}

func (s tapped) InsertBlock(ctx context.Context, token string, b *clickhouse.Block) error {
	if err := s.Store.InsertBlock(ctx, token, b); err != nil {
		return err
	}
	return s.after()
}

// filled is a closed partition of n events with a double each ten.
func filled(t *testing.T, n int) *partition {
	p := newPartition(t, "topic.1", 3)
	for i := range n {
		p.append(event(i))
		if i%10 == 4 {
			p.append(event(i - 1))
		}
	}
	p.close()
	return p
}

func TestLoaderKilledBetweenInsertAndCommit(t *testing.T) {
	p, store := filled(t, 40), clickhousetest.Open(t)
	for kill := 1; ; kill++ {
		ctx, die := context.WithCancel(t.Context())
		inserts := 0
		err := p.open(tapped{store, func() error {
			if inserts++; inserts == kill { // a little further each time
				die()
			}
			return ctx.Err()
		}}, store).Run(ctx)
		die()
		if err == nil {
			break
		}
		if !errors.Is(err, context.Canceled) {
			t.Fatalf("Run = %v, want context.Canceled", err)
		}
	}
	checkEvents(t, store, 40, 40)
}

func TestClickHouseTimesOutAfterItHasInserted(t *testing.T) {
	p, store := filled(t, 40), clickhousetest.Open(t)
	inserts := 0
	l := p.open(tapped{store, func() error {
		if inserts++; inserts%2 == 1 {
			return context.DeadlineExceeded
		}
		return nil
	}}, store)
	if err := l.Run(t.Context()); err != nil {
		t.Fatalf("Run = %v", err)
	}
	if got := l.Totals(); got != (load.Totals{Loaded: 40, Doubles: 4}) {
		t.Errorf("Totals() = %+v, want 40 loaded, 4 doubles", got)
	}
	checkEvents(t, store, 40, 40)
}

// One message that is no event, one whose event ClickHouse refuses, and one without bytes: the others pass.
func TestPoisonedMessages(t *testing.T) {
	p, store := newPartition(t, "topic.1", 3), clickhousetest.Open(t)
	nonsense := event(98)
	nonsense.Kind = "nonsense"
	poison := [][]byte{[]byte("\xff\xffno event"), encode(t, nonsense), {}}
	for i := range 20 {
		p.append(event(i))
		if i%7 == 3 {
			p.add(poison[i/7])
		}
	}
	p.close()
	l := p.open(store, store)
	if err := l.Run(t.Context()); err != nil {
		t.Fatalf("Run = %v", err)
	}
	if got := l.Totals(); got != (load.Totals{Loaded: 20, Dead: 3}) {
		t.Errorf("Totals() = %+v, want 20 loaded, 3 dead", got)
	}
	checkEvents(t, store, 20, 20)
	var reasons []string
	err := load.NewDeadLetters(store, logger(), nil).Each(t.Context(), load.LetterFilter{}, func(letter load.Letter) error {
		reasons = append(reasons, letter.Reason)
		if i := len(reasons) - 1; !bytes.Equal(letter.Envelope, poison[i]) {
			t.Errorf("letter %s holds %q, want what came: %q", load.FormatSource(letter.Source), letter.Envelope, poison[i])
		}
		return nil
	})
	if err != nil || len(reasons) != 3 || reasons[0] != "envelope is damaged" || !strings.Contains(reasons[1], `kind "nonsense"`) {
		t.Errorf("Each yields the reasons %q, %v", reasons, err)
	}
	var metrics bytes.Buffer
	l.WriteMetrics(&metrics)
	for _, line := range []string{`fault="damaged"} 2`, `fault="invalid"} 0`, `fault="refused"} 1`} {
		if !strings.Contains(metrics.String(), line) {
			t.Errorf("metrics lack %q:\n%s", line, metrics.String())
		}
	}
}

// A member is replaced in the middle of a batch, again and again, while it goes on as if nothing had happened.
func TestRebalance(t *testing.T) {
	p, store := filled(t, 60), clickhousetest.Open(t)
	fenced := 0
	for {
		inserts := 0
		m := p.join()
		loader, err := load.Open(t.Context(), load.Config{MaxRows: 8, MaxWait: 1, OnePartition: true}, load.Parts{
			Log: m, Plans: m, Dead: store, Ends: store,
			Store: tapped{store, func() error {
				if inserts++; inserts == 3 {
					p.join()
				}
				return nil
			}},
		}, logger())
		if err != nil {
			t.Fatal(err)
		}
		err = loader.Run(t.Context())
		if err == nil {
			break
		}
		if !errors.Is(err, load.ErrFenced) {
			t.Fatalf("Run = %v, want ErrFenced", err)
		}
		if inserts > 4 {
			t.Errorf("a loader that was replaced at its third insert has done %d, want those of its batch", inserts)
		}
		fenced++
	}
	if fenced < 3 {
		t.Errorf("%d loaders were fenced, want several", fenced)
	}
	checkEvents(t, store, 60, 60)
	totals, err := store.EndTotals(t.Context(), "topic.1")
	if want := (clickhouse.EndTotals{Stored: 60, Duplicates: 6}); err != nil || totals["demo"] != want {
		t.Errorf("EndTotals = %+v, %v, want %+v", totals, err, want)
	}
}

// As TestPausedLoaderWakesAfterItsSuccessor, with the tokens of the real engine.
func TestPausedLoaderWakesWithTheRealEngine(t *testing.T) {
	p, store := filled(t, 30), clickhousetest.Open(t)
	stopped, wake, ended := make(chan struct{}), make(chan struct{}), make(chan error, 1)
	inserts := 0
	first := p.open(stoppedBefore{store, func() {
		if inserts++; inserts == 2 {
			close(stopped)
			<-wake
		}
	}}, store)
	go func() { ended <- first.Run(context.WithoutCancel(t.Context())) }()
	<-stopped
	if err := p.open(store, store).Run(t.Context()); err != nil {
		t.Fatalf("Run of the successor = %v", err)
	}
	close(wake)
	if err := <-ended; !errors.Is(err, load.ErrFenced) {
		t.Errorf("Run of the first loader = %v, want ErrFenced", err)
	}
	if inserts < 2 {
		t.Errorf("the first loader has sent %d inserts, want that which was held up as well", inserts)
	}
	checkEvents(t, store, 30, 30)
}

// stoppedBefore is the real store with something done before each insert, which no context holds back after it: it is a
// request on its way.
type stoppedBefore struct {
	*clickhouse.Store
	before func()
}

func (s stoppedBefore) InsertBlock(ctx context.Context, token string, b *clickhouse.Block) error {
	s.before()
	return s.Store.InsertBlock(context.WithoutCancel(ctx), token, b)
}

// A newer program of the same major version writes fields that this one does not know, side by side with an older one.
// A newer major version stops its partition, with what stands before it loaded and nothing dead; others go on.
func TestRollingUpgradeWithTwoVersionsInFlight(t *testing.T) {
	store := clickhousetest.Open(t)
	minor, major := newPartition(t, "topic.1", 0), newPartition(t, "topic.1", 1)
	for i := range 20 {
		raw := encode(t, event(i))
		if i%2 == 0 { // a field and a message that version 1 has not
			raw = protowire.AppendVarint(protowire.AppendTag(raw, 900, protowire.VarintType), 7)
			raw = protowire.AppendBytes(protowire.AppendTag(raw, 901, protowire.BytesType), []byte("what"))
		}
		minor.add(raw)
	}
	newer := event(21)
	newer.Version = schemas.EnvelopeVersion + 1
	major.append(event(20), newer, event(22))
	minor.close()
	if err := major.open(store, store).Run(t.Context()); !errors.Is(err, schemas.ErrTooNew) {
		t.Errorf("Run over a newer major version = %v, want ErrTooNew", err)
	}
	if err := minor.open(store, store).Run(t.Context()); err != nil {
		t.Errorf("Run over a newer minor version = %v, want no error", err)
	}
	checkEvents(t, store, 21, 21)
	if got := countDead(t, store); got != 0 {
		t.Errorf("%d dead letters, want none", got)
	}
	if plan := major.plan; plan.To != major.at(1) {
		t.Errorf("the plan of the stopped partition ends at %v, want 1: a newer program goes on there", plan.To)
	}
}

// After a change of the generation all positions are new. What was loaded before is found all the same: in memory what
// is recent, by look-up what is older.
func TestNewTopicGeneration(t *testing.T) {
	store := clickhousetest.Open(t)
	if err := filled(t, 20).open(store, store).Run(t.Context()); err != nil {
		t.Fatal(err)
	}
	next := newPartition(t, "topic.2", 0)
	for i := range 30 {
		next.append(event(i))
	}
	next.close()
	l := next.open(store, store)
	if err := l.Run(t.Context()); err != nil {
		t.Fatal(err)
	}
	if got := l.Totals(); got != (load.Totals{Loaded: 10, Doubles: 20}) {
		t.Errorf("Totals() = %+v, want 10 loaded and 20 doubles", got)
	}
	checkEvents(t, store, 30, 30)
	plans := []string{}
	next.written = func(p load.Plan) { plans = append(plans, p.Log) }
	if err := next.open(store, store).Run(t.Context()); err != nil || slices.Contains(plans, "topic.1") {
		t.Errorf("Run = %v with plans of %q, want none of topic.1", err, plans)
	}
}

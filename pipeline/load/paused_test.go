package load_test

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"heed/pipeline/clickhouse"
	"heed/pipeline/load"
	"heed/schemas"
)

// gate stops whoever passes it for the at-th time, as SIGSTOP would: no context ends the wait. Each call passes it
// twice, before its effect and after it.
type gate struct {
	at      int
	reached chan struct{} // closed by who stops
	wake    chan struct{}

	mu     sync.Mutex // a loader passes with what it has in hand, and with what is ahead of that
	passed int

	dawdle func() time.Duration // nil, or how long to stand still at every other time
}

func (g *gate) pass() {
	g.mu.Lock()
	g.passed++
	stop := g.passed == g.at
	g.mu.Unlock()
	switch {
	case stop:
		close(g.reached)
		<-g.wake
	case g.dawdle != nil:
		time.Sleep(g.dawdle())
	}
}

// pausedStore is a store whose user can be stopped at each call: the request is on its way, or its answer.
type pausedStore struct {
	*fakeStore
	gate *gate
}

func (s pausedStore) InsertBlock(ctx context.Context, token string, b *clickhouse.Block) error {
	s.gate.pass()
	defer s.gate.pass()
	return s.fakeStore.InsertBlock(context.WithoutCancel(ctx), token, b)
}

func (s pausedStore) InsertDead(ctx context.Context, token string, letters []clickhouse.DeadLetter) error {
	s.gate.pass()
	defer s.gate.pass()
	return s.fakeStore.InsertDead(context.WithoutCancel(ctx), token, letters)
}

func (s pausedStore) InsertEnds(ctx context.Context, token string, ends []clickhouse.LoadEnds) error {
	s.gate.pass()
	defer s.gate.pass()
	return s.fakeStore.InsertEnds(context.WithoutCancel(ctx), token, ends)
}

func (s pausedStore) Present(ctx context.Context, origin string, from, to schemas.Source) ([]clickhouse.Stored, error) {
	s.gate.pass()
	defer s.gate.pass()
	return s.fakeStore.Present(ctx, origin, from, to)
}

func (s pausedStore) HasIDs(ctx context.Context, keys []clickhouse.EventKey) (map[clickhouse.EventKey]schemas.Source, error) {
	s.gate.pass()
	defer s.gate.pass()
	return s.fakeStore.HasIDs(ctx, keys)
}

// pausedPlans are plans whose user can be stopped at each call.
type pausedPlans struct {
	*member
	gate *gate
}

func (p pausedPlans) Write(ctx context.Context, plan load.Plan) error {
	p.gate.pass()
	defer p.gate.pass()
	return p.member.Write(ctx, plan)
}

// openPaused opens a loader that stops at the at-th gate.
func (p *partition) openPaused(store *fakeStore, at int) (*load.Loader, *gate) {
	p.t.Helper()
	m, g := p.join(), &gate{at: at, reached: make(chan struct{}), wake: make(chan struct{})}
	s := pausedStore{store, g}
	l, err := load.Open(context.Background(), load.Config{MaxRows: 8, MaxWait: 1, OnePartition: true},
		load.Parts{Log: m, Plans: pausedPlans{m, g}, Store: s, Dead: s, Ends: s}, logger())
	if err != nil {
		p.t.Fatal(err)
	}
	return l, g
}

// mixed is a partition of n events over two months, with doubles, one message that is no event, and the store, which
// refuses one of the events.
func mixed(t *testing.T, n int) (*partition, *fakeStore) { return mixedOf(t, n, event) }

// mixedOf is mixed with events of another make.
func mixedOf(t *testing.T, n int, event func(int) *schemas.Envelope) (*partition, *fakeStore) {
	p, store := newPartition(t, "topic.1", 3), newFakeStore()
	store.refuse = func(row clickhouse.Row) bool { return row.Envelope.Path == fmt.Sprint("/page/", n) }
	for i := range n {
		p.append(event(i))
		switch i {
		case 3:
			p.append(event(i))
		case 5:
			p.append(event(n))
			double := event(0)
			double.Retried = true
			p.append(double)
		case 7:
			p.add([]byte("no event"))
		}
	}
	p.close()
	return p, store
}

// checkEnds fails unless the counts of all batches hold every event of a mixed partition once.
func (s *fakeStore) checkEnds(t *testing.T, n int) {
	t.Helper()
	sum, batches := load.Ends{}, map[string]bool{}
	for _, e := range s.ends {
		if batch := fmt.Sprint(e.Partition, e.From, e.Site); !batches[batch] { // the table takes rows of one range for one
			batches[batch] = true
			sum.Stored, sum.Duplicates, sum.Dead = sum.Stored+e.Stored, sum.Duplicates+e.Duplicates, sum.Dead+e.Dead
		}
	}
	if want := (load.Ends{Stored: uint64(n), Duplicates: 2, Dead: 2}); sum != want {
		t.Errorf("ends add up to %+v, want %+v", sum, want)
	}
	graves := map[schemas.Source]bool{}
	for _, letter := range s.dead {
		graves[letter.Source] = true
	}
	if len(graves) != 2 {
		t.Errorf("store has dead letters of %d events, want 2", len(graves))
	}
}

// memory is how long a store remembers tokens here: no longer than a loader counts on.
const memory = 70 * time.Second

// A loader is stopped at each step, its successor loads everything, and the first one wakes: soon, while the store
// remembers every token, or late, when it remembers none. Nothing is added, and the first one ends.
func TestPausedLoaderWakesAfterItsSuccessor(t *testing.T) {
	f := func(pause time.Duration) {
		for at, reached := 1, true; reached; at++ {
			synctest.Test(t, func(t *testing.T) { reached = wakeAfterSuccessor(t, at, pause) })
			if t.Failed() {
				t.Fatalf("stopped at gate %d for %v", at, pause)
			}
			if !reached && at < 30 {
				t.Errorf("a loader passes %d gates, want more", at)
			}
		}
	}
	f(time.Second)
	f(time.Minute - time.Second)
	f(time.Minute + 5*time.Second)
	f(time.Hour)
}

func wakeAfterSuccessor(t *testing.T, at int, pause time.Duration) (reached bool) {
	const events = 20
	p, store := mixed(t, events)
	store.memory, store.stale = memory, time.Minute
	first, gate := p.openPaused(store, at)
	ended := make(chan error, 1)
	go func() { ended <- first.Run(t.Context()) }()
	select {
	case <-gate.reached:
	case err := <-ended:
		if err != nil {
			t.Errorf("Run = %v", err)
		}
		return false
	}
	synctest.Wait() // what is ahead goes on
	last := p.plan.To == p.at(24) && p.plan.From == p.plan.To
	second, _ := p.openPaused(store, 0)
	if err := second.Run(t.Context()); err != nil {
		t.Fatalf("Run of the successor = %v", err)
	}
	store.checkOnce(t, events)
	time.Sleep(pause)
	close(gate.wake)
	if err := <-ended; !last && !errors.Is(err, load.ErrFenced) {
		t.Errorf("Run of the first loader = %v, want ErrFenced", err)
	}
	store.checkOnce(t, events)
	store.checkEnds(t, events)
	return true
}

// A loader is killed at each step, and its successor is told to stop after so many messages, also while it reads the batch
// again that the first had planned: what it has not settled it leaves planned. The third one loads the rest.
func TestLoaderThatIsToldToStopLeavesItsPlan(t *testing.T) {
	for at, reached := 1, true; reached; at++ {
		for messages := range 10 {
			synctest.Test(t, func(t *testing.T) { reached = stopSuccessor(t, at, messages) })
			if t.Failed() {
				t.Fatalf("killed at gate %d, its successor told to stop after %d messages", at, messages)
			}
		}
	}
}

func stopSuccessor(t *testing.T, at, messages int) (reached bool) {
	const events = 20
	p, store := mixed(t, events)
	store.memory, store.stale = memory, time.Minute
	first, gate := p.openPaused(store, at)
	ctx, kill := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() { ended <- first.Run(ctx) }()
	select {
	case <-gate.reached:
		reached = true
	case <-ended:
	}
	kill()
	second := p.openStopping(store, messages)
	if err := second.Run(t.Context()); err != nil {
		t.Errorf("Run of a loader that is told to stop = %v, want nil", err)
	}
	third, _ := p.openPaused(store, 0)
	if err := third.Run(t.Context()); err != nil {
		t.Errorf("Run of the last loader = %v", err)
	}
	store.checkOnce(t, events)
	store.checkEnds(t, events)
	if reached {
		close(gate.wake)
		<-ended
	}
	return reached
}

// Loaders take over from each other, each stopped somewhere, while the store fails, and wake in any order.
func TestPausedLoadersWakeInAnyOrder(t *testing.T) {
	for range 200 {
		seed := rand.Uint64()
		synctest.Test(t, func(t *testing.T) { wakeInAnyOrder(t, rand.New(rand.NewPCG(seed, 0))) })
		if t.Failed() {
			t.Fatalf("seed %d", seed)
		}
	}
}

// failAtRandom makes a store fail, be late and lose what it has acknowledged by token.
func (s *fakeStore) failAtRandom(intN func(int) int) {
	s.memory, s.stale = memory, time.Minute
	s.late = func() time.Duration {
		if intN(8) > 0 {
			return 0
		}
		return time.Duration(intN(90)) * time.Second
	}
	s.fault = func(call string) (before, after, forget bool) {
		switch intN(12) {
		case 0:
			return true, false, false
		case 1:
			return false, true, false
		case 2:
			return false, false, call == "insert" || call == "dead" || call == "ends"
		}
		return false, false, false
	}
}

func wakeInAnyOrder(t *testing.T, random *rand.Rand) {
	const events = 40
	var mu sync.Mutex
	intN := func(n int) int {
		mu.Lock()
		defer mu.Unlock()
		return random.IntN(n)
	}
	p, store := mixed(t, events)
	store.failAtRandom(intN)
	p.runPaused(t, store, intN)
	store.checkOnce(t, events)
	store.checkEnds(t, events)
}

// runPaused lets a dozen loaders take over from each other, each stopped somewhere, and then one finish.
func (p *partition) runPaused(t *testing.T, store *fakeStore, intN func(int) int) {
	var gates []*gate
	ended := make(chan error, 20)
	for range 12 {
		l, gate := p.openPaused(store, 1+intN(40))
		gate.dawdle = func() time.Duration {
			if intN(5) > 0 {
				return 0
			}
			return time.Duration(intN(100)) * time.Second
		}
		gates = append(gates, gate)
		go func() { ended <- l.Run(t.Context()) }()
		time.Sleep(time.Duration(intN(60)) * time.Second)
		synctest.Wait()
		for _, g := range gates {
			if intN(4) == 0 {
				g.release()
			}
		}
	}
	for _, g := range gates {
		g.release()
	}
	last, _ := p.openPaused(store, 0)
	if err := last.Run(t.Context()); err != nil {
		t.Fatalf("Run of the last loader = %v", err)
	}
	for range gates {
		if err := <-ended; err != nil && !errors.Is(err, load.ErrFenced) {
			t.Errorf("Run = %v, want nil or ErrFenced", err)
		}
	}
	time.Sleep(2 * time.Minute) // for what is late
}

// release wakes who waits at the gate, or will.
func (g *gate) release() {
	select {
	case <-g.wake:
	default:
		close(g.wake)
	}
}

// Every token of a plan names it, so that no two plans share one.
func TestTokensNameThePlan(t *testing.T) {
	p, store := mixed(t, 20)
	l, _ := p.openPaused(store, 0)
	if err := l.Run(t.Context()); err != nil {
		t.Fatal(err)
	}
	for token := range store.tokens {
		if !strings.HasPrefix(token, "topic.1/") {
			t.Errorf("token %q does not begin with the origin", token)
		}
	}
}

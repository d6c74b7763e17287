package main

import (
	"fmt"
	"math/rand/v2"
	"os"
	"slices"
	"strconv"
	"sync"
	"syscall"
	"testing"
	"time"

	"heed/pipeline/kafka/kafkatest"
)

const (
	chaosCollectors = 2
	chaosLoaders    = 2
	chaosBrokers    = 3
)

// blow is one misfortune: what befalls whom, when it begins and for how long it lasts.
type blow struct {
	lane string // broker, collector, loader or store
	who  int
	what string // kill, pause, cut, cut clients
	at   time.Duration
	last time.Duration
}

func (b blow) String() string {
	return fmt.Sprintf("%6.2fs %s %d: %s for %.2fs", b.at.Seconds(), b.lane, b.who, b.what, b.last.Seconds())
}

// chaosLanes are those who suffer, each lane one blow at a time: so two brokers of three are always there, as
// min.insync.replicas=2 wants, whatever befalls the others meanwhile.
var chaosLanes = []struct {
	name    string
	members int
	whats   []string
	calm    time.Duration // longest time between two blows
	last    time.Duration // longest blow
}{
	{"broker", chaosBrokers, []string{"kill", "pause", "cut", "cut clients"}, 6 * time.Second, 8 * time.Second},
	{"collector", chaosCollectors, []string{"kill", "pause"}, 5 * time.Second, 4 * time.Second},
	{"loader", chaosLoaders, []string{"kill", "pause"}, 5 * time.Second, 8 * time.Second}, // longer than a session
	{"store", 1, []string{"kill", "pause"}, 15 * time.Second, 4 * time.Second},
}

// chaosSchedule is what happens in a run of that length: the same for the same seed.
func chaosSchedule(seed uint64, length time.Duration) []blow {
	var all []blow
	for i, lane := range chaosLanes {
		random := rand.New(rand.NewPCG(seed, uint64(i)))
		upTo := func(d time.Duration) time.Duration { return time.Duration(random.Int64N(int64(d))) }
		for at := time.Second + upTo(lane.calm); at < length; {
			b := blow{lane.name, random.IntN(lane.members), lane.whats[random.IntN(len(lane.whats))], at,
				500*time.Millisecond + upTo(lane.last-500*time.Millisecond)}
			all = append(all, b)
			at += b.last + time.Second + upTo(lane.calm)
		}
	}
	slices.SortStableFunc(all, func(a, b blow) int { return int(a.at - b.at) })
	return all
}

func TestChaosScheduleRepeats(t *testing.T) {
	first, second := chaosSchedule(7, time.Hour), chaosSchedule(7, time.Hour)
	if !slices.Equal(first, second) || len(first) < 1000 {
		t.Errorf("the schedules of one seed have %d and %d blows, want the same, over 1000", len(first), len(second))
	}
	if slices.Equal(first, chaosSchedule(8, time.Hour)) {
		t.Error("two seeds have the same schedule")
	}
	until := map[string]time.Duration{}
	for _, b := range first {
		if b.at < until[b.lane] {
			t.Errorf("%v begins before the blow before it has ended", b)
		}
		until[b.lane] = b.at + b.last
	}
}

// chaosSettings are the length of the run, HEED_CHAOS or 20 s, and its seed, HEED_CHAOS_SEED or another one each time.
func chaosSettings(t *testing.T) (length time.Duration, seed uint64) {
	t.Helper()
	length, seed = 20*time.Second, rand.Uint64()
	var err error
	if text := os.Getenv("HEED_CHAOS"); text != "" {
		if length, err = time.ParseDuration(text); err != nil {
			t.Fatalf("HEED_CHAOS=%q: want how long, as 5m", text)
		}
	}
	if text := os.Getenv("HEED_CHAOS_SEED"); text != "" {
		if seed, err = strconv.ParseUint(text, 10, 64); err != nil {
			t.Fatalf("HEED_CHAOS_SEED=%q: want a number", text)
		}
	}
	return length, seed
}

// TestChaos: collectors, loaders, brokers and ClickHouse are killed, paused and cut off at random under load. When it
// is over, the ids that are stored are those that were acknowledged, each once, in events and in each projection;
// so are the consent records when HEED_CHAOS says how long.
func TestChaos(t *testing.T) {
	if testing.Short() {
		t.Skip("chaos takes its time")
	}
	length, seed := chaosSettings(t)
	t.Logf("repeat this schedule with HEED_CHAOS=%v HEED_CHAOS_SEED=%d", length, seed)
	f := newFleet(t, kafkatest.Start(t, kafkatest.Config{Nodes: chaosBrokers}), seed)
	f.spareRecords()
	f.start(chaosCollectors, chaosLoaders)
	f.send()
	f.awaitMore(t, 100)
	start := time.Now()
	var lanes sync.WaitGroup
	blows := chaosSchedule(seed, length)
	for _, lane := range chaosLanes {
		lanes.Go(func() {
			for _, b := range blows {
				if b.lane == lane.name {
					pause(time.Until(start.Add(b.at)))
					f.strike(b)
				}
			}
		})
	}
	lanes.Wait()
	pause(time.Until(start.Add(length)))
	t.Logf("%d blows in %v", len(blows), length)
	f.finish()
}

// strike lets one blow happen and heals it.
func (f *fleet) strike(b blow) {
	f.t.Log(b)
	if b.lane == "broker" {
		f.strikeBroker(f.kafka.Nodes[b.who], b)
		return
	}
	m := map[string][]*member{"collector": f.collectors, "loader": f.loaders, "store": {f.clickhouse}}[b.lane][b.who]
	switch b.what {
	case "kill":
		m.running.kill()
		pause(b.last)
		m.start()
		m.await()
	case "pause":
		f.signal(m, syscall.SIGSTOP)
		pause(b.last)
		f.signal(m, syscall.SIGCONT)
	}
}

func (f *fleet) signal(m *member, signal syscall.Signal) {
	if err := m.running.cmd.Process.Signal(signal); err != nil {
		f.t.Errorf("signal %v to %s: %v", signal, m.command[0], err)
	}
}

func (f *fleet) strikeBroker(node *kafkatest.Node, b blow) {
	var begin, end func() error
	quiet := func(do func()) func() error { return func() error { do(); return nil } }
	switch b.what {
	case "kill":
		begin, end = node.Kill, node.Start
	case "pause":
		begin, end = node.Pause, node.Resume
	case "cut":
		begin, end = quiet(node.Cut), quiet(node.Heal)
	case "cut clients":
		begin, end = quiet(node.CutClients), quiet(node.Heal)
	}
	if err := begin(); err != nil {
		f.t.Errorf("%v: %v", b, err)
	}
	pause(b.last)
	if err := end(); err != nil {
		f.t.Errorf("heal %v: %v", b, err)
	}
}

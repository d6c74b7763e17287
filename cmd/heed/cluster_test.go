package main

import (
	"encoding/json"
	"log/slog"
	"math/rand/v2"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/google/uuid"
	"google.golang.org/protobuf/encoding/protowire"

	"heed/pipeline/kafka"
	"heed/pipeline/kafka/kafkatest"
	"heed/schemas"
)

// newSharedFleet is a fleet around the broker that the tests of this package share.
func newSharedFleet(t *testing.T) *fleet {
	t.Helper()
	if testing.Short() {
		t.Skip("a cluster takes seconds to start")
	}
	seed := rand.Uint64()
	t.Logf("seed %d", seed)
	return newFleet(t, kafkatest.Shared(t), seed)
}

// TestClusterSurvivesKills: what three roles and Kafka bring into ClickHouse is what was acknowledged, each event once,
// and the ledger adds up, although every process was killed under load.
func TestClusterSurvivesKills(t *testing.T) {
	f := newSharedFleet(t)
	f.spareRecords()
	f.start(2, 2)
	f.send()
	f.awaitMore(t, 300)
	for _, m := range f.members() {
		m.running.kill()
		f.awaitMore(t, 50) // the others go on meanwhile
		m.start()
		m.await()
	}
	f.finish()
}

// TestClusterDirect: collectors that answer only once Kafka has the events keep nothing themselves: a killed one and its
// folder may be gone for good.
func TestClusterDirect(t *testing.T) {
	f := newSharedFleet(t)
	f.direct = true
	f.start(2, 1)
	f.send()
	f.awaitMore(t, 200)
	f.collectors[0].running.kill()
	if err := os.RemoveAll(filepath.Join(f.dir, "collect-0")); err != nil {
		t.Fatal(err)
	}
	f.collectors[0].start()
	f.collectors[0].await()
	f.awaitMore(t, 100)
	f.finish()
}

// TestClusterKafkaAway: for a whole run there is no Kafka. Events are accepted all the while, also by a collector that is
// killed and starts without it; when it comes, each of them is stored once.
func TestClusterKafkaAway(t *testing.T) {
	if testing.Short() {
		t.Skip("a cluster takes seconds to start")
	}
	f := newFleet(t, kafkatest.Start(t, kafkatest.Config{}), rand.Uint64())
	node := f.kafka.Nodes[0]
	if err := node.Stop(); err != nil {
		t.Fatal(err)
	}
	f.start(2, 1)
	f.send()
	f.awaitMore(t, 300)
	f.collectors[0].running.kill()
	f.collectors[0].start()
	f.collectors[0].await()
	f.collectors[1].running.stop() // what it has accepted stays in its spool
	f.collectors[1].start()
	f.collectors[1].await()
	f.awaitMore(t, 300)
	if err := node.Start(); err != nil {
		t.Fatal(err)
	}
	f.finish()
}

// TestClusterClickHouseAway: collectors start and accept while nobody answers at the DSN, and loaders wait for it.
func TestClusterClickHouseAway(t *testing.T) {
	f := newSharedFleet(t)
	for _, m := range []*member{f.addCollector(), f.addLoader()} {
		m.start()
		m.await()
	}
	f.send()
	f.awaitMore(t, 200)
	f.clickhouse.start()
	f.clickhouse.await()
	f.report.start()
	f.report.await()
	f.awaitMore(t, 100)
	f.finish()
}

// TestClusterRollingUpgrade restarts every process one after the other, loaders first, while events of two versions of
// the schema are in flight: those of a newer minor version carry a field that this program does not know.
func TestClusterRollingUpgrade(t *testing.T) {
	f := newSharedFleet(t)
	f.spareRecords()
	f.start(2, 2)
	f.send()
	f.awaitMore(t, 100)
	for _, members := range [][]*member{f.loaders, {f.report}, f.collectors} {
		for _, m := range members {
			newer := f.batch(rand.New(rand.NewPCG(f.seed, 99)))
			newer.Consent = nil // only its events are planted
			evs := f.envelopes(newer)
			for _, ev := range evs {
				appendUnknown(ev, 4000, "of a newer heed")
			}
			f.plant(evs...)
			f.acknowledge(newer)
			m.running.stop()
			f.awaitMore(t, 30)
			m.start()
			m.await()
		}
	}
	f.finish()
}

// TestClusterNewerMajor: an event of a newer major version is no dead letter. It stops its partition, and readiness says
// what to do.
func TestClusterNewerMajor(t *testing.T) {
	f := newSharedFleet(t)
	f.start(1, 1)
	f.plant(&schemas.Envelope{Version: schemas.EventVersion + 1, Site: "kill", Id: []byte("sixteen bytes...")})
	var text string
	for deadline := time.Now().Add(startTimeout); !strings.Contains(text, "upgrade heed load first"); pause(50 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("readiness of heed load says %q, want that it is to be upgraded", text)
		}
		text = readyText(t, f.loaders[0].running)
	}
	for _, m := range f.members() {
		m.running.stop()
	}
}

// readyText is what /readyz of a process answers, which must not be 200.
func readyText(t *testing.T, p *process) string {
	t.Helper()
	answer, err := http.Get(p.API + "/readyz")
	if err != nil {
		t.Fatal(err)
	}
	defer answer.Body.Close()
	var body struct {
		Checks map[string]string `json:"checks"`
	}
	if err := json.NewDecoder(answer.Body).Decode(&body); err != nil {
		t.Fatal(err)
	}
	return body.Checks["loaders"]
}

// TestClusterStoreTimesOut: ClickHouse stops in the middle of inserts for longer than the loaders wait for it, so that
// their outcome is unknown. What it has stored is not stored again.
func TestClusterStoreTimesOut(t *testing.T) {
	f := newSharedFleet(t)
	f.spareRecords()
	f.start(1, 2)
	f.send()
	for range 2 {
		f.awaitMore(t, 200)
		f.signal(f.clickhouse, syscall.SIGSTOP)
		pause(fleetStoreTimeout + time.Second)
		f.signal(f.clickhouse, syscall.SIGCONT)
	}
	f.finish()
}

// plant puts events into Kafka as a collector would.
func (f *fleet) plant(evs ...*schemas.Envelope) {
	f.t.Helper()
	topic := f.openTopic()
	defer topic.Close(f.t.Context())
	if _, err := topic.Append(f.t.Context(), evs); err != nil {
		f.t.Fatal(err)
	}
}

// awaitNoLag waits until nothing of the topic is left to load, and nothing is planned.
func (f *fleet) awaitNoLag() {
	f.t.Helper()
	topic := f.openTopic()
	defer topic.Close(f.t.Context())
	for deadline := time.Now().Add(fleetPatience); ; pause(100 * time.Millisecond) {
		lag, err := topic.Lag(f.t.Context())
		if err == nil && !slices.ContainsFunc(lag, func(n int64) bool { return n != 0 }) {
			return
		}
		if time.Now().After(deadline) {
			f.fail("after %v the partitions' lag is %v, %v, want none", fleetPatience, lag, err)
		}
	}
}

func (f *fleet) openTopic() *kafka.Topic {
	f.t.Helper()
	topic, err := kafka.Open(f.t.Context(), kafka.Config{Brokers: f.kafka.Brokers(), Topic: f.topic, Group: f.topic,
		Partitions: 6, Replication: len(f.kafka.Nodes)}, slog.New(slog.DiscardHandler))
	if err != nil {
		f.t.Fatal(err)
	}
	return topic
}

// envelopes are a batch's events as a collector would hand them on.
func (f *fleet) envelopes(batch schemas.Batch) (evs []*schemas.Envelope) {
	for _, ev := range batch.Events {
		id := uuid.MustParse(ev.ID)
		evs = append(evs, &schemas.Envelope{
			Version: schemas.EventVersion, Site: "kill", Id: id[:], Kind: string(ev.Kind), ReceivedMs: f.now().UnixMilli(),
			TimeMs: ev.Created, RetentionMonths: 25, Host: "kill.example", Path: "/planted",
		})
	}
	return evs
}

// appendUnknown gives an envelope a field that its type does not have.
func appendUnknown(ev *schemas.Envelope, number protowire.Number, text string) {
	raw, err := ev.MarshalVT()
	if err != nil {
		panic(err)
	}
	raw = protowire.AppendTag(raw, number, protowire.BytesType)
	if err := ev.UnmarshalVT(protowire.AppendString(raw, text)); err != nil {
		panic(err)
	}
}

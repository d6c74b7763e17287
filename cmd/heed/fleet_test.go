package main

import (
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/google/uuid"

	"heed/consent"
	"heed/consent/record"
	"heed/pipeline/kafka/kafkatest"
	"heed/pipeline/ledger"
	"heed/schemas"
)

const (
	fleetPassword = "only-for-the-tests-of-heed"
	fleetClients  = 4
	// fleetStoreTimeout is how long the fleet waits for an answer of ClickHouse.
	fleetStoreTimeout = 4 * time.Second
	// fleetPatience is how long the fleet may take to bring everything to rest after the last blow.
	fleetPatience = 3 * time.Minute
	// recordsPatience is how long the consent records may take after that: twice the 70 s that pipeline/records waits, once
	// for a loader before and once for a token without rows, and what lies between.
	recordsPatience = 4 * time.Minute
	// longKills is from how many kills on a run is a long one.
	longKills = 50
)

// fleet is the whole system as processes of their own: collectors, loaders, a reader, ClickHouse behind a DSN and
// Kafka. Its site, the events and what is known of them are those of the kill test.
type fleet struct {
	*killedSite
	t      *testing.T
	dir    string
	config string
	topic  string
	kafka  *kafkatest.Cluster
	seed   uint64
	drain  string // how long a stop may take, "" for a little
	direct bool   // collectors answer once Kafka has the events
	dead   uint64 // events that are planted to become dead letters
	sealed bool   // batches carry a choice that was sealed before, and no consent event
	secret []byte // of the install

	clickhouse *member
	report     *member
	collectors []*member
	loaders    []*member

	answered, tried atomic.Uint64 // events: accepted by an answer, and sent, both counting each time
	stopClients     context.CancelFunc
	clients         sync.WaitGroup
}

// member is one process of the fleet, which comes again after it was killed.
type member struct {
	fleet   *fleet
	command []string // heed's arguments
	address string   // of collector, API or ClickHouse
	running *process
}

func newFleet(t *testing.T, brokers *kafkatest.Cluster, seed uint64) *fleet {
	t.Helper()
	dir := t.TempDir()
	f := &fleet{killedSite: newKilledSite(t), t: t, dir: dir, config: writeKillConfig(t, dir), kafka: brokers, seed: seed,
		topic: fmt.Sprintf("test-%x", rand.Uint32())}
	f.secret = []byte(strings.Repeat("0123456789abcdef", secretBytes/16))
	if err := os.WriteFile(filepath.Join(dir, "secret"), f.secret, 0o600); err != nil {
		t.Fatal(err)
	}
	f.clickhouse = f.member(freeAddress(t), "clickhouse", "serve", "--data.dir", filepath.Join(dir, "clickhouse"))
	f.clickhouse.command = append(f.clickhouse.command, "--address", f.clickhouse.address)
	f.report = f.member(freeAddress(t), f.role("report", 0)...)
	f.report.command = append(f.report.command, "--api.address", f.report.address)
	return f
}

func (f *fleet) member(address string, command ...string) *member {
	return &member{fleet: f, command: command, address: address}
}

// role is the command line of one of heed's roles, with a data folder of its own.
func (f *fleet) role(name string, number int) []string {
	return []string{
		name, "--config", f.config, "--data.dir", filepath.Join(f.dir, fmt.Sprintf("%s-%d", name, number)),
		"--clickhouse.dsn", fmt.Sprintf("http://heed:%s@%s/heed?dial_timeout=2s&read_timeout=%s", fleetPassword, f.clickhouse.address, fleetStoreTimeout),
		"--kafka.brokers", strings.Join(f.kafka.Brokers(), ","), "--kafka.topic", f.topic, "--kafka.group", f.topic,
		"--kafka.partitions", "6", "--kafka.replication", fmt.Sprint(len(f.kafka.Nodes)), "--kafka.session_timeout", "4s",
		"--load.max_wait", "100ms", "--drain_timeout", cmp.Or(f.drain, "5s"),
	}
}

func (f *fleet) addCollector() *member {
	c := f.member(freeAddress(f.t), f.role("collect", len(f.collectors))...)
	mode := modeSpool
	if f.direct {
		mode = modeDirect
	}
	c.command = append(c.command, "--collector.address", c.address, "--api.address", "127.0.0.1:0", "--collector.rate", "0",
		"--collector.prefix", "/k", "--install.secret_file", filepath.Join(f.dir, "secret"), "--kafka.mode", mode,
		"--collector.public_url", "http://kill.example")
	f.collectors = append(f.collectors, c)
	return c
}

func (f *fleet) addLoader() *member {
	l := f.member("", append(f.role("load", len(f.loaders)), "--api.address", "127.0.0.1:0")...)
	f.loaders = append(f.loaders, l)
	return l
}

// start starts everything, ClickHouse first, and returns when all processes run.
func (f *fleet) start(collectors, loaders int) {
	f.t.Helper()
	f.clickhouse.start()
	f.report.start()
	for range collectors {
		f.addCollector().start()
	}
	for range loaders {
		f.addLoader().start()
	}
	for _, m := range f.members() {
		m.await()
	}
}

func (f *fleet) members() []*member {
	all := []*member{f.clickhouse, f.report}
	return append(append(all, f.collectors...), f.loaders...)
}

func (m *member) start() {
	m.fleet.t.Helper()
	command := append([]string{"HEED_CLICKHOUSE_PASSWORD=" + fleetPassword}, m.command...)
	if m.command[0] == "collect" {
		command = append(command, testNow+"="+m.fleet.now().Format(time.RFC3339Nano))
	}
	m.running = launch(m.fleet.t, command...)
}

// await waits until the process runs.
func (m *member) await() {
	m.fleet.t.Helper()
	if m == m.fleet.clickhouse {
		m.running.awaitOutput("ClickHouse  http://")
		return
	}
	m.running.awaitAddresses()
}

// send starts clients. They send until finish, each batch to a collector of its own until it is acknowledged.
func (f *fleet) send() {
	ctx, cancel := context.WithCancel(f.t.Context())
	f.stopClients = cancel
	for i := range fleetClients {
		random := rand.New(rand.NewPCG(f.seed, uint64(i+1)))
		f.clients.Go(func() { f.client(ctx, random) })
	}
}

// spareRecords leaves consent events out of a short run whose loaders are killed, paused or share partitions anew: the next
// loader then waits for 70 s, on purpose (pipeline/records), and whoever waits for it waits as long. A long run, which
// HEED_CHAOS or HEED_KILLS asks for, sends and compares them; so do the short ones in which one loader ends in order.
func (f *fleet) spareRecords() {
	f.sealed = os.Getenv("HEED_CHAOS") == "" && kills(f.t) < longKills
}

// batch is one of the kill test's.
func (f *fleet) batch(random *rand.Rand) schemas.Batch {
	b := f.killedSite.batch(random)
	if f.sealed {
		choice, err := consent.ParseChoice(b.Choice)
		if err != nil {
			panic(err)
		}
		b.Choice = choice.Seal(siteKeyOf(f.secret, "seal", "kill"), "kill", uuid.Must(uuid.NewV7())).String()
		b.Consent = nil
	}
	return b
}

// client sends batches, each to any collector until one acknowledges it, and one in ten once more after that.
func (f *fleet) client(ctx context.Context, random *rand.Rand) {
	web := &http.Client{Timeout: 5 * time.Second}
	defer web.CloseIdleConnections()
	for ctx.Err() == nil {
		batch := f.batch(random)
		for sent := false; !sent || random.IntN(10) == 0; {
			to := *f.killedSite
			to.address = f.collectors[random.IntN(len(f.collectors))].address
			f.tried.Add(uint64(len(batch.Events)))
			accepted, err := to.send(web, batch)
			batch.Retried = true
			switch {
			case err != nil && f.t.Context().Err() != nil:
				return // the test has failed
			case err != nil:
				pause(20 * time.Millisecond)
				continue
			case accepted != len(batch.Events):
				f.t.Errorf("%d of %d events were accepted", accepted, len(batch.Events))
				return
			}
			f.answered.Add(uint64(accepted))
			f.acknowledge(batch)
			sent = true
		}
		pause(time.Duration(5+random.IntN(20)) * time.Millisecond) // the machine is for the system, not for its clients
	}
}

// finish ends the clients and compares.
func (f *fleet) finish() {
	f.t.Helper()
	f.awaitMore(f.t, 100)
	f.stopClients()
	f.clients.Wait()
	f.compare()
}

// compare waits until all that was acknowledged has come to rest, stops everything and compares.
func (f *fleet) compare() {
	f.t.Helper()
	account := f.awaitRest()
	f.t.Logf("%d events acknowledged; the ledger has %+v", len(f.acked), account.Accepted)
	if a := account.Accepted; a.Stored != uint64(len(f.acked)) || a.Dead != f.dead || a.Total < f.counted() || a.Total > f.tried.Load()+f.dead {
		f.t.Errorf("the ledger has %+v, want %d stored, %d dead, and %d to %d in all", a, len(f.acked), f.dead, f.counted(), f.tried.Load())
	}
	f.awaitRecords()
	for _, members := range [][]*member{f.collectors, f.loaders, {f.report}, {f.clickhouse}} {
		for _, m := range members {
			m.running.stop()
		}
	}
	f.check(f.t, filepath.Join(f.dir, "clickhouse", "clickhouse"))
}

// counted is how many accepted events the ledger has at least: those of every answer. In direct mode a collector that is
// killed takes its last counts with it, and only what is stored tells of them.
func (f *fleet) counted() uint64 {
	if f.direct {
		return uint64(len(f.acked))
	}
	return f.answered.Load()
}

// awaitRest waits until every acknowledged event is stored and nothing is pending.
func (f *fleet) awaitRest() (account ledger.Account) {
	f.t.Helper()
	var last string
	for deadline := time.Now().Add(fleetPatience); time.Now().Before(deadline); pause(200 * time.Millisecond) {
		answer, err := http.Get("http://" + f.report.address + "/api/v1/sites/kill/ledger")
		if err != nil {
			last = err.Error()
			continue
		}
		err = json.NewDecoder(answer.Body).Decode(&account)
		answer.Body.Close()
		last = fmt.Sprintf("%s %+v %v", answer.Status, account, err)
		// A stop of the clients may leave a request behind whose outcome nobody knows: it may be stored, too.
		if a := account.Accepted; err == nil && a.Pending == 0 && a.Total >= f.counted() && a.Stored >= uint64(len(f.acked)) {
			return account
		}
	}
	f.fail("after %v the ledger has %s, want %d events stored and none pending", fleetPatience, last, len(f.acked))
	return account
}

// awaitRecords waits until every acknowledged consent record is chained.
func (f *fleet) awaitRecords() {
	f.t.Helper()
	var missing []record.ID
	for id := range f.records {
		missing = append(missing, record.ID(id))
	}
	var progress strings.Builder // what was missing, whenever that has changed
	store, start := f.store(), time.Now()
	for last := -1; len(missing) > 0; pause(500 * time.Millisecond) {
		chained, err := store.RecordsByID(f.t.Context(), "kill", missing)
		missing = slices.DeleteFunc(missing, func(id record.ID) bool { _, ok := chained[id]; return ok })
		if err != nil || len(missing) != last {
			last = len(missing)
			fmt.Fprintf(&progress, "%6.1fs: %d missing, %v\n", time.Since(start).Seconds(), last, err)
		}
		if len(missing) > 0 && time.Since(start) > recordsPatience {
			f.fail("after %v %d of %d acknowledged consent records are not chained:\n%s",
				recordsPatience, len(missing), len(f.records), lastLines(progress.String(), 20))
		}
	}
	f.t.Logf("the consent records were chained after %v", time.Since(start).Round(time.Millisecond))
}

// fail ends the test and shows what the processes have printed, and with what each was busy.
func (f *fleet) fail(format string, args ...any) {
	f.t.Helper()
	f.t.Errorf(format, args...)
	for _, m := range f.members() {
		f.t.Logf("%s printed:\n%s", m.command[0], lastLines(m.running.output.String(), 30))
		if answer, err := http.Get(m.running.API + "/metrics"); err == nil {
			counted, _ := io.ReadAll(answer.Body)
			answer.Body.Close()
			f.t.Logf("%s counted:\n%s", m.command[0], counted)
		}
		f.signal(m, syscall.SIGQUIT)
		<-m.running.done
		f.t.Logf("%s was busy with:\n%s", m.command[0], lastLines(m.running.output.String(), 2000))
	}
	f.t.FailNow()
}

// lastLines are the last n lines of text.
func lastLines(text string, n int) string {
	lines := strings.Split(strings.TrimSpace(text), "\n")
	return strings.Join(lines[max(0, len(lines)-n):], "\n")
}

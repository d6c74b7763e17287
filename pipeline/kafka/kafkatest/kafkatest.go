package kafkatest

import (
	"sync"
	"testing"
)

// shared is the single broker that the tests of a process share: it takes seconds to start.
var shared struct {
	sync.Mutex
	cluster *Cluster
	err     error
	told    map[string]bool // the tests that will show the log if they fail
}

// Run runs the tests of a package, for TestMain: os.Exit(kafkatest.Run(m)). The shared broker is started by the first
// test that asks for it, and ended here.
func Run(m *testing.M) int {
	code := m.Run()
	shared.Lock()
	defer shared.Unlock()
	if shared.cluster != nil {
		_ = shared.cluster.Close()
	}
	return code
}

// Shared returns the broker that the tests of this process share, for tests that leave it running and use topics of
// their own. The package's TestMain must use Run.
func Shared(t testing.TB) *Cluster {
	t.Helper()
	c, err := Running()
	if err != nil {
		t.Fatalf("start Kafka: %v", err)
	}
	shared.Lock()
	defer shared.Unlock()
	if !shared.told[t.Name()] {
		shared.told[t.Name()] = true
		showLog(t, c)
	}
	return c
}

// Running is Shared for examples, which have no testing.TB.
func Running() (*Cluster, error) {
	shared.Lock()
	defer shared.Unlock()
	if shared.cluster == nil && shared.err == nil {
		shared.told = map[string]bool{}
		shared.cluster, shared.err = Open(Config{})
	}
	return shared.cluster, shared.err
}

// Start gives the test a cluster of its own, which it may kill. It ends with the test.
func Start(t testing.TB, cfg Config) *Cluster {
	t.Helper()
	c, err := Open(cfg)
	if err != nil {
		t.Fatalf("start Kafka: %v", err)
	}
	t.Cleanup(func() {
		if err := c.Close(); err != nil {
			t.Errorf("close Kafka: %v", err)
		}
	})
	showLog(t, c)
	return c
}

// showLog lets a failing test tell what Kafka had to say.
func showLog(t testing.TB, c *Cluster) {
	t.Cleanup(func() {
		if t.Failed() {
			t.Logf("Kafka's last words:\n%s", c.LogTail(10))
		}
	})
}

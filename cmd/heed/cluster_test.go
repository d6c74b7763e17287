package main

import (
	"math/rand/v2"
	"testing"

	"heed/pipeline/kafka/kafkatest"
)

// TestClusterEndToEnd: what three roles and Kafka bring into ClickHouse is what was acknowledged, each event once, and
// the ledger that collectors and loaders have written adds up. Every process is then killed under load, and the answer
// is the same.
func TestClusterSurvivesKills(t *testing.T) {
	if testing.Short() {
		t.Skip("a cluster takes seconds to start")
	}
	seed := rand.Uint64()
	t.Logf("seed %d", seed)
	f := newFleet(t, kafkatest.Start(t, kafkatest.Config{}), seed)
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

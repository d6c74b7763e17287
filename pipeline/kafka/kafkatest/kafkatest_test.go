package kafkatest_test

import (
	"context"
	"testing"
	"time"

	"heed/pipeline/kafka/kafkatest"
)

// Three nodes, two of which are killed and come back with their data.
func TestThreeNodes(t *testing.T) {
	c := kafkatest.Start(t, kafkatest.Config{Nodes: 3})
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	for _, n := range c.Nodes[1:] {
		if err := n.Kill(); err != nil {
			t.Fatalf("Kill = %v", err)
		}
		if err := n.Start(); err != nil {
			t.Fatalf("Start = %v", err)
		}
	}
	if err := c.WaitReady(ctx); err != nil {
		t.Fatal(err)
	}
	if err := c.AddSCRAM(ctx); err != nil {
		t.Fatal(err)
	}
}

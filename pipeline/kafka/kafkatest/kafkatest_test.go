package kafkatest_test

import (
	"context"
	"net"
	"testing"
	"time"

	"heed/pipeline/kafka/kafkatest"
)

// A node that was killed comes back; one that is paused accepts and does not answer; one that is cut off closes.
func TestNode(t *testing.T) {
	c := kafkatest.Start(t, kafkatest.Config{})
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	n := c.Nodes[0]
	check := func(what string, err error) {
		t.Helper()
		if err != nil {
			t.Fatalf("%s = %v, want no error", what, err)
		}
	}
	check("Kill", n.Kill())
	check("Start", n.Start())
	check("WaitReady", c.WaitReady(ctx))
	check("Pause", n.Pause())
	check("Resume", n.Resume())
	check("WaitReady after Resume", c.WaitReady(ctx))
	n.Cut()
	conn, err := net.Dial("tcp", c.Brokers()[0])
	check("Dial", err)
	defer conn.Close()
	if _, err := conn.Read(make([]byte, 1)); err == nil {
		t.Error("a node that is cut off answers")
	}
	n.Heal()
	check("WaitReady after Heal", c.WaitReady(ctx))
	check("AddSCRAM", c.AddSCRAM(ctx))
}

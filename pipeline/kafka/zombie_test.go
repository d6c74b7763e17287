package kafka

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/segmentio/kafka-go"

	"heed/pipeline/load"
	"heed/pipeline/wal"
)

// joinSilently makes this process a member of the group that gives no sign of life any more, as one that is paused.
func joinSilently(t *testing.T, topic *Topic) *Partition {
	t.Helper()
	ctx, c, cfg := bounded(t), topic.client, topic.cfg
	request := &kafka.JoinGroupRequest{
		GroupID: cfg.Group, SessionTimeout: cfg.SessionTimeout, RebalanceTimeout: cfg.SessionTimeout, ProtocolType: "consumer",
		Protocols: []kafka.GroupProtocol{{Name: "range", Metadata: kafka.GroupProtocolSubscription{Topics: []string{cfg.Topic}}}},
	}
	var joined *kafka.JoinGroupResponse
	eventually(t, "the group is joined", func() bool {
		var err error
		joined, err = c.JoinGroup(ctx, request)
		if err != nil {
			return false
		}
		request.MemberID = joined.MemberID // Kafka names a member first and lets it in then
		return joined.Error == nil
	})
	synced, err := c.SyncGroup(ctx, &kafka.SyncGroupRequest{
		GroupID: cfg.Group, GenerationID: joined.GenerationID, MemberID: joined.MemberID, ProtocolType: "consumer", ProtocolName: "range",
		Assignments: []kafka.SyncGroupRequestAssignment{{MemberID: joined.MemberID,
			Assignment: kafka.GroupProtocolAssignment{AssignedPartitions: map[string][]int{cfg.Topic: {0}}}}},
	})
	if err == nil {
		err = synced.Error
	}
	if err != nil {
		t.Fatalf("SyncGroup = %v", err)
	}
	return &Partition{topic: topic, member: &member{id: joined.MemberID, generation: joined.GenerationID}}
}

// A loader is paused for so long that another takes over. When it wakes, knowing nothing, it cannot write a plan any
// more: neither while its successor is at work, nor after that has ended.
func TestZombieIsFenced(t *testing.T) {
	cfg := config(t, 1)
	cfg.SessionTimeout = time.Second
	topic := open(t, cfg)
	zombie := joinSilently(t, topic)
	ctx := bounded(t)
	plan := func(from, to uint64) load.Plan {
		return load.Plan{Log: topic.ID(), From: wal.Pos{Record: from}, To: wal.Pos{Record: to}}
	}
	if err := zombie.Write(ctx, plan(3, 9)); err != nil {
		t.Fatalf("Write while it is alive = %v", err)
	}
	successor := consume(t, open(t, cfg))
	heir := take(t, successor.got, "the partition to be taken over")
	if left, err := heir.Read(ctx); err != nil || left.From.Record != 3 || left.To.Record != 9 {
		t.Errorf("the plan that was left = %+v, %v, want 3 to 9", left, err)
	}
	if err := heir.Write(ctx, plan(9, 20)); err != nil {
		t.Errorf("Write of the successor = %v", err)
	}
	check := func(when string) {
		t.Helper()
		if err := zombie.Write(ctx, plan(9, 15)); !errors.Is(err, load.ErrFenced) {
			t.Errorf("Write of the one that wakes %s = %v, want %v", when, err, load.ErrFenced)
		}
		if now, err := heir.Read(ctx); err != nil || now.To.Record != 20 {
			t.Errorf("the plan %s = %+v, %v, want the successor's", when, now, err)
		}
	}
	check("beside its successor")
	successor.stop()
	if err := <-successor.done; err != nil && !errors.Is(err, context.Canceled) {
		t.Errorf("Consume = %v", err)
	}
	successor.done <- nil // for the test's end
	check("after its successor")
}

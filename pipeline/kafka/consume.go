package kafka

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/segmentio/kafka-go"

	"heed/pipeline/load"
)

const (
	// maxStop is the longest pause before a partition whose handler has failed is tried again.
	maxStop = time.Minute
	// lagEvery is how often the lag is asked for.
	lagEvery = 5 * time.Second
)

// Consume takes part in the consumer group until ctx ends, and then returns nil. For each partition that is assigned
// to this process handle is called in a goroutine of its own. Its context ends when the partition may have gone to
// another process; handle then has to return at once, since the group waits for it.
//
// An error of handle stops its partition alone: it is logged and handle is called again, after a pause that grows to a
// minute. So a message that this program is too old for stops one partition until a newer one takes over.
func (t *Topic) Consume(ctx context.Context, handle func(context.Context, *Partition) error) error {
	group, err := kafka.NewConsumerGroup(kafka.ConsumerGroupConfig{
		ID:                    t.cfg.Group,
		Brokers:               t.cfg.Brokers,
		Dialer:                t.dialer,
		Topics:                []string{t.cfg.Topic},
		GroupBalancers:        []kafka.GroupBalancer{kafka.RangeGroupBalancer{}},
		SessionTimeout:        t.cfg.SessionTimeout,
		HeartbeatInterval:     t.cfg.SessionTimeout / 5,
		RebalanceTimeout:      t.cfg.SessionTimeout,
		JoinGroupBackoff:      time.Second,
		WatchPartitionChanges: true,
	})
	if err != nil {
		return fmt.Errorf("join group %q: %w", t.cfg.Group, err)
	}
	var handlers sync.WaitGroup
	defer handlers.Wait()
	defer group.Close() // leaves the group, so that the others need not wait for the session to end
	for {
		generation, err := group.Next(ctx)
		if ctx.Err() != nil {
			return nil
		}
		if err != nil {
			t.metrics.limited(t.logger, "joining the consumer group waits for Kafka", "group", t.cfg.Group, "err", err)
			continue // the group pauses by itself
		}
		t.begin(ctx, generation, handle, &handlers)
	}
}

// begin starts a handler for each partition of the generation.
func (t *Topic) begin(ctx context.Context, g *kafka.Generation, handle func(context.Context, *Partition) error, handlers *sync.WaitGroup) {
	t.metrics.generations.Inc()
	assigned := g.Assignments[t.cfg.Topic]
	var numbers []int
	t.logger.Info("partitions assigned", "group", g.GroupID, "generation", g.ID, "partitions", len(assigned))
	for _, a := range assigned {
		p := &Partition{topic: t, number: a.ID, member: &member{id: g.MemberID, generation: int(g.ID)}}
		numbers = append(numbers, a.ID)
		handlers.Add(1)
		g.Start(func(ended context.Context) {
			defer handlers.Done()
			ctx, cancel := until(ctx, ended)
			defer cancel()
			t.keep(ctx, p, handle)
		})
	}
	handlers.Add(1)
	g.Start(func(ended context.Context) {
		defer handlers.Done()
		ctx, cancel := until(ctx, ended)
		defer cancel()
		t.watchLag(ctx, numbers)
	})
}

// until returns a context that ends with the first of two.
func until(ctx, ended context.Context) (context.Context, context.CancelFunc) {
	ctx, cancel := context.WithCancel(ctx)
	stop := context.AfterFunc(ended, cancel)
	return ctx, func() {
		stop()
		cancel()
	}
}

// watchLag keeps the gauges of the partitions that are ours, so that the loaders' gauges together are the lag of all.
func (t *Topic) watchLag(ctx context.Context, partitions []int) {
	defer t.metrics.forgetLag(partitions)
	for ctx.Err() == nil {
		committed, err := t.committed(ctx, partitions)
		for _, p := range partitions {
			if err != nil {
				break // the gauges keep what they have
			}
			var lag int64
			if lag, err = t.behind(ctx, p, committed[p]); err == nil {
				t.metrics.lag(p, lag)
			}
		}
		_ = wait(ctx, lagEvery)
	}
}

// keep calls handle for a partition until its generation is over.
func (t *Topic) keep(ctx context.Context, p *Partition, handle func(context.Context, *Partition) error) {
	for pause := time.Second; ctx.Err() == nil; pause = min(2*pause, maxStop) {
		err := handle(ctx, p)
		if err == nil || ctx.Err() != nil {
			break
		}
		if errors.Is(err, load.ErrFenced) {
			t.logger.Warn("partition was taken over", "partition", p.number, "err", err)
			return
		}
		t.metrics.stops.Inc()
		t.logger.Error("partition stands still", "partition", p.number, "pause", pause, "err", err)
		_ = wait(ctx, pause)
	}
	<-ctx.Done() // what returns earlier would end the generation for all partitions
}

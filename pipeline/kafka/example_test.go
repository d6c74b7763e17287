package kafka_test

import (
	"context"
	"crypto/rand"
	"fmt"
	"log/slog"

	"heed/pipeline/kafka"
	"heed/pipeline/kafka/kafkatest"
	"heed/pipeline/wal"
	"heed/schemas"
)

func Example() {
	cluster, err := kafkatest.Running() // any cluster
	if err != nil {
		fmt.Println(err)
		return
	}
	ctx := context.Background()
	topic, err := kafka.Open(ctx, kafka.Config{
		Brokers:     cluster.Brokers(),
		Topic:       "example-" + rand.Text(),
		Group:       "example-" + rand.Text(),
		Partitions:  1,
		Replication: 1,
	}, slog.New(slog.DiscardHandler))
	if err != nil {
		fmt.Println(err)
		return
	}
	defer topic.Close(ctx)

	pos, err := topic.Append(ctx, []*schemas.Envelope{{Kind: "page"}, {Kind: "form"}})
	fmt.Println("all replicas have them, the first at", pos, err)

	ctx, stop := context.WithCancel(ctx)
	err = topic.Consume(ctx, func(ctx context.Context, partition *kafka.Partition) error {
		reader, err := partition.Reader(wal.Pos{})
		if err != nil {
			return err
		}
		defer reader.Close()
		for range 2 {
			record, err := reader.Next(ctx)
			if err != nil {
				return err
			}
			var group schemas.Group
			if err := group.UnmarshalVT(record.Group); err != nil {
				return err
			}
			fmt.Println(group.Events[0].Kind, "at", record.Pos, "read on at", record.Next)
		}
		stop()
		return nil
	})
	fmt.Println(err)
	// Output:
	// all replicas have them, the first at 0/0/0 <nil>
	// page at 0/0/0 read on at 0/1/0
	// form at 0/1/0 read on at 0/2/0
	// <nil>
}

package kafka

import (
	"context"
	"errors"
	"fmt"

	"github.com/segmentio/kafka-go"

	"heed/pipeline/load"
	"heed/pipeline/wal"
)

// maxMetadataBytes is what brokers take with a commit by default (offset.metadata.max.bytes).
const maxMetadataBytes = 4096

var (
	_ load.Log   = (*Partition)(nil)
	_ load.Plans = (*Partition)(nil)
)

// Partition is one partition of the topic: a load.Log, and in a consumer group's generation also the load.Plans of
// whoever was assigned it.
type Partition struct {
	topic  *Topic
	number int
	member *member // nil outside of a group
}

// member is who we are in one generation of the consumer group.
type member struct {
	id         string
	generation int
}

// Number is the partition's number, which is also the segment of all of its positions.
func (p *Partition) Number() int { return p.number }

// ID names the topic and its generation, as Topic.ID does: positions differ between partitions.
func (p *Partition) ID() string { return p.topic.ID() }

// Trim does nothing: Kafka's retention ends what is old, and until then it can be replayed.
func (p *Partition) Trim(wal.Pos) error { return nil }

// Read returns the plan that was committed last, by any generation, or the zero Plan when there is none. It waits as
// long as Kafka cannot answer.
func (p *Partition) Read(ctx context.Context) (load.Plan, error) {
	for pause := firstPause; ; pause = min(2*pause, maxPause) {
		plan, err := p.read(ctx)
		if err == nil || !isPassing(err) || ctx.Err() != nil {
			return plan, err
		}
		p.topic.metrics.limited(p.topic.logger, "reading a plan waits for Kafka", "partition", p.number, "err", err)
		_ = wait(ctx, pause) // read tells that ctx has ended
	}
}

func (p *Partition) read(ctx context.Context) (load.Plan, error) {
	t := p.topic
	res, err := t.client.OffsetFetch(ctx, &kafka.OffsetFetchRequest{
		GroupID: t.cfg.Group,
		Topics:  map[string][]int{t.cfg.Topic: {p.number}},
	})
	if err == nil {
		err = res.Error
	}
	if err != nil {
		return load.Plan{}, fmt.Errorf("read plan of partition %d: %w", p.number, err)
	}
	for _, have := range res.Topics[t.cfg.Topic] {
		if have.Partition != p.number {
			continue
		}
		if have.Error != nil {
			return load.Plan{}, fmt.Errorf("read plan of partition %d: %w", p.number, have.Error)
		}
		return p.decodePlan(have.CommittedOffset, have.Metadata)
	}
	return load.Plan{}, fmt.Errorf("read plan of partition %d: Kafka's answer does not have it", p.number)
}

// decodePlan turns a commit into a plan. An offset that someone has set by hand, as kafka-consumer-groups does, has no
// plan: loading begins there, and rows that are stored already are recognised.
func (p *Partition) decodePlan(offset int64, metadata string) (load.Plan, error) {
	if offset < 0 {
		return load.Plan{}, nil
	}
	if metadata == "" {
		at := wal.Pos{Segment: uint32(p.number), Record: uint64(offset)}
		return load.Plan{Log: p.ID(), From: at, To: at}, nil
	}
	plan, err := load.DecodePlan([]byte(metadata))
	if err != nil {
		return load.Plan{}, &planError{partition: p.number, offset: offset, err: err}
	}
	return plan, nil
}

// Write commits the plan under this generation. A commit of a generation that is over is refused by Kafka, and is
// load.ErrFenced here. After any other error it may have been written or not.
func (p *Partition) Write(ctx context.Context, plan load.Plan) error {
	if p.member == nil {
		return fmt.Errorf("write plan of partition %d: it is not read in a consumer group", p.number)
	}
	raw, err := plan.Encode()
	if err != nil {
		return err
	}
	if len(raw) > maxMetadataBytes {
		return fmt.Errorf("write plan of partition %d: it has %d bytes, a commit takes %d", p.number, len(raw), maxMetadataBytes)
	}
	t := p.topic
	res, err := t.client.OffsetCommit(ctx, &kafka.OffsetCommitRequest{
		GroupID:      t.cfg.Group,
		GenerationID: p.member.generation,
		MemberID:     p.member.id,
		Topics: map[string][]kafka.OffsetCommit{
			t.cfg.Topic: {{Partition: p.number, Offset: int64(plan.From.Record), Metadata: string(raw)}},
		},
	})
	if err != nil {
		return fmt.Errorf("write plan of partition %d: %w", p.number, err)
	}
	answers := res.Topics[t.cfg.Topic]
	switch {
	case len(answers) != 1:
		return fmt.Errorf("write plan of partition %d: Kafka's answer does not have it", p.number)
	case isFenced(answers[0].Error):
		return fmt.Errorf("write plan of partition %d in generation %d: %w: %w",
			p.number, p.member.generation, load.ErrFenced, answers[0].Error)
	case answers[0].Error != nil:
		return fmt.Errorf("write plan of partition %d: %w", p.number, answers[0].Error)
	}
	return nil
}

// isPassing reports that the same request may be answered later: Kafka was not reached, or is not ready.
func isPassing(err error) bool {
	answer, answered := errors.AsType[kafka.Error](err)
	_, decoded := errors.AsType[*planError](err)
	return !decoded && (!answered || answer.Temporary())
}

// planError says that what stands in a commit is no plan that this program can read.
type planError struct {
	partition int
	offset    int64
	err       error
}

func (e *planError) Error() string {
	return fmt.Sprintf("plan of partition %d at offset %d: %v", e.partition, e.offset, e.err)
}

func (e *planError) Unwrap() error { return e.err }

// isFenced reports that Kafka knows this member, or its generation, no more.
func isFenced(err error) bool {
	return errors.Is(err, kafka.IllegalGeneration) || errors.Is(err, kafka.UnknownMemberId) ||
		errors.Is(err, kafka.RebalanceInProgress) || errors.Is(err, kafka.FencedInstanceID)
}

package kafka

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strconv"
	"time"

	"github.com/segmentio/kafka-go"
	"github.com/segmentio/kafka-go/protocol"

	"heed/pipeline/clickhouse"
	"heed/pipeline/load"
	"heed/schemas"
)

const (
	// reasonHeader holds why it died. The message's value is the event as it came, its time is when it died.
	reasonHeader = "reason"
	// markSuffix tells the key of what became of a letter from that of the letter.
	markSuffix = "#"
	// maxReasonBytes cuts a reason that would not leave room for the event.
	maxReasonBytes = 4 << 10
)

var _ load.DeadStore = (*DeadLetters)(nil)

// DeadLetters is the topic of what could not be rows. Its key is the event's position, and Kafka keeps the last message
// of each key: a letter that is written again is there once. A letter without bytes says what became of one; it stands
// under a key of its own. All methods may be called from any goroutine.
type DeadLetters struct{ topic *Topic }

// DeadLetters returns the topic's dead letters.
func (t *Topic) DeadLetters() *DeadLetters { return &DeadLetters{topic: t} }

// InsertDead writes letters and returns after every in-sync replica has them. After an error some may be there; the
// same call puts them there once. Kafka needs no token.
func (d *DeadLetters) InsertDead(ctx context.Context, _ string, letters []clickhouse.DeadLetter) error {
	var records []kafka.Record
	bytes := 0
	for i, letter := range letters {
		reason := letter.Reason[:min(len(letter.Reason), maxReasonBytes)]
		records = append(records, kafka.Record{
			Time:    letter.Time,
			Key:     kafka.NewBytes([]byte(letterKey(letter))),
			Value:   kafka.NewBytes(append([]byte{}, letter.Envelope...)), // empty, not absent: absent deletes
			Headers: []kafka.Header{{Key: reasonHeader, Value: []byte(reason)}},
		})
		bytes += len(letter.Envelope) + len(reason) + 2*recordOverhead
		if bytes < maxBatchBytes/2 && i < len(letters)-1 {
			continue
		}
		if err := d.produce(ctx, records); err != nil {
			return err
		}
		d.topic.metrics.dead.Add(len(records))
		records, bytes = nil, 0
	}
	return nil
}

// DropDead removes the letter at a position. Nobody reads it any more at once; its bytes leave the brokers' disks with
// the next compaction, within about a day. What is left says what became of it.
func (d *DeadLetters) DropDead(ctx context.Context, source schemas.Source) error {
	key := letterKey(clickhouse.DeadLetter{Source: source, Envelope: []byte{0}})
	return d.produce(ctx, []kafka.Record{{Time: time.Now(), Key: kafka.NewBytes([]byte(key))}})
}

func (d *DeadLetters) produce(ctx context.Context, records []kafka.Record) error {
	res, err := d.topic.client.Produce(ctx, &kafka.ProduceRequest{
		Topic:        d.topic.cfg.deadTopic(),
		RequiredAcks: kafka.RequireAll,
		Records:      kafka.NewRecordReader(records...),
		Compression:  compression,
	})
	if err == nil {
		err = res.Error
	}
	if err != nil {
		return fmt.Errorf("write %d dead letters to topic %q: %w", len(records), d.topic.cfg.deadTopic(), err)
	}
	return nil
}

// EachDead yields the letters whose time lies in [since, until), each once, in the order in which they were written
// last. It reads the topic twice: first which messages are the last of their key, then those. An error of yield ends it
// and is returned.
func (d *DeadLetters) EachDead(ctx context.Context, since, until time.Time, yield func(clickhouse.DeadLetter) error) error {
	last := make(map[string]int64)
	end, err := d.each(ctx, -1, func(rec *stored) error {
		last[string(rec.key)] = rec.offset
		return nil
	})
	if err != nil {
		return err
	}
	_, err = d.each(ctx, end, func(rec *stored) error {
		if last[string(rec.key)] != rec.offset || rec.deleted || rec.time.Before(since) || !rec.time.Before(until) {
			return nil
		}
		letter, err := rec.letter()
		if err != nil {
			return fmt.Errorf("read dead letter at offset %d: %w", rec.offset, err)
		}
		return yield(letter)
	})
	return err
}

// stored is a message of the topic of dead letters.
type stored struct {
	offset  int64
	time    time.Time
	key     []byte
	value   []byte
	deleted bool
	headers []kafka.Header
}

func (s *stored) letter() (clickhouse.DeadLetter, error) {
	letter := clickhouse.DeadLetter{Time: s.time, Envelope: s.value}
	key := string(s.key)
	if len(key) > 0 && key[len(key)-1:] == markSuffix {
		key = key[:len(key)-1]
	}
	var err error
	letter.Source, err = load.ParseSource(key)
	for _, h := range s.headers {
		if h.Key == reasonHeader {
			letter.Reason = string(h.Value)
		}
	}
	return letter, err
}

// letterKey is the position; marks have one of their own.
func letterKey(letter clickhouse.DeadLetter) string {
	key := load.FormatSource(letter.Source)
	if len(letter.Envelope) == 0 {
		key += markSuffix
	}
	return key
}

// each yields the messages before end, or before the present end when that is negative, and returns the end.
func (d *DeadLetters) each(ctx context.Context, end int64, yield func(*stored) error) (int64, error) {
	name := d.topic.cfg.deadTopic()
	at, err := d.topic.offset(ctx, name, 0, kafka.FirstOffset)
	if err == nil && end < 0 {
		end, err = d.topic.offset(ctx, name, 0, kafka.LastOffset)
	}
	for err == nil && at < end {
		var res *kafka.FetchResponse
		res, err = d.topic.client.Fetch(ctx, &kafka.FetchRequest{
			Topic: name, Offset: at, MinBytes: 1, MaxBytes: maxFetchBytes, MaxWait: fetchWait,
		})
		if err == nil {
			err = res.Error
		}
		if err != nil {
			break
		}
		before := at
		at, err = eachOf(res.Records, at, end, yield)
		if at == before && res.HighWatermark >= end && res.Throttle == 0 {
			break // compaction has left nothing up to the end
		}
	}
	if err != nil {
		return end, fmt.Errorf("read topic %q: %w", name, err)
	}
	return end, nil
}

// eachOf yields the messages of one answer and returns where to go on. Gaps are what compaction has left.
func eachOf(records kafka.RecordReader, at, end int64, yield func(*stored) error) (int64, error) {
	for {
		rec, err := records.ReadRecord()
		if errors.Is(err, io.EOF) {
			return at, nil
		}
		if err != nil {
			return at, err
		}
		s := &stored{offset: rec.Offset, time: rec.Time, deleted: rec.Value == nil, headers: rec.Headers}
		var keyErr, valueErr error
		s.key, keyErr = protocol.ReadAll(rec.Key)
		s.value, valueErr = protocol.ReadAll(rec.Value)
		closeBytes(rec.Key)
		closeBytes(rec.Value)
		if err := errors.Join(keyErr, valueErr); err != nil {
			return at, err
		}
		if s.offset < at || s.offset >= end {
			continue
		}
		if err := yield(s); err != nil {
			return at, err
		}
		at = s.offset + 1
	}
}

// deadSettings make Kafka forget a dropped letter within about a day.
func deadSettings(minInSync int) []kafka.ConfigEntry {
	day := strconv.FormatInt((24 * time.Hour).Milliseconds(), 10)
	return []kafka.ConfigEntry{
		{ConfigName: "cleanup.policy", ConfigValue: "compact"},
		{ConfigName: "min.insync.replicas", ConfigValue: strconv.Itoa(minInSync)},
		{ConfigName: "max.compaction.lag.ms", ConfigValue: day},
		{ConfigName: "delete.retention.ms", ConfigValue: day},
		{ConfigName: "message.timestamp.after.max.ms", ConfigValue: "9223372036854775807"}, // whatever a loader's clock says
	}
}

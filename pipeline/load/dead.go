package load

import (
	"context"
	"fmt"

	"heed/pipeline/clickhouse"
	"heed/schemas"
)

// fault says at which step an event turned out not to be a row.
type fault string

// All faults, as the metric has them.
const (
	damaged fault = "damaged" // its bytes are no envelope
	invalid fault = "invalid" // a field cannot be kept
	refused fault = "refused" // ClickHouse did not take the row
)

// letter is a dead letter on its way.
type letter struct {
	clickhouse.DeadLetter
	fault fault
}

// refuse makes a dead letter of a row that ClickHouse does not take.
func (l *Loader) refuse(ctx context.Context, b *block, row clickhouse.Row, refusal error) error {
	raw, err := row.Envelope.MarshalVT() // with the fields that this program does not know
	if err != nil {
		return fmt.Errorf("encode refused event: %w", err)
	}
	dead := clickhouse.DeadLetter{Reason: refusal.Error(), Source: row.Source, Envelope: raw}
	if err := l.bury(ctx, []letter{{dead, refused}}); err != nil {
		return err
	}
	l.disturbed = true
	if b.buried == nil {
		b.buried = map[schemas.Source]bool{}
	}
	b.buried[row.Source] = true
	return nil
}

// bury stores what cannot be rows, until it is taken or ctx ends. All get one time: an insert of dead letters may not
// span two months.
//
// A dead letter may come to stand there twice, never not at all: who reads dead letters takes those of one position for
// one.
func (l *Loader) bury(ctx context.Context, letters []letter) error {
	if len(letters) == 0 {
		return nil
	}
	now, first := l.now(), letters[0]
	dead := make([]clickhouse.DeadLetter, len(letters))
	for i, letter := range letters {
		letter.Time = now
		dead[i] = letter.DeadLetter
	}
	token := fmt.Sprintf("%s/dead/%d-%d-%d", first.Source.Origin, first.Source.Partition, first.Source.Offset, first.Source.Event)
	err := l.repeat(ctx, "store dead letters", token, func(token string) error { return l.Dead.InsertDead(ctx, token, dead) })
	if err != nil {
		return err
	}
	for _, letter := range letters {
		site, _ := peek(letter.Envelope)
		l.ends.add(string(site), Ends{Dead: 1})
		l.metrics.dead[letter.fault].Inc()
	}
	l.logger.Error("events could not be rows and became dead letters", "count", len(letters), "reason", first.Reason)
	return nil
}

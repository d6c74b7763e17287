package load

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"strconv"
	"strings"
	"time"

	"heed/pipeline/clickhouse"
	"heed/schemas"
)

// ErrNoLetter means that there is no dead letter at that position.
var ErrNoLetter = errors.New("there is no such dead letter")

// LetterState says what became of a dead letter.
type LetterState string

// All states.
const (
	Waiting  LetterState = "waiting"  // nobody has dealt with it
	Replayed LetterState = "replayed" // its event is a row, or a duplicate of one
	Dropped  LetterState = "dropped"  // somebody took its bytes away; what it was is left
)

// The marks that say what became of a letter are letters themselves, at the same position and without bytes, so that
// they can live wherever letters do and nothing is ever changed in place. No reason that a loader gives begins so.
const (
	replayedMark = "heed: replayed"
	droppedMark  = "heed: dropped, "
)

// forEver is later than every dead letter.
var forEver = time.Date(2200, 1, 1, 0, 0, 0, 0, time.UTC)

// Letter is a dead letter as an operator meets it.
type Letter struct {
	clickhouse.DeadLetter
	State LetterState
	// Site and Received are read from the envelope as far as they can be: "" and the zero time where not.
	Site     string
	Received time.Time
}

// LetterFilter selects dead letters. The zero filter selects all that wait.
type LetterFilter struct {
	Since, Until time.Time // when they died: from Since on and before Until; zero means without bound
	Reason       string    // a part of the reason
	Site         string
	Origin       string
	Ended        bool // also those replayed or dropped
}

// DeadLetters lists, replays and drops what could not be rows.
type DeadLetters struct {
	store  DeadStore
	logger *slog.Logger
	now    func() time.Time
}

// NewDeadLetters opens the dead letters of a store; now is the clock, nil for time.Now.
func NewDeadLetters(store DeadStore, logger *slog.Logger, now func() time.Time) *DeadLetters {
	if now == nil {
		now = time.Now
	}
	return &DeadLetters{store, logger.With("component", "load"), now}
}

// Each yields the letters that the filter selects, one for each position, in the order in which the store has them. An
// error of yield ends it and is returned.
func (d *DeadLetters) Each(ctx context.Context, filter LetterFilter, yield func(Letter) error) error {
	if filter.Since.IsZero() {
		filter.Since = time.UnixMilli(0)
	}
	if filter.Until.IsZero() {
		filter.Until = forEver
	}
	marks, err := d.marks(ctx, filter.Since)
	if err != nil {
		return err
	}
	seen := map[schemas.Source]bool{}
	return d.store.EachDead(ctx, filter.Since, filter.Until, func(dead clickhouse.DeadLetter) error {
		letter, mark := newLetter(dead)
		if mark && letter.State == Replayed || seen[dead.Source] {
			return nil // the letter itself is still there, or was here
		}
		if !mark && marks[dead.Source] != "" {
			letter.State = marks[dead.Source]
		}
		if !filter.selects(letter) {
			return nil
		}
		seen[dead.Source] = true
		return yield(letter)
	})
}

// marks reads what became of letters.
func (d *DeadLetters) marks(ctx context.Context, since time.Time) (map[schemas.Source]LetterState, error) {
	marks := map[schemas.Source]LetterState{}
	err := d.store.EachDead(ctx, since, forEver, func(dead clickhouse.DeadLetter) error {
		if letter, mark := newLetter(dead); mark && marks[dead.Source] != Dropped {
			marks[dead.Source] = letter.State
		}
		return nil
	})
	return marks, err
}

// newLetter tells letters and marks apart. A dropped letter is what its mark has kept of it.
func newLetter(dead clickhouse.DeadLetter) (letter Letter, mark bool) {
	letter = Letter{DeadLetter: dead, State: Waiting}
	if len(dead.Envelope) == 0 {
		if dead.Reason == replayedMark {
			letter.State = Replayed
			return letter, true
		}
		if reason, ok := strings.CutPrefix(dead.Reason, droppedMark); ok {
			letter.State, letter.Reason = Dropped, reason
			return letter, true
		}
	}
	site, receivedMs := peek(dead.Envelope)
	letter.Site = string(site)
	if receivedMs > 0 {
		letter.Received = time.UnixMilli(receivedMs).UTC()
	}
	return letter, false
}

func (f LetterFilter) selects(l Letter) bool {
	return (f.Ended || l.State == Waiting) && strings.Contains(l.Reason, f.Reason) &&
		(f.Site == "" || f.Site == l.Site) && (f.Origin == "" || f.Origin == l.Source.Origin)
}

// Show returns the letter at a position, in whatever state, or ErrNoLetter.
func (d *DeadLetters) Show(ctx context.Context, at schemas.Source) (found Letter, err error) {
	err = d.Each(ctx, LetterFilter{Ended: true}, func(letter Letter) error {
		if letter.Source == at {
			found = letter
			return errFound
		}
		return nil
	})
	switch {
	case errors.Is(err, errFound):
		return found, nil
	case err != nil:
		return found, err
	}
	return found, fmt.Errorf("%w: %s", ErrNoLetter, FormatSource(at))
}

var errFound = errors.New("found")

// Drop takes the bytes of the letter at a position away for good. When and why it died stays. To drop it again changes
// nothing; one that is not there is ErrNoLetter.
func (d *DeadLetters) Drop(ctx context.Context, at schemas.Source) error {
	letter, err := d.Show(ctx, at)
	if err != nil {
		return err
	}
	return d.dropLetter(ctx, letter, letter.Reason)
}

// Withdraw takes the bytes of a letter away when its event carries one of the records, and says whether it does. Of bytes
// that are no envelope it is enough that one of the records stands in them, and that no other site does.
func (d *DeadLetters) Withdraw(ctx context.Context, dead clickhouse.DeadLetter, records map[clickhouse.RecordKey]bool) (bool, error) {
	if !carries(dead.Envelope, records) {
		return false, nil
	}
	letter, _ := newLetter(dead)
	return true, d.dropLetter(ctx, letter, withdrawnReason)
}

// carries reports whether the bytes of an event hold one of the records, on doubt that they do.
func carries(envelope []byte, records map[clickhouse.RecordKey]bool) bool {
	ev := new(schemas.Envelope)
	if err := ev.UnmarshalVT(envelope); err == nil {
		key, ok := recordOf(ev)
		return ok && records[key]
	}
	site, _ := peek(envelope)
	for key := range records {
		if bytes.Contains(envelope, key.Record[:]) && (len(site) == 0 || string(site) == key.Site) {
			return true
		}
	}
	return false
}

// dropLetter takes the bytes of a letter away. Its mark says why it died, or why it had to go.
func (d *DeadLetters) dropLetter(ctx context.Context, letter Letter, reason string) error {
	at := letter.Source
	if letter.State != Dropped { // the trace first: a crash in between leaves a letter that can be dropped again
		if err := d.mark(ctx, "dropped", droppedMark+reason, []schemas.Source{at}); err != nil {
			return err
		}
	}
	return d.store.DropDead(ctx, at)
}

// withdrawnReason is what is left of a letter whose consent record was ended.
const withdrawnReason = "its visitor had withdrawn the consent that it was collected by"

// mark writes down what became of letters.
func (d *DeadLetters) mark(ctx context.Context, state, reason string, at []schemas.Source) error {
	now := d.now().UTC()
	marks := make([]clickhouse.DeadLetter, len(at))
	for i, source := range at {
		marks[i] = clickhouse.DeadLetter{Time: now, Reason: reason, Source: source}
	}
	token := fmt.Sprintf("%s/%s/%d", state, FormatSource(at[0]), now.UnixNano())
	return d.store.InsertDead(ctx, token, marks)
}

// FormatSource writes a position as operators name it: origin/partition/offset/event.
func FormatSource(s schemas.Source) string {
	return fmt.Sprintf("%s/%d/%d/%d", s.Origin, s.Partition, s.Offset, s.Event)
}

// ParseSource reads what FormatSource has written.
func ParseSource(text string) (s schemas.Source, err error) {
	parts := strings.Split(text, "/")
	if len(parts) != 4 || parts[0] == "" {
		return s, fmt.Errorf("position %q: want origin/partition/offset/event", text)
	}
	partition, partitionErr := strconv.ParseUint(parts[1], 10, 32)
	offset, offsetErr := strconv.ParseUint(parts[2], 10, 64)
	event, eventErr := strconv.ParseUint(parts[3], 10, 32)
	if errors.Join(partitionErr, offsetErr, eventErr) != nil {
		return s, fmt.Errorf("position %q: partition, offset and event must be numbers", text)
	}
	return schemas.Source{Origin: parts[0], Partition: uint32(partition), Offset: offset, Event: uint32(event)}, nil
}

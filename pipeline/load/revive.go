package load

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"time"

	"heed/pipeline/clickhouse"
	"heed/schemas"
)

// reviveChunk is how many letters are loaded at a time.
const reviveChunk = 1000

// Revival says what became of the letters that Replay was to load.
type Revival struct {
	Loaded     uint64 // are rows now
	Duplicates uint64 // were rows already, from this or another position
	Withdrawn  uint64 // were dropped: the visitor has ended the consent record that they carry
	Failed     uint64 // wait further: they cannot be rows to this program and this ClickHouse either
}

// Replay decodes the waiting letters that the filter selects once more and loads their events: each becomes a row at
// the position it has always had, unless its id is stored already. Then the letter is marked as replayed. A letter that
// cannot be a row stays, and failed is told why; one whose consent record was ended is dropped. After an error, or a crash at any moment, the same call goes on and
// adds nothing twice. Two calls at a time are not for the same letters, and no call for letters of a batch that a loader
// has not brought to rest.
func (d *DeadLetters) Replay(ctx context.Context, filter LetterFilter, into Store, failed func(Letter, error)) (Revival, error) {
	filter.Ended = false
	if filter.Until.IsZero() {
		filter.Until = d.now() // letters that die meanwhile are for the next call
	}
	r := &reviver{DeadLetters: d, into: into, failed: failed, withdrawals: NewWithdrawals(into, d.now)}
	err := d.Each(ctx, filter, func(letter Letter) error {
		if r.letters = append(r.letters, letter); len(r.letters) < reviveChunk {
			return nil
		}
		return r.flush(ctx)
	})
	if err == nil {
		err = r.flush(ctx)
	}
	return r.Revival, err
}

// reviver loads letters.
type reviver struct {
	*DeadLetters
	Revival
	into        Store
	failed      func(Letter, error)
	withdrawals *Withdrawals
	letters     []Letter // decoded next
}

// flush loads the letters in hand and marks those that are rows.
func (r *reviver) flush(ctx context.Context) error {
	rows, letters, err := r.decode()
	if err != nil {
		return err
	}
	rows, err = r.dropWithdrawn(ctx, rows, letters)
	if err != nil {
		return err
	}
	missing, err := r.missing(ctx, rows)
	if err != nil {
		return err
	}
	r.Duplicates += uint64(len(rows) - len(missing))
	parts, err := blocks(ctx, r.into, missing)
	if err != nil {
		return err
	}
	for _, block := range parts {
		refusals, err := r.store(ctx, block.Rows)
		if err != nil {
			return err
		}
		r.Loaded += uint64(len(block.Rows) - len(refusals))
		for source, refusal := range refusals {
			r.fail(letters[source], refusal)
			delete(letters, source)
		}
	}
	if len(letters) == 0 {
		return nil
	}
	var done []schemas.Source
	for _, row := range rows {
		if _, ok := letters[row.Source]; ok {
			done = append(done, row.Source)
		}
	}
	return r.mark(ctx, "replayed", replayedMark, done)
}

// decode makes rows of the letters in hand, which it returns by position. An event of a newer program ends the replay.
func (r *reviver) decode() (rows []clickhouse.Row, letters map[schemas.Source]Letter, err error) {
	letters = map[schemas.Source]Letter{}
	for _, letter := range r.letters {
		row, err := revive(letter)
		if errors.Is(err, schemas.ErrTooNew) {
			return nil, nil, err
		}
		if err != nil {
			r.fail(letter, err)
			continue
		}
		letters[letter.Source] = letter
		rows = append(rows, row)
	}
	r.letters = r.letters[:0]
	return rows, letters, nil
}

func (r *reviver) fail(letter Letter, err error) {
	r.Failed++
	r.failed(letter, err)
}

// revive makes a row of a letter, or says why it cannot be one.
func revive(letter Letter) (clickhouse.Row, error) {
	ev := new(schemas.Envelope)
	err := ev.UnmarshalVT(letter.Envelope)
	if err == nil {
		err = schemas.CheckVersion(ev.Version)
	}
	if err != nil {
		return clickhouse.Row{}, err
	}
	if reason := unfit(ev); reason != "" {
		return clickhouse.Row{}, errors.New(reason)
	}
	return clickhouse.Row{Envelope: ev, Source: letter.Source}, nil
}

// errWithdrawn means that a letter's consent record was ended while it was loaded. The next call drops it.
var errWithdrawn = errors.New("the visitor has just ended the consent record that it carries")

// dropWithdrawn drops the letters whose consent record was ended, and returns the rows of the others.
func (r *reviver) dropWithdrawn(ctx context.Context, rows []clickhouse.Row, letters map[schemas.Source]Letter) ([]clickhouse.Row, error) {
	kept, gone, err := r.screen(ctx, rows)
	if err != nil {
		return nil, err
	}
	for _, row := range gone {
		if err := r.dropLetter(ctx, letters[row.Source], withdrawnReason); err != nil {
			return nil, err
		}
		delete(letters, row.Source)
		r.Withdrawn++
	}
	return kept, nil
}

// screen parts rows into those that may be stored and those whose consent record was ended.
func (r *reviver) screen(ctx context.Context, rows []clickhouse.Row) (kept, gone []clickhouse.Row, err error) {
	ended, _, err := r.withdrawals.among(ctx, rows)
	if err != nil {
		return nil, nil, err
	}
	for _, row := range rows {
		key, ok := recordOf(row.Envelope)
		keeps, over := ended[key]
		if ok && over && keeps == 0 {
			gone = append(gone, row)
			continue
		}
		if ok && over {
			strip(row.Envelope)
		}
		kept = append(kept, row)
	}
	return kept, gone, nil
}

// missing returns those of rows whose events are not stored, the first of each.
func (r *reviver) missing(ctx context.Context, rows []clickhouse.Row) (missing []clickhouse.Row, err error) {
	keys := make([]clickhouse.EventKey, len(rows))
	for i, row := range rows {
		keys[i] = keyOf(&row)
	}
	stored, err := r.into.HasIDs(ctx, keys)
	if err != nil {
		return nil, err
	}
	seen := map[clickhouse.EventKey]bool{}
	for i, row := range rows {
		if _, ok := stored[keys[i]]; !ok && !seen[keys[i]] {
			missing = append(missing, row)
		}
		seen[keys[i]] = true
	}
	return missing, nil
}

// store inserts rows of one partition until all but those that ClickHouse refuses are there. The token comes from
// their positions, so that a repeat of an insert that is still under way adds nothing.
func (r *reviver) store(ctx context.Context, rows []clickhouse.Row) (refusals map[schemas.Source]error, err error) {
	hash := sha256.New()
	for _, row := range rows {
		fmt.Fprintln(hash, FormatSource(row.Source))
	}
	token, burnt := fmt.Sprintf("letters/%x", hash.Sum(nil)), 0
	refusals = map[schemas.Source]error{}
	err = retry(ctx, func() error {
		left, err := r.left(ctx, rows, refusals)
		if err != nil || len(left) == 0 {
			return err
		}
		name := token
		if burnt > 0 {
			name += "/again" + strconv.Itoa(burnt)
		}
		if err := r.insert(ctx, name, left, refusals); err != nil {
			return err
		}
		if left, err = r.left(ctx, rows, refusals); err == nil && len(left) > 0 {
			burnt++ // the token is remembered without its rows
			err = fmt.Errorf("%d of %d rows are not there after their insert", len(left), len(rows))
		}
		return err
	}, func(pause time.Duration, err error) {
		r.logger.Warn("dead letters could not be loaded, will try again", "pause", pause, "err", err)
	})
	return refusals, err
}

// left returns those of rows that are neither stored nor refused. Those whose record was ended meanwhile count as refused.
func (r *reviver) left(ctx context.Context, rows []clickhouse.Row, refusals map[schemas.Source]error) ([]clickhouse.Row, error) {
	missing, err := r.missing(ctx, rows)
	if err != nil {
		return nil, err
	}
	missing, gone, err := r.screen(ctx, missing) // the last thing before they are sent
	for _, row := range gone {
		refusals[row.Source] = errWithdrawn
	}
	return slices.DeleteFunc(missing, func(row clickhouse.Row) bool { return refusals[row.Source] != nil }), err
}

// insert sends rows and finds those that ClickHouse refuses by halving.
func (r *reviver) insert(ctx context.Context, token string, rows []clickhouse.Row, refusals map[schemas.Source]error) error {
	now := r.now().UTC().Truncate(time.Millisecond)
	for i := range rows {
		rows[i].Loaded = now
	}
	err := r.into.InsertBlock(ctx, token, &clickhouse.Block{Rows: rows})
	if err == nil || !errors.Is(err, clickhouse.ErrRefused) {
		return err
	}
	if len(rows) == 1 {
		refusals[rows[0].Source] = err
		return nil
	}
	half := len(rows) / 2
	if err := r.insert(ctx, token+"/0", rows[:half], refusals); err != nil {
		return err
	}
	return r.insert(ctx, token+"/1", rows[half:], refusals)
}

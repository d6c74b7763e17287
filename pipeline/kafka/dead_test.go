package kafka

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"heed/pipeline/clickhouse"
	"heed/pipeline/load"
	"heed/schemas"
)

func letters(t *testing.T, d *DeadLetters, since, until time.Time) (all []clickhouse.DeadLetter) {
	t.Helper()
	err := d.EachDead(bounded(t), since, until, func(l clickhouse.DeadLetter) error {
		all = append(all, l)
		return nil
	})
	if err != nil {
		t.Fatalf("EachDead = %v", err)
	}
	return all
}

func TestDeadLetters(t *testing.T) {
	topic := open(t, config(t, 1))
	d := topic.DeadLetters()
	day := time.Date(2026, 3, 1, 0, 0, 0, 0, time.UTC)
	letter := func(n uint64, reason string, envelope []byte) clickhouse.DeadLetter {
		return clickhouse.DeadLetter{Time: day.Add(time.Duration(n) * time.Hour), Reason: reason, Envelope: envelope,
			Source: schemas.Source{Origin: "heed-events.1", Partition: 3, Offset: n, Event: 0}}
	}
	put := func(ls ...clickhouse.DeadLetter) {
		t.Helper()
		if err := d.InsertDead(bounded(t), "", ls); err != nil {
			t.Fatalf("InsertDead = %v", err)
		}
	}
	if got := letters(t, d, day, day.AddDate(1, 0, 0)); len(got) != 0 {
		t.Errorf("letters at first = %v, want none", got)
	}
	put(letter(1, "no id", []byte{0, 1, 255}), letter(2, strings.Repeat("long ", 2000), nil), letter(3, "bad", []byte("x")))
	put(letter(1, "no id", []byte{0, 1, 255})) // the loader was killed and came back
	put(letter(3, "heed: replayed", nil))      // a mark does not take the letter's place
	got := letters(t, d, day, day.AddDate(1, 0, 0))
	if len(got) != 4 {
		t.Fatalf("%d letters, want 4: %v", len(got), got)
	}
	byReason := map[string]clickhouse.DeadLetter{}
	for _, l := range got {
		byReason[l.Reason[:min(5, len(l.Reason))]] = l
	}
	want := letter(1, "no id", []byte{0, 1, 255})
	if l := byReason["no id"]; !l.Time.Equal(want.Time) || l.Source != want.Source || string(l.Envelope) != string(want.Envelope) {
		t.Errorf("letter = %+v, want %+v", l, want)
	}
	if l := byReason["long "]; len(l.Reason) != maxReasonBytes || len(l.Envelope) != 0 {
		t.Errorf("letter without bytes = reason of %d bytes, envelope %x, want it cut to %d", len(l.Reason), l.Envelope, maxReasonBytes)
	}
	if err := d.DropDead(bounded(t), letter(3, "", nil).Source); err != nil {
		t.Fatalf("DropDead = %v", err)
	}
	got = letters(t, d, day.Add(3*time.Hour), day.Add(4*time.Hour))
	if len(got) != 1 || got[0].Reason != "heed: replayed" {
		t.Errorf("after DropDead, letters of that hour = %v, want the mark alone", got)
	}
	stop := errors.New("stop")
	err := d.EachDead(bounded(t), day, day.AddDate(1, 0, 0), func(clickhouse.DeadLetter) error { return stop })
	if !errors.Is(err, stop) {
		t.Errorf("EachDead with a yield that fails = %v, want its error", err)
	}
}

// More than one request can hold, read in more than one answer.
func TestManyDeadLetters(t *testing.T) {
	d := open(t, config(t, 1)).DeadLetters()
	var all []clickhouse.DeadLetter
	for n := range 400 {
		all = append(all, clickhouse.DeadLetter{Time: time.Now(), Reason: "bad", Envelope: []byte(strings.Repeat(fmt.Sprint(n), 2000)),
			Source: schemas.Source{Origin: "o", Offset: uint64(n)}})
	}
	if err := d.InsertDead(bounded(t), "", all); err != nil {
		t.Fatal(err)
	}
	if got := letters(t, d, time.Now().Add(-time.Hour), time.Now().Add(time.Hour)); len(got) != len(all) {
		t.Errorf("%d letters, want %d", len(got), len(all))
	}
}

// load's own view of dead letters works on the topic.
func TestDeadLettersAsLoadSeesThem(t *testing.T) {
	topic := open(t, config(t, 1))
	at := schemas.Source{Origin: "heed-events.1", Partition: 1, Offset: 2}
	put := clickhouse.DeadLetter{Time: time.Now(), Reason: "no id", Source: at, Envelope: []byte("secret")}
	if err := topic.DeadLetters().InsertDead(bounded(t), "", []clickhouse.DeadLetter{put}); err != nil {
		t.Fatal(err)
	}
	d := load.NewDeadLetters(topic.DeadLetters(), discard(), nil)
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	if l, err := d.Show(ctx, at); err != nil || string(l.Envelope) != "secret" || l.State != load.Waiting {
		t.Errorf("Show = %+v, %v, want the letter, waiting", l, err)
	}
	if err := d.Drop(ctx, at); err != nil {
		t.Fatalf("Drop = %v", err)
	}
	if l, err := d.Show(ctx, at); err != nil || l.State != load.Dropped || len(l.Envelope) != 0 || l.Reason != "no id" {
		t.Errorf("Show after Drop = %+v, %v, want what is left of it", l, err)
	}
}

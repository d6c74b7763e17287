package load_test

import (
	"bytes"
	"context"
	"errors"
	"math"
	"reflect"
	"strings"
	"testing"
	"time"

	"heed/pipeline/load"
	"heed/pipeline/wal"
	"heed/schemas"
)

// An offset commit takes 4,096 bytes beside the offset.
func TestPlanFitsACommit(t *testing.T) {
	last := wal.Pos{Segment: math.MaxUint32, Record: math.MaxUint64, Event: math.MaxUint32}
	raw, err := load.Plan{Log: strings.Repeat("x", 255), From: last, To: last}.Encode()
	if err != nil || len(raw) > 1024 {
		t.Errorf("Encode of a partition's largest plan = %d bytes, %v, want at most 1024", len(raw), err)
	}
}

func TestDecodePlan(t *testing.T) {
	plan := load.Plan{Version: 2, Log: "topic.1", From: wal.Pos{Segment: 3, Record: 5}, To: wal.Pos{Segment: 3, Record: 9},
		Since: time.Date(2026, 5, 1, 0, 0, 0, 0, time.UTC), Sites: map[string]load.Ends{"demo": {Stored: 1, Duplicates: 2, Dead: 3}}}
	raw, err := plan.Encode()
	if err != nil {
		t.Fatal(err)
	}
	if got, err := load.DecodePlan(raw); err != nil || !reflect.DeepEqual(got, plan) {
		t.Errorf("DecodePlan(%s) = %+v, %v, want %+v", raw, got, err, plan)
	}
}

func TestDecodePlanFailure(t *testing.T) {
	f := func(text string, want error) {
		t.Helper()
		if _, err := load.DecodePlan([]byte(text)); err == nil || want != nil && !errors.Is(err, want) {
			t.Errorf("DecodePlan(%q) = %v, want error %v", text, err, want)
		}
	}
	f("", nil)
	f("{", nil)
	f(`{"from":7}`, nil)
	f(`{"version":3}`, schemas.ErrTooNew)
}

// A loader that was replaced before it began does nothing at all.
func TestFencedLoaderInsertsNothing(t *testing.T) {
	p, store := mixed(t, 20)
	l := p.open(store, store)
	p.join()
	if err := l.Run(context.Background()); !errors.Is(err, load.ErrFenced) {
		t.Errorf("Run = %v, want ErrFenced", err)
	}
	if len(store.rows) != 0 || len(store.dead) != 0 {
		t.Errorf("%d rows and %d dead letters are stored, want none", len(store.rows), len(store.dead))
	}
	var metrics bytes.Buffer
	l.WriteMetrics(&metrics)
	if !strings.Contains(metrics.String(), "heed_load_fenced_total 1") {
		t.Errorf("metrics lack heed_load_fenced_total 1:\n%s", metrics.String())
	}
}

package records_test

import (
	"os"
	"path/filepath"
	"testing"
	"time"

	"heed/consent"
	"heed/consent/record"
	"heed/pipeline/clickhouse"
	"heed/pipeline/clickhouse/clickhousetest"
	"heed/schemas"
)

func TestRunChainsEachRecordOnce(t *testing.T) {
	store, dir, notice := clickhousetest.Open(t), t.TempDir(), shop(t).Ref
	log := openLog(t, dir)
	other := grant(3, epoch, notice)
	other.Site = "blog"
	write(t, log, grant(1, epoch, notice), grant(2, epoch, notice), other, grant(1, epoch, notice), withdrawn(4, 1, epoch, notice))
	drain(t, log, dir, store)
	a := auditor(t, store, epoch)
	if report := verify(t, a); report.Rows != 3 || len(report.Findings) != 1 { // nobody has archived the notice
		t.Errorf("Verify = %+v, want 3 rows and a missing notice", report)
	}
	gone, err := store.Withdrawn(t.Context(), []clickhouse.RecordKey{{Site: "shop", Record: id(1)}, {Site: "shop", Record: id(2)}})
	want := uint8(consent.Essential | consent.Performance)
	if len(gone) != 1 || gone[clickhouse.RecordKey{Site: "shop", Record: id(1)}]&want == 0 || err != nil {
		t.Errorf("Withdrawn = %v, %v; want the first grant without advertising", gone, err)
	}
}

// A replay of the whole log, by a loader that knows nothing of an earlier one, adds nothing.
func TestRunReplayAddsNothing(t *testing.T) {
	store, dir, notice := clickhousetest.Open(t), t.TempDir(), shop(t).Ref
	for round := range 3 {
		log := openLog(t, dir)
		write(t, log, grant(1, epoch, notice), withdrawn(2, 1, epoch, notice), grant(3+round, epoch, notice))
		drain(t, log, dir, store)
		if err := os.Remove(filepath.Join(dir, "plan.json")); err != nil {
			t.Fatal(err)
		}
	}
	if report := verify(t, auditor(t, store, epoch)); report.Rows != 5 || len(report.Findings) != 1 {
		t.Errorf("Verify = %+v, want 5 rows and a missing notice", report)
	}
}

func TestRunBuriesWhatIsNoRecord(t *testing.T) {
	store, dir, notice := clickhousetest.Open(t), t.TempDir(), shop(t).Ref
	log := openLog(t, dir)
	conflict := grant(1, epoch, notice)
	conflict.Categories = record.CategoryState(consent.Essential | consent.Functional)
	strange, foreign := envelope(t, grant(2, epoch, notice)), envelope(t, grant(3, epoch, notice))
	strange.Statement, foreign.Site = []byte("{}"), "blog"
	write(t, log, grant(1, epoch, notice), conflict)
	if _, err := log.Append(t.Context(), []*schemas.Envelope{strange, foreign}); err != nil {
		t.Fatal(err)
	}
	write(t, log, grant(4, epoch, notice))
	drain(t, log, dir, store)
	var dead []clickhouse.DeadLetter
	err := store.EachDead(t.Context(), time.UnixMilli(0), time.Now().Add(time.Hour), func(d clickhouse.DeadLetter) error {
		dead = append(dead, d)
		return nil
	})
	if len(dead) != 3 || err != nil {
		t.Fatalf("dead letters = %+v, %v; want 3", dead, err)
	}
	for _, d := range dead {
		if len(d.Envelope) == 0 || d.Reason == "" || d.Source.Origin != log.ID() {
			t.Errorf("dead letter = %+v, want its bytes, a reason and where it was", d)
		}
	}
	if report := verify(t, auditor(t, store, epoch)); report.Rows != 2 {
		t.Errorf("Verify = %+v, want 2 rows", report)
	}
}

func TestRunWaitsForANewerProgram(t *testing.T) {
	store, dir, notice := clickhousetest.Open(t), t.TempDir(), shop(t).Ref
	log := openLog(t, dir)
	newer := envelope(t, grant(2, epoch, notice))
	newer.Version = 99
	write(t, log, grant(1, epoch, notice))
	if _, err := log.Append(t.Context(), []*schemas.Envelope{newer}); err != nil {
		t.Fatal(err)
	}
	if err := run(t, log, dir, store); err == nil {
		t.Error("Run over a record of a newer version: want an error")
	}
	states, err := store.ChainStates(t.Context())
	if len(states) != 1 || states[0].Size != 1 || err != nil {
		t.Errorf("ChainStates = %v, %v; want the record before it", states, err)
	}
}

func TestReceiptOpensTheNotice(t *testing.T) {
	store, dir, notice := clickhousetest.Open(t), t.TempDir(), shop(t)
	if err := store.PutNotices(t.Context(), "shop", []record.Archived{notice}); err != nil {
		t.Fatal(err)
	}
	log := openLog(t, dir)
	write(t, log, grant(1, epoch, notice.Ref))
	drain(t, log, dir, store)
	a := auditor(t, store, epoch)
	r, shown, err := a.Receipt(t.Context(), "shop", id(1))
	if err != nil || r.ID != id(1) || shown.Look.Buttons[0].Label != "No" {
		t.Errorf("Receipt = %v, %v, %v; want the record and its notice", r, shown, err)
	}
	if _, _, err := a.Receipt(t.Context(), "blog", id(1)); err == nil {
		t.Error("Receipt of another site: want an error")
	}
}

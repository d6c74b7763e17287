package main

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/google/uuid"

	"heed/pipeline/clickhouse"
	"heed/pipeline/records"
)

// forgetRecords makes the next start replay the whole log of consent records.
func forgetRecords(t *testing.T, data string) {
	t.Helper()
	if err := os.Remove(filepath.Join(data, "records", "plan.json")); err != nil && !errors.Is(err, fs.ErrNotExist) {
		t.Fatal(err)
	}
}

// checkRecords finds the chain whole, and the record of each acknowledged batch in it, once. Of those that were not
// acknowledged any may be there, once.
func (s *acknowledged) checkRecords(t *testing.T, store *clickhouse.Store) {
	t.Helper()
	report, err := records.Auditor{Store: store, ProofYears: 5, Now: time.Now}.Verify(t.Context(), "kill")
	if err != nil {
		t.Fatal(err)
	}
	for _, finding := range report.Findings {
		if finding.What != "root" { // it has not been told the key
			t.Errorf("%s: %s", finding.What, finding.Text)
		}
	}
	acknowledged := len(s.records)
	for row, err := range store.Records(t.Context(), "kill", 0) {
		if err != nil {
			t.Fatal(err)
		}
		delete(s.records, uuid.UUID(row.Columns.ID))
	}
	if len(s.records) > 0 || report.Rows < uint64(acknowledged) {
		t.Errorf("%d of %d acknowledged consent records are not stored; the chain has %d", len(s.records), acknowledged, report.Rows)
	}
	t.Logf("%d consent records acknowledged, %d chained", acknowledged, report.Rows)
}

package main

import (
	"maps"
	"slices"
	"strings"
	"testing"

	"github.com/ClickHouse/clickhouse-go/v2/lib/driver"
)

// matrixRecord is what consent records have in common that are counted together.
type matrixRecord struct{ Jurisdiction, Event, Country, Region, Method string }

// checkRecords compares the consent records with the choices that were made: one row for each, with the place and nothing
// finer, made by a button; and where a signal is a choice, one for each visitor who came with it.
func (m *matrixRun) checkRecords(t *testing.T, drives map[string][]matrixPlace) {
	t.Helper()
	want := map[matrixRecord]uint64{}
	for _, places := range drives {
		for _, place := range places {
			// Each visit makes each choice once, from a new beginning.
			for _, event := range []string{"accept", "reject", "custom"} {
				want[recordOf(place, event, "button")] += uint64(len(matrixSignals))
			}
			for _, signal := range []string{"gpc", "dnt"} {
				if place.cells[signal] == "opt_out" {
					want[recordOf(place, signal, "signal")] += 3
				}
			}
		}
	}
	got := m.countRecords(t)
	keys := slices.Concat(slices.Collect(maps.Keys(want)), slices.Collect(maps.Keys(got)))
	for _, key := range keys {
		if got[key] != want[key] {
			t.Errorf("consent records of %+v = %d, want %d", key, got[key], want[key])
		}
	}
}

// recordOf has the region only where the matrix tells a country's regions apart, and then by its code.
func recordOf(place matrixPlace, event, method string) matrixRecord {
	_, region, _ := strings.Cut(place.code, "-")
	return matrixRecord{place.row, event, place.country, region, method}
}

func (m *matrixRun) countRecords(t *testing.T) map[matrixRecord]uint64 {
	t.Helper()
	counts := map[matrixRecord]uint64{}
	withTables(t, m.data, func(conn driver.Conn) {
		rows, err := conn.Query(t.Context(), `SELECT jurisdiction, event, country, region, method, uniqExact(id)
			FROM consent_records WHERE site = 'matrix' GROUP BY ALL`)
		if err != nil {
			t.Fatal(err)
		}
		defer rows.Close()
		for rows.Next() {
			var of matrixRecord
			var count uint64
			if err := rows.Scan(&of.Jurisdiction, &of.Event, &of.Country, &of.Region, &of.Method, &count); err != nil {
				t.Fatal(err)
			}
			counts[of] = count
		}
		if err := rows.Err(); err != nil {
			t.Fatal(err)
		}
	})
	return counts
}

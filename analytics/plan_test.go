package analytics

import (
	"fmt"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/ClickHouse/clickhouse-go/v2"

	"heed/schemas"
)

// A question about one day of a year must neither open the parts of other months nor read other days of its own: the
// engine's own account says what partition and primary key leave.
func TestPlan(t *testing.T) {
	var events []*schemas.Envelope
	first := at(t, "2025-01-01T00:00:00Z")
	for n := range 12 * 1000 { // a part a month, each of a few granules of 8192 rows
		events = append(events, page(n+1, n%50+1, first.Add(time.Duration(n)*44*time.Minute)))
	}
	for n := range 40000 {
		events = append(events, page(n+100001, n%50+1, first.AddDate(0, 5, 0).Add(time.Duration(n)*time.Minute)))
	}
	a := open(t, events...)
	for name, sql := range map[string]string{
		"summary": summarySQL, "series": seriesSQL, "pages": pagesSQL, "sources": sourcesSQL, "breakdown": breakdownSQL,
		"regions": regionsSQL, "forms": formsSQL, "events": eventsSQL, "bots": botsSQL, "as_of": asOfSQL,
	} {
		plan := explain(t, a, sql, query(t, "from=2025-06-10&to=2025-06-10"))
		reads := strings.Count(plan, "ReadFromMergeTree")
		parts, granules := ratios(plan, "Min-Max", "Parts"), ratios(plan, "PrimaryKey", "Granules")
		if reads == 0 || len(parts) != reads || len(granules) != reads {
			t.Fatalf("%s: of %d reads %d use the partition and %d the primary key:\n%s", name, reads, len(parts), len(granules), plan)
		}
		for i := range reads {
			if parts[i].kept > 1 || parts[i].of < 12 {
				t.Errorf("%s: reads %d of %d parts, want 1 of at least 12", name, parts[i].kept, parts[i].of)
			}
			if granules[i].kept > 2 || granules[i].of < 5 {
				t.Errorf("%s: reads %d of %d granules, want at most 2 of at least 5", name, granules[i].kept, granules[i].of)
			}
		}
	}
}

// explain asks the engine which indexes a question uses and what they leave.
func explain(t *testing.T, a *Analytics, sql string, q Query) string {
	t.Helper()
	var lines []struct {
		Explain string `ch:"explain"`
	}
	err := a.conn.Select(t.Context(), &lines, "EXPLAIN indexes = 1 "+sql,
		clickhouse.Named("site", q.Site), clickhouse.Named("bots", string(q.Bots)), clickhouse.Named("limit", q.Limit),
		clickhouse.DateNamed("from", q.From, clickhouse.MilliSeconds), clickhouse.DateNamed("to", q.To, clickhouse.MilliSeconds),
		clickhouse.DateNamed("as_of", q.To, clickhouse.MilliSeconds),
		clickhouse.Named("dimension", "country"), clickhouse.Named("edges", []int64{q.From.UnixMilli()}))
	if err != nil {
		t.Fatal(err)
	}
	var b strings.Builder
	for _, line := range lines {
		fmt.Fprintln(&b, line.Explain)
	}
	return b.String()
}

type ratio struct{ kept, of int }

// ratios finds what each use of an index left, as in "Parts: 1/12".
func ratios(plan, index, unit string) (found []ratio) {
	pattern := regexp.MustCompile(`(?s)\b` + index + `\n.*?` + unit + `: (\d+)/(\d+)`)
	for _, m := range pattern.FindAllStringSubmatch(plan, -1) {
		kept, _ := strconv.Atoi(m[1])
		of, _ := strconv.Atoi(m[2])
		found = append(found, ratio{kept, of})
	}
	return found
}

package analytics_test

import (
	"os"

	"heed/analytics"
)

// The document that the API answers with is what the terminal shows.
func ExampleFormatTable() {
	err := analytics.FormatTable(os.Stdout, analytics.Stats{
		Query: analytics.Query{Site: "demo", Zone: "UTC", Bots: analytics.ExcludeBots},
		Pages: analytics.List[analytics.Page]{Rows: []analytics.Page{
			{Host: "example.org", Path: "/\x1b[31m", Counts: analytics.Counts{Views: 3, Visitors: 2, EngagedAverage: 4200}},
		}},
	})
	if err != nil {
		panic(err)
	}
	// Output:
	// demo
	// 0001-01-01 00:00 to 0001-01-01 00:00, UTC, without bots
	//
	// Pages                                           VIEWS    ANON. VISITORS  ENGAGED
	// example.org/\x1b[31m                                3        0        2     4.2s
}

package main

import (
	"context"
	"encoding/csv"
	"fmt"
	"io"
	"strconv"
	"time"

	"heed/consent"
	"heed/consent/record"
	"heed/pipeline/clickhouse"
)

// exportHeader names the columns of an export as csv.
var exportHeader = []string{"site", "index", "id", "time", "event", "method", "jurisdiction", "country", "region", "granted",
	"wall", "notice", "shown_hash", "ends", "hash"}

// export prints rows of the question's range, site by site, each in the order of its chain.
func (q consentQuestion) export(ctx context.Context, office *consentOffice, w io.Writer) error {
	sites, err := q.sites(ctx, office)
	if err != nil {
		return err
	}
	write := writeRowJSON(w)
	table := csv.NewWriter(w)
	if q.Format == "csv" {
		if err := table.Write(exportHeader); err != nil {
			return err
		}
		write = func(row clickhouse.ConsentRow) error { return table.Write(exportFields(row)) }
	}
	for _, site := range sites {
		for row, err := range office.store.Records(ctx, site, 0) {
			if err == nil && q.covers(row) {
				err = write(row)
			}
			if err != nil {
				return err
			}
		}
	}
	table.Flush()
	return table.Error()
}

// covers tells whether a row is of the question's range.
func (q consentQuestion) covers(row clickhouse.ConsentRow) bool {
	at := time.UnixMilli(row.Columns.TimeMS)
	return !at.Before(q.From) && (q.To.IsZero() || at.Before(q.To))
}

// writeRowJSON writes a row as record.DecodeRow reads it, one a line.
func writeRowJSON(w io.Writer) func(clickhouse.ConsentRow) error {
	return func(row clickhouse.ConsentRow) error {
		text, err := row.Row.Encode()
		if err == nil {
			_, err = fmt.Fprintf(w, "%s\n", text)
		}
		return err
	}
}

func exportFields(row clickhouse.ConsentRow) []string {
	c := row.Columns
	ends := ""
	if c.Ends != (record.ID{}) {
		ends = c.Ends.String()
	}
	return []string{row.Site, strconv.FormatUint(row.Row.Index, 10), c.ID.String(), time.UnixMilli(c.TimeMS).UTC().Format(time.RFC3339),
		c.Event, c.Method, c.Jurisdiction, c.Country, c.Region, consent.Categories(c.Categories).String(), c.Wall, c.Notice, c.Shown, ends,
		row.Row.Hash.String()}
}

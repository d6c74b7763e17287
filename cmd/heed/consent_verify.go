package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"

	"heed/pipeline/records"
)

// errBroken is what heed consent verify ends with when something is not what it was.
var errBroken = errors.New("consent records are not what they were")

// verify audits sites and prints a report of each. What is broken is also the error.
func (q consentQuestion) verify(ctx context.Context, office *consentOffice, w io.Writer) error {
	sites, err := q.sites(ctx, office)
	if err != nil {
		return err
	}
	if len(sites) == 0 && len(q.Notes) > 0 {
		return fmt.Errorf("%w: no site has rows or roots, and %s is no signed root (give --roots the files that records.send_roots_to got)",
			errBroken, q.Notes[0].Name)
	}
	if len(sites) == 0 {
		fmt.Fprintln(w, "there are no consent records")
	}
	broken := 0
	for _, site := range sites {
		report, err := office.auditor.Verify(ctx, site)
		if err != nil {
			return err
		}
		broken += len(report.Findings)
		if q.JSON {
			err = json.NewEncoder(w).Encode(report)
		} else {
			err = printReport(w, report)
		}
		if err != nil {
			return err
		}
	}
	if broken > 0 {
		return fmt.Errorf("%w: %d findings", errBroken, broken)
	}
	return nil
}

func printReport(w io.Writer, r *records.Report) error {
	state := "whole"
	if len(r.Findings) > 0 {
		state = "BROKEN"
	}
	fmt.Fprintf(w, "site %s: %s\n", r.Site, state)
	for _, finding := range r.Findings {
		fmt.Fprintf(w, "  %s: %s\n", finding.What, finding.Text)
	}
	fmt.Fprintf(w, "  %d rows", r.Rows)
	if r.First > 0 {
		fmt.Fprintf(w, ", those before %d have expired", r.First)
	}
	fmt.Fprintf(w, "; %d stored roots, %d from elsewhere, %d notices\n", r.Roots, r.Notes, r.Notices)
	var err error
	switch {
	case len(r.Findings) > 0:
	case r.Covered == 0:
		_, err = fmt.Fprintln(w, "  the store holds together; that it was never made anew only a root from elsewhere can show (--roots)")
	default:
		_, err = fmt.Fprintf(w, "  the first %d rows are those of the root from elsewhere\n", r.Covered)
	}
	return err
}

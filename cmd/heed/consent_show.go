package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strings"
	"text/tabwriter"
	"time"

	"heed/consent/record"
	"heed/pipeline/clickhouse"
)

// recordID is the record that is asked for; reading the question has checked its form.
func (q consentQuestion) recordID() (id record.ID, err error) {
	err = id.UnmarshalText([]byte(q.Name))
	return id, err
}

// prove prints a proof, after it was checked.
func (q consentQuestion) prove(ctx context.Context, office *consentOffice, w io.Writer) error {
	id, err := q.recordID()
	if err != nil {
		return err
	}
	proved, err := office.auditor.Prove(ctx, q.Site, id)
	if err != nil {
		return fmt.Errorf("prove record %s: %w", id, err)
	}
	if q.JSON {
		text, err := proved.Proof.Encode()
		if err == nil {
			_, err = fmt.Fprintf(w, "%s\n", text)
		}
		return err
	}
	r := proved.Record
	table := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	row := func(name, format string, args ...any) { fmt.Fprintf(table, name+"\t"+format+"\n", args...) }
	row("Record", "%s of site %s", r.ID, r.Site)
	row("Row", "%d", proved.Proof.Row.Index)
	row("Event", "%s by %s", r.Event, byMeans(r))
	row("Time", "%s", time.UnixMilli(r.TimeMS).UTC().Format(time.RFC3339))
	row("Granted", "%s", strings.Join(r.Categories.Granted, ", "))
	row("Rule", "%s, matrix %d", r.Jurisdiction, r.MatrixVersion)
	row("Notice", "%s", orDash(shownHash(r)))
	row("Root", "of %s, %d rows", proved.Day, proved.Proof.Size)
	row("Proof", "holds: %d hashes lead from the row to the root", len(proved.Proof.Path))
	return table.Flush()
}

func byMeans(r *record.Record) string {
	if r.Control != "" {
		return string(r.Method) + " " + r.Control
	}
	return string(r.Method)
}

func shownHash(r *record.Record) string {
	if r.Notice == (record.NoticeRef{}) {
		return ""
	}
	return r.Notice.Shown.String()
}

// showNotice prints an archived notice, after its bytes were found to be those that its hashes name.
func (q consentQuestion) showNotice(ctx context.Context, office *consentOffice, w io.Writer) error {
	shown, err := record.ParseHash(q.Name)
	if err != nil {
		return err
	}
	archived, _, err := office.auditor.Notice(ctx, q.Site, record.NoticeRef{Shown: shown})
	if err != nil {
		return err
	}
	_, err = fmt.Fprintf(w, "%s\n", archived.Text)
	return err
}

// errNoNoticeShown: a receipt is in the words of the notice.
var errNoNoticeShown = errors.New("no notice was shown with this record, so there is no receipt of it")

// showReceipt prints what the visitor's receipt says.
func (q consentQuestion) showReceipt(ctx context.Context, office *consentOffice, w io.Writer) error {
	id, err := q.recordID()
	if err != nil {
		return err
	}
	r, notice, err := office.auditor.Receipt(ctx, q.Site, id)
	if err == nil && notice == nil {
		err = errNoNoticeShown
	}
	if err != nil {
		return fmt.Errorf("receipt of record %s: %w", id, err)
	}
	if q.JSON {
		return printReceiptJSON(w, r, notice, office.choices(r))
	}
	page, err := record.NewPage(r, notice)
	if err != nil {
		return err
	}
	return printReceipt(w, page)
}

func printReceiptJSON(w io.Writer, r *record.Record, notice *record.Notice, choices string) error {
	receipt, err := record.NewReceipt(r, notice, choices)
	if err != nil {
		return err
	}
	text, err := receipt.Encode()
	if err == nil {
		_, err = fmt.Fprintf(w, "%s\n", text)
	}
	return err
}

func printReceipt(w io.Writer, page *record.Page) error {
	table := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	fmt.Fprintf(table, "Receipt\t%s\nSite\t%s\nController\t%s, %s\nEvent\t%s\nTime\t%s\n", page.RecordID, page.Site,
		page.Controller.Name, page.Controller.Contact, page.Event, page.At.Format(time.RFC3339))
	if !page.Expires.IsZero() {
		fmt.Fprintf(table, "Ends\t%s\n", page.Expires.Format(time.RFC3339))
	}
	fmt.Fprintf(table, "Rule\t%s\nNotice\t%s\n", page.Rule, page.Notice.Shown)
	for _, purpose := range page.Purposes {
		answer := "no"
		if purpose.Allowed {
			answer = "yes"
		}
		fmt.Fprintf(table, "%s\t%s: %s\n", purpose.Category, purpose.Name, answer)
	}
	return table.Flush()
}

// listRoots lists the signed roots, after it has signed what there is to sign where that is asked.
func (q consentQuestion) listRoots(ctx context.Context, office *consentOffice, w io.Writer) error {
	if q.Sign {
		if office.notary == nil {
			return errors.New("nothing can be signed here: there is neither a secret nor records.key_file")
		}
		if _, err := office.notary.Close(ctx); err != nil {
			return err
		}
	}
	roots, err := office.store.Roots(ctx, q.Site)
	if err != nil {
		return err
	}
	if q.JSON {
		return printRootsJSON(w, roots)
	}
	unsent := 0
	table := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	fmt.Fprintln(table, "SITE\tDAY\tROWS\tSENT\tTO")
	for _, root := range roots {
		sent := "no"
		if !root.Sent.IsZero() {
			sent = root.Sent.UTC().Format(time.RFC3339)
		} else {
			unsent++
		}
		fmt.Fprintf(table, "%s\t%s\t%d\t%s\t%s\n", root.Site, root.Day, root.Size, sent, orDash(root.SentTo))
	}
	if err := table.Flush(); err != nil {
		return err
	}
	if unsent > 0 {
		remedy := "heed tries again by itself; " + office.sendTo.String() + " has to take them"
		if office.sendTo.String() == "" {
			remedy = "set records.send_roots_to"
		}
		fmt.Fprintf(w, "%d roots have not left this machine: %s\n", unsent, remedy)
	}
	return nil
}

func printRootsJSON(w io.Writer, roots []clickhouse.Root) error {
	out := json.NewEncoder(w)
	for _, root := range roots {
		err := out.Encode(struct {
			Site    string    `json:"site"`
			Day     string    `json:"day"`
			Rows    uint64    `json:"rows"`
			Sent    time.Time `json:"sent,omitzero"`
			SentTo  string    `json:"sent_to,omitempty"`
			Expired bool      `json:"expired"`
			Note    string    `json:"note"`
		}{root.Site, root.Day, root.Size, root.Sent, root.SentTo, root.Expired, string(root.Note)})
		if err != nil {
			return err
		}
	}
	return nil
}

package main

import (
	"fmt"
	"io"
	"slices"
	"strings"
	"text/tabwriter"

	"heed/consent"
)

// explainedDecision is what heed consent explain --json prints.
type explainedDecision struct {
	Matrix         uint32            `json:"matrix"`
	MatrixDate     string            `json:"matrix_date"`
	Jurisdiction   string            `json:"jurisdiction"`
	Granted        []string          `json:"granted"`
	Denied         []string          `json:"denied"`
	Undeclared     bool              `json:"undeclared"`
	AnonymousCount bool              `json:"anonymous_count"`
	Prompt         string            `json:"prompt"` // none where nothing is to be shown
	Links          []string          `json:"links"`
	OptOutHonoured bool              `json:"opt_out_honoured"`
	Reasons        []explainedReason `json:"reasons"`
	Row            consent.Row       `json:"row"`
}

// explainedReason names its cells; they stand in the row.
type explainedReason struct {
	Code    string           `json:"code"`
	Text    string           `json:"text"`
	Columns []consent.Column `json:"columns"`
}

func explained(e consent.Explanation) explainedDecision {
	d := e.Decision
	out := explainedDecision{
		Matrix: consent.MatrixVersion, MatrixDate: e.Date, Jurisdiction: d.Jurisdiction,
		Granted: categoryList(d.Granted), Denied: categoryList(consent.All &^ d.Granted), Undeclared: d.Undeclared,
		AnonymousCount: d.AnonymousCount, Prompt: promptName(d.Prompt), Links: d.Links.Names(),
		OptOutHonoured: d.OptOutHonoured, Reasons: []explainedReason{}, Row: e.Row,
	}
	for _, why := range e.Why {
		reason := explainedReason{Code: why.Reason, Text: why.Text, Columns: []consent.Column{}}
		for _, cell := range why.Cells {
			reason.Columns = append(reason.Columns, cell.Column)
		}
		out.Reasons = append(out.Reasons, reason)
	}
	return out
}

func printExplanation(w io.Writer, e consent.Explanation) error {
	d := e.Decision
	fmt.Fprintf(w, "%s, by row %s of matrix %d (%s)\n\n", e.Row.Name, d.Jurisdiction, consent.MatrixVersion, e.Date)
	table := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	for category := consent.Essential; category <= consent.Advertising; category <<= 1 {
		fmt.Fprintf(table, "%s\t%s\n", category, either(d.Granted.Has(category), "granted", "denied"))
	}
	fmt.Fprintf(table, "undeclared services\t%s\n", either(d.Undeclared, "may run", "held back"))
	fmt.Fprintf(table, "anonymous count\t%s\n", either(d.AnonymousCount, "yes", "no"))
	fmt.Fprintf(table, "prompt\t%s\n", promptName(d.Prompt))
	fmt.Fprintf(table, "links\t%s\n", strings.Join(d.Links.Names(), ", "))
	fmt.Fprintf(table, "shown\t%s\n", either(d.OptOutHonoured, "opt-out honoured", "-"))
	if err := table.Flush(); err != nil {
		return err
	}
	told := map[consent.Column]bool{}
	for _, why := range e.Why {
		fmt.Fprintf(w, "\n%s\n", why.Reason)
		wrap(w, why.Text, "  ")
		for _, cell := range why.Cells {
			printCell(w, cell, told)
		}
	}
	fmt.Fprint(w, "\nwhat is to be shown\n")
	for _, cell := range e.Row.Cells {
		if slices.Contains([]consent.Column{consent.ColumnPrompt, consent.ColumnLinks, consent.ColumnReprompt}, cell.Column) {
			printCell(w, cell, told)
		}
	}
	return nil
}

// printCell tells a cell's sources where the cell comes first.
func printCell(w io.Writer, cell consent.Cell, told map[consent.Column]bool) {
	again := told[cell.Column]
	told[cell.Column] = true
	fmt.Fprintf(w, "  %s: %s%s\n", cell.Column, strings.ReplaceAll(cell.Value, ",", ", "), either(again, " (as above)", ""))
	if again {
		return
	}
	if cell.From != "" {
		wrap(w, "the strictest of several rows: "+strings.ReplaceAll(cell.From, ",", ", "), "    ")
	}
	for _, source := range cell.Sources {
		wrap(w, fmt.Sprintf("%s (%s %s, %s%s)", source.Cite, strings.ReplaceAll(source.Dated, "_", " "), source.Date,
			evidenceWords[source.Evidence], either(source.Check != "", "; to be checked: "+source.Check, "")), "    ")
	}
	if cell.Note != "" {
		wrap(w, cell.Note, "    ")
	}
	if cell.Check != "" {
		wrap(w, "TO BE CHECKED: "+cell.Check, "    ")
	}
}

// evidenceWords say how a source is known.
var evidenceWords = map[string]string{
	"primary": "primary text", "secondary": "by others' reports", "source_code": "by another product's source",
	"memory": "from memory", "own": "a rule of ours",
}

func categoryList(c consent.Categories) []string {
	return slices.DeleteFunc(strings.Split(c.String(), ","), func(name string) bool { return name == "" })
}

func promptName(prompt consent.Prompt) string {
	if prompt == consent.NoPrompt {
		return "none"
	}
	return string(prompt)
}

func either(yes bool, a, b string) string {
	if yes {
		return a
	}
	return b
}

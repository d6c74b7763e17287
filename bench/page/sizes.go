package main

import (
	"bytes"
	"compress/gzip"
	"fmt"
	"io"
	"strings"

	"github.com/andybalholm/brotli"

	"heed/schemas"
	"heed/snippet"
)

// Budgets, bytes of brotli: 2.2, 4 and 8 KB.
const (
	stubBudget    = 2252
	trackerBudget = 4096
	bannerBudget  = 8192
)

// packed is one file in the forms in which it can be served.
type packed struct{ raw, gzip, brotli []byte }

// pack compresses as well as it can, ours and theirs alike.
func pack(raw []byte) (packed, error) {
	var zipped, brotlied bytes.Buffer
	gz, err := gzip.NewWriterLevel(&zipped, gzip.BestCompression)
	if err != nil {
		return packed{}, fmt.Errorf("compress: %w", err)
	}
	for _, w := range []io.WriteCloser{gz, brotli.NewWriterLevel(&brotlied, brotli.BestCompression)} {
		if _, err := w.Write(raw); err != nil {
			return packed{}, fmt.Errorf("compress: %w", err)
		}
		if err := w.Close(); err != nil {
			return packed{}, fmt.Errorf("compress: %w", err)
		}
	}
	return packed{raw, zipped.Bytes(), brotlied.Bytes()}, nil
}

// bytesOf counts the bytes of files, each compressed by itself.
type bytesOf struct{ raw, gzip, brotli int }

func count(files ...packed) (n bytesOf) {
	for _, f := range files {
		n.raw, n.gzip, n.brotli = n.raw+len(f.raw), n.gzip+len(f.gzip), n.brotli+len(f.brotli)
	}
	return n
}

// sizeRow is a line of the table of bytes.
type sizeRow struct {
	name   string
	bytes  bytesOf
	budget int // of brotli; 0 for none
}

// printSizes prints the bytes of each script, and what a first visit takes of them, beside theirs.
func (s *site) printSizes(out io.Writer) error {
	b := s.heed[string(schemas.WallTag)]
	stub, err := stubOf(b.tag)
	if err != nil {
		return err
	}
	theirs := count(s.theirs.script, s.theirs.style)
	fmt.Fprintf(out, "## Bytes\n\n| | raw | gzip | brotli | budget | brotli to vanilla-cookieconsent's |\n|---|--:|--:|--:|--:|--:|\n")
	for _, row := range append(b.sizeRows(stub),
		sizeRow{"vanilla-cookieconsent 3.1.0, script", count(s.theirs.script), 0},
		sizeRow{"vanilla-cookieconsent 3.1.0, style", count(s.theirs.style), 0},
		sizeRow{"**vanilla-cookieconsent 3.1.0**: both, on every page; no wall, no records, no measuring, and no texts", theirs, 0},
	) {
		fmt.Fprintf(out, "| %s | %d | %d | %d | %s | %.2f |\n", row.name, row.bytes.raw, row.bytes.gzip, row.bytes.brotli,
			against(row.budget, row.bytes.brotli), float64(row.bytes.brotli)/float64(theirs.brotli))
	}
	_, err = fmt.Fprintln(out)
	return err
}

func (b built) sizeRows(stub packed) []sizeRow {
	file := func(f snippet.File) packed { return packed{f.Plain, f.Gzip, f.Brotli} }
	loader, tracker, wall := file(b.bundle.Loaders[0].File), file(b.bundle.Script), file(b.bundle.Wall)
	choice, banner := file(b.bundle.Consents[len(b.bundle.Consents)-1]), file(b.bundle.Banner)
	return []sizeRow{
		{"stub, inline, with the default hosts and no services", count(stub), stubBudget},
		{"loader", count(loader), 0},
		{"tracker with all that is on by default", count(tracker), trackerBudget},
		{"wall script", count(wall), 0},
		{"what the wall says to visitors, in all languages; fetched where something was held back", count(file(b.bundle.Words)), 0},
		{"choice script", count(choice), 0},
		{"banner script", count(banner), 0},
		{"one notice, in English", count(b.asked), 0},
		{"**what is seen**: banner and notice", count(banner, b.asked), bannerBudget},
		{"**what asks**: choice, banner and notice", count(choice, banner, b.asked), 0},
		{"**a page without a wall, nothing to ask**: loader, tracker", count(loader, tracker), 0},
		{"**a page with a wall, nothing to ask**: stub, loader, tracker, wall", count(stub, loader, tracker, wall), 0},
		{"**a first visit**: all of these", count(stub, loader, tracker, wall, choice, banner, b.asked), 0},
	}
}

// against says how bytes stand to their budget.
func against(budget, bytes int) string {
	switch {
	case budget == 0:
		return ""
	case bytes > budget:
		return fmt.Sprintf("%d: **missed**", budget)
	}
	return fmt.Sprintf("%d: met", budget)
}

// stubOf is the script that stands inline in a pasted tag.
func stubOf(tag string) (packed, error) {
	_, rest, _ := strings.Cut(tag, ">")
	stub, _, ok := strings.Cut(rest, "</script>")
	if !ok {
		return packed{}, fmt.Errorf("no inline script in the tag %.40q…", tag)
	}
	return pack([]byte(stub))
}

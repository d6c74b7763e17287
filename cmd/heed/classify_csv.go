package main

import (
	"bufio"
	"context"
	"encoding/csv"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"

	"heed/consent/classify"
)

// maxLineBytes bounds a line of a CSV file; a longer one is answered with an error.
const maxLineBytes = 64 << 10

// classifyFile answers a CSV file line by line. It fails at the end when there were lines that it could not read.
func classifyFile(ctx context.Context, p *program, classifier *classify.Classifier, f *flags) (err error) {
	in := p.stdin
	if name := f.text("csv"); name != "-" {
		file, err := os.Open(name)
		if err != nil {
			return err
		}
		defer file.Close()
		in = file
	}
	lines, err := openLines(in, "name", "domain", "setter", "page", "kind", "lifetime", "http_only", "cross_site", "value")
	if err != nil {
		return fmt.Errorf("--csv: %w", err)
	}
	out := newAnswerWriter(p.stdout, f.on("json"))
	total, bad := 0, 0
	for lines.next() && ctx.Err() == nil {
		a := answerLine(classifier, lines, f)
		total++
		if a.Error != "" {
			bad++
		}
		if err := out.write(a); err != nil {
			return err
		}
	}
	if err := errors.Join(out.flush(), lines.err, ctx.Err()); err != nil {
		return fmt.Errorf("--csv: after line %d: %w", lines.number, err)
	}
	if bad > 0 {
		return fmt.Errorf("--csv: %d of %d lines could not be read; their reasons stand in the answer under error", bad, total)
	}
	return nil
}

func answerLine(classifier *classify.Classifier, lines *csvLines, f *flags) cookieAnswer {
	field, err := lines.fields()
	if err != nil {
		return cookieAnswer{Name: clip(lines.text), Error: fmt.Sprintf("line %d: %v", lines.number, err)}
	}
	cookie, err := readCookie(func(column string) string {
		if _, there := lines.columns[column]; there {
			return field(column)
		}
		return flagOf(f, column)
	})
	if err != nil {
		return cookieAnswer{Name: clip(field("name")), Domain: clip(field("domain")), Error: fmt.Sprintf("line %d: %v", lines.number, err)}
	}
	return answerFor(cookie, classifier.Classify(cookie))
}

// csvLines reads a CSV file whose first line names the columns. A field ends with its line at the latest, so that a stray
// quotation mark spoils one line and not all that follow.
type csvLines struct {
	in      *bufio.Reader
	columns map[string]int // places by name
	number  int            // of the line in text, from 1
	text    string
	tooLong bool
	err     error // why next ended, unless the file did
}

// openLines reads the first line. The first of the known columns has to be there.
func openLines(r io.Reader, known ...string) (*csvLines, error) {
	l := &csvLines{in: bufio.NewReaderSize(r, maxLineBytes), columns: map[string]int{}}
	if !l.next() {
		if l.err != nil {
			return nil, l.err
		}
		return nil, fmt.Errorf("the file is empty; its first line has to name the columns: %s", strings.Join(known, ","))
	}
	l.text = strings.TrimPrefix(l.text, "\ufeff")
	names, err := l.split()
	if err != nil {
		return nil, fmt.Errorf("line %d: %w", l.number, err)
	}
	for i, name := range names {
		name = strings.ToLower(strings.TrimSpace(name))
		if !slices.Contains(known, name) {
			return nil, fmt.Errorf("line %d: there is no column %q%s; columns are %s", l.number, clip(name),
				didYouMean(name, known), strings.Join(known, ","))
		}
		if _, twice := l.columns[name]; twice {
			return nil, fmt.Errorf("line %d: column %q stands twice", l.number, name)
		}
		l.columns[name] = i
	}
	if _, ok := l.columns[known[0]]; !ok {
		return nil, fmt.Errorf("line %d: no column is called %s", l.number, known[0])
	}
	return l, nil
}

// next reads the next line that is not empty; false at the end of the file, or when reading failed.
func (l *csvLines) next() bool {
	for {
		text, err := l.in.ReadSlice('\n')
		l.number++
		l.tooLong = errors.Is(err, bufio.ErrBufferFull)
		l.text = strings.TrimRight(string(text), "\r\n")
		for errors.Is(err, bufio.ErrBufferFull) {
			_, err = l.in.ReadSlice('\n')
		}
		if err != nil && !errors.Is(err, io.EOF) {
			l.err = err
			return false
		}
		if l.text != "" {
			return true
		}
		if err != nil {
			return false
		}
	}
}

// fields returns the fields of the line by their column's name; those of columns that the file does not have are empty.
func (l *csvLines) fields() (func(column string) string, error) {
	fields, err := l.split()
	if err != nil {
		return nil, err
	}
	if len(fields) != len(l.columns) {
		return nil, fmt.Errorf("%d fields, want %d as in the first line", len(fields), len(l.columns))
	}
	return func(column string) string {
		i, ok := l.columns[column]
		if !ok {
			return ""
		}
		return fields[i]
	}, nil
}

func (l *csvLines) split() ([]string, error) {
	if l.tooLong {
		return nil, fmt.Errorf("longer than %d bytes", maxLineBytes)
	}
	fields, err := csv.NewReader(strings.NewReader(l.text)).Read()
	var syntax *csv.ParseError
	if errors.As(err, &syntax) {
		return nil, fmt.Errorf("byte %d: %w", syntax.Column, syntax.Err)
	}
	return fields, err
}

// answerWriter writes many answers, as CSV or as a JSON document a line.
type answerWriter struct {
	csv  *csv.Writer // nil for JSON
	buf  *bufio.Writer
	json *json.Encoder
}

func newAnswerWriter(w io.Writer, asJSON bool) *answerWriter {
	if asJSON {
		buf := bufio.NewWriter(w)
		return &answerWriter{buf: buf, json: json.NewEncoder(buf)}
	}
	a := &answerWriter{csv: csv.NewWriter(w)}
	// An error of the first line comes back from the next write, as encoding/csv keeps it.
	_ = a.csv.Write([]string{"name", "domain", "class", "confidence", "reason", "fact", "owner", "service", "declared_lifetime",
		"conflict", "error"})
	return a
}

func (a *answerWriter) write(line cookieAnswer) error {
	if a.csv == nil {
		return a.json.Encode(line)
	}
	record := []string{
		line.Name, line.Domain, line.Class, line.Confidence, line.Reason, line.Fact, line.Owner, line.Service,
		line.Lifetime, strconv.FormatBool(line.Conflict), line.Error,
	}
	for i, field := range record {
		record[i] = noFormula(field)
	}
	return a.csv.Write(record)
}

func (a *answerWriter) flush() error {
	if a.csv == nil {
		return a.buf.Flush()
	}
	a.csv.Flush()
	return a.csv.Error()
}

// noFormula keeps a spreadsheet from taking a field for a formula: cookie names are whatever a stranger chose.
func noFormula(field string) string {
	if first, _ := utf8.DecodeRuneInString(field); field != "" && strings.ContainsRune("=+-@\t\r\n|%＝＋－＠", first) {
		return "'" + field
	}
	return field
}

// maxClipBytes is how much of a stranger's text an error repeats.
const maxClipBytes = 80

func clip(text string) string {
	if len(text) <= maxClipBytes {
		return text
	}
	return strings.ToValidUTF8(text[:maxClipBytes], "") + "…"
}

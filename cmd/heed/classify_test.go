package main

import (
	"bytes"
	"encoding/csv"
	"encoding/json"
	"io"
	"strings"
	"testing"
	"testing/iotest"
)

// classifyMany runs heed classify --csv over text.
func classifyMany(t testing.TB, in io.Reader, args ...string) (status int, stdout, stderr string) {
	t.Helper()
	var out, errs bytes.Buffer
	args = append([]string{"classify", "--csv", "-"}, args...)
	status = run(t.Context(), args, func(string) string { return "" }, in, &out, &errs)
	return status, out.String(), errs.String()
}

func TestClassifyCSVLongLine(t *testing.T) {
	long := strings.Repeat("a", 3*maxLineBytes)
	status, out, errs := classifyMany(t, strings.NewReader("name\n_ga\n"+long+"\n_gid\n"))
	if status != exitError || !strings.Contains(errs, "1 of 3 lines") {
		t.Errorf("heed classify --csv = %d, %q, want 1 and one bad line", status, errs)
	}
	records, err := csv.NewReader(strings.NewReader(out)).ReadAll()
	if err != nil || len(records) != 4 {
		t.Fatalf("the answer has %d records, %v, want 4", len(records), err)
	}
	if records[1][2] != "performance" || records[2][2] != "" || records[3][2] != "performance" {
		t.Errorf("classes are %q, %q, %q, want the lines around the long one answered", records[1][2], records[2][2], records[3][2])
	}
	if !strings.Contains(records[2][10], "line 3: longer than 65536 bytes") || len(records[2][0]) > 2*maxClipBytes {
		t.Errorf("the long line is answered with %q, want its number, and not all of it", records[2])
	}
}

// A flag says what holds for all lines where the file has no such column.
func TestClassifyCSVFlags(t *testing.T) {
	in := "name,domain\nPHPSESSID,shop.example\nPHPSESSID,https://tracker.example/\n"
	status, out, errs := classifyMany(t, strings.NewReader(in), "--page", "https://shop.example/", "--domain", "shop.example")
	records, err := csv.NewReader(strings.NewReader(out)).ReadAll()
	if status != exitOK || err != nil || len(records) != 3 || records[1][2] != "essential" || records[2][2] != "advertising" {
		t.Errorf("heed classify --csv --page = %d, %q, %q, want essential and advertising", status, out, errs)
	}
}

// A file of a million names must not be held in memory: what has been read is answered before the rest comes.
func TestClassifyCSVStreams(t *testing.T) {
	in, feed := io.Pipe()
	answered, out := io.Pipe()
	done := make(chan int, 1)
	go func() {
		var errs bytes.Buffer
		none := func(string) string { return "" }
		done <- run(t.Context(), []string{"classify", "--csv", "-", "--json"}, none, in, out, &errs)
		out.Close()
	}()
	const lines = 20_000 // far more than any buffer on the way holds
	begun := make(chan struct{})
	go func() {
		io.WriteString(feed, "name\n"+strings.Repeat("_ga\n", lines))
		<-begun // a program that reads all before it answers would wait for ever
		feed.Close()
	}()
	decoder := json.NewDecoder(answered)
	var first cookieAnswer
	if err := decoder.Decode(&first); err != nil || first.Class != "performance" {
		t.Fatalf("the first answer is %+v, %v, want performance before the input ends", first, err)
	}
	close(begun)
	count := 1
	for ; decoder.More(); count++ {
		var a cookieAnswer
		if err := decoder.Decode(&a); err != nil {
			t.Fatal(err)
		}
	}
	if status := <-done; status != exitOK || count != lines {
		t.Errorf("heed classify --csv = %d with %d answers, want 0 with %d", status, count, lines)
	}
}

func TestClassifyCSVReadFailure(t *testing.T) {
	in := io.MultiReader(strings.NewReader("name\n_ga\n"), iotest.ErrReader(io.ErrUnexpectedEOF))
	status, out, errs := classifyMany(t, in)
	if status != exitError || !strings.Contains(errs, "after line 3: unexpected EOF") || !strings.Contains(out, "_ga") {
		t.Errorf("heed classify --csv of a file that breaks off = %d, %q, %q, want 1, what was answered, and where it broke", status, out, errs)
	}
}

func TestClassifyCSVHeaderFailure(t *testing.T) {
	f := func(in, want string) {
		t.Helper()
		if status, _, errs := classifyMany(t, strings.NewReader(in)); status != exitError || !strings.Contains(errs, want) {
			t.Errorf("heed classify --csv of %q = %d, %q, want 1 with %q", in, status, errs, want)
		}
	}
	f("", "the file is empty")
	f("\n\n", "the file is empty")
	f("domain\nx\n", "no column is called name")
	f("name,name\n", `column "name" stands twice`)
	f("name,domian\n", "did you mean domain?")
	f("\"name\n", "line 1: byte")
	f(strings.Repeat("n", 2*maxLineBytes), "longer than")
}

// FuzzClassifyCSV: each line that is not empty gets one answer, and no field of it is a formula.
func FuzzClassifyCSV(f *testing.F) {
	f.Add("_ga,.google.com\n=1+1,\n\"a\"\"b\",x\n\"open,\n\n,\n")
	f.Add("\ufeff@x,-y\n\t=2,+3\r\n＝1,|cmd\n")
	f.Fuzz(func(t *testing.T, body string) {
		want := 1
		for line := range strings.SplitSeq(body, "\n") {
			if strings.TrimRight(line, "\r") != "" {
				want++
			}
		}
		_, out, _ := classifyMany(t, strings.NewReader("name,domain\n"+body))
		records, err := csv.NewReader(strings.NewReader(out)).ReadAll()
		if err != nil || len(records) != want {
			t.Fatalf("%q is answered with %d records, %v, want %d", body, len(records), err, want)
		}
		for _, record := range records[1:] {
			for _, field := range record {
				if field != "" && strings.ContainsAny(field[:1], "=+-@\t\r|%") {
					t.Errorf("%q is answered with the formula %q", body, field)
				}
			}
			if (record[2] == "") == (record[10] == "") {
				t.Errorf("%q is answered with %q, want either a class or an error", body, record)
			}
		}
	})
}

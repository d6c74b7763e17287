package analytics

import (
	"fmt"
	"io"
	"strconv"
	"strings"
)

// The table's layout, in columns of a terminal.
const (
	tableWidth  = 80
	numberWidth = 9
	barWidth    = 24
)

// FormatTable writes s for a person at a terminal: 80 columns of printable ASCII. Everything else, in a path, a
// source or a name that a stranger may have made up, is shown as an escape like \x1b or \u202e, so that it can
// neither steer the terminal nor pass for something else.
func FormatTable(w io.Writer, s Stats) error {
	var t table
	t.head(s.Query)
	if s.Note != nil {
		t.WriteString("\n")
		t.wrap(s.Note.Message)
	}
	if !s.blank() {
		t.summary(s)
		t.series(s)
		t.views("Pages", pageRows(s.Pages))
		t.views("Sources", sourceRows(s.Sources))
		t.views("Countries", valueRows(s.Countries))
		t.views("Regions", regionRows(s.Regions))
		t.views("Devices", valueRows(s.Devices))
		t.views("Browsers", valueRows(s.Browsers))
		t.views("Operating systems", valueRows(s.Systems))
		t.forms(s.Forms)
		t.events(s.Events)
	}
	t.bots(s.Bots)
	_, err := io.WriteString(w, t.String())
	return err
}

// blank reports whether a note explains all there is: then rows of zeros would only hide it.
func (s Stats) blank() bool {
	return s.Note != nil && s.Note.Code != OnlyAnonymous && (s.Summary == nil || s.Summary.Views+s.Summary.FormsSent+s.Summary.CustomEvents == 0)
}

// table is the text so far.
type table struct{ strings.Builder }

// viewRow is one line of a list of views.
type viewRow struct {
	label string
	Counts
}

// head says what was asked.
func (t *table) head(q Query) {
	bots := map[Bots]string{ExcludeBots: "without bots", IncludeBots: "bots included", OnlyBots: "bots only"}[q.Bots]
	const minute = "2006-01-02 15:04"
	t.wrap(q.Site)
	t.wrap(fmt.Sprintf("%s to %s, %s, %s", q.From.Format(minute), q.To.Format(minute), q.Zone, bots))
}

// summary writes the range in one column of numbers.
func (t *table) summary(s Stats) {
	if s.Summary == nil {
		return
	}
	sum := s.Summary
	line := func(label string, number, remark string) {
		t.WriteString(strings.TrimRight(fmt.Sprintf("%-18s %10s   %s", label, number, remark), " ") + "\n")
	}
	t.WriteString("\n")
	line("Visitors", count(sum.Visitors), "")
	line("Page views", count(sum.Views), "with consent")
	anonymous := "without a visitor"
	if sum.TakenOverViews > 0 {
		anonymous += ", " + count(sum.TakenOverViews) + " since taken over by one"
	}
	line("Anonymous views", count(sum.AnonymousViews), anonymous)
	line("Engaged time", duration(sum.EngagedMS), duration(sum.EngagedAverage)+" a view")
	line("Forms sent", count(sum.FormsSent), "")
	line("Own events", count(sum.CustomEvents), "")
	if sum.BotViews > 0 {
		counted := "counted"
		if s.Query.Bots == ExcludeBots {
			counted = "left out"
		}
		line("Bot views", count(sum.BotViews), counted)
	}
}

// series draws the views of the buckets between the first and the last that hold any.
func (t *table) series(s Stats) {
	layout, title := "2006-01-02 Mon", "Days"
	switch s.Query.Interval {
	case Hour:
		layout, title = "2006-01-02 15:04 -07:00", "Hours"
	case Month:
		layout, title = "2006-01", "Months"
	}
	first, last, most := -1, -1, uint64(0)
	for i, b := range s.Series {
		if all := b.Views + b.AnonymousViews; all > 0 {
			most, last = max(most, all), i
			if first < 0 {
				first = i
			}
		}
	}
	if first < 0 {
		return
	}
	t.title(title, "", "VIEWS", "ANON.", "VISITORS")
	for _, b := range s.Series[first : last+1] {
		bar := strings.Repeat("#", int((b.Views+b.AnonymousViews)*barWidth/most))
		label := b.Start.Format(layout)
		t.row(label+strings.Repeat(" ", max(1, 27-len(label)))+bar, count(b.Views), count(b.AnonymousViews), count(b.Visitors))
	}
}

// views writes a list of views. A list that was not asked for is nil and left out.
func (t *table) views(title string, list List[viewRow]) {
	if list.Rows == nil {
		return
	}
	t.title(title, none(len(list.Rows)), "VIEWS", "ANON.", "VISITORS", "ENGAGED")
	for _, r := range list.Rows {
		t.row(r.label, count(r.Views), count(r.AnonymousViews), count(r.Visitors), duration(r.EngagedAverage))
	}
	t.more(list.More)
}

func (t *table) forms(list List[Form]) {
	if list.Rows == nil {
		return
	}
	t.title("Forms", none(len(list.Rows)), "SENT", "VISITORS")
	for _, f := range list.Rows {
		t.row(plain(f.Form)+" on "+plain(f.Host+f.Path), count(f.Sent), count(f.Visitors))
	}
	t.more(list.More)
}

func (t *table) events(list List[Event]) {
	if list.Rows == nil {
		return
	}
	t.title("Own events", none(len(list.Rows)), "COUNT", "VISITORS")
	for _, e := range list.Rows {
		t.row(plain(e.Name), count(e.Count), count(e.Visitors))
	}
	t.more(list.More)
}

// bots is left out when there are none: nobody looks for what did not happen.
func (t *table) bots(list List[Bot]) {
	if len(list.Rows) == 0 {
		return
	}
	t.title("Bots", "", "VIEWS", "EVENTS")
	for _, b := range list.Rows {
		t.row(plain(b.Reason), count(b.Views), count(b.Events))
	}
	t.more(list.More)
}

// title writes the head of a list, with the names of its columns unless it is empty.
func (t *table) title(title, empty string, columns ...string) {
	t.WriteString("\n")
	if empty != "" {
		t.WriteString(title + ": " + empty + "\n")
		return
	}
	t.row(title, columns...)
}

// row writes a label and numbers, the numbers aligned to the right edge.
func (t *table) row(label string, numbers ...string) {
	width := tableWidth - len(numbers)*numberWidth
	if len(label) > width-1 {
		label = label[:width-4] + "..."
	}
	fmt.Fprintf(t, "%-*s", width, label)
	for _, n := range numbers {
		fmt.Fprintf(t, "%*s", numberWidth, n)
	}
	t.WriteString("\n")
}

// more says that the limit left rows out.
func (t *table) more(more bool) {
	if more {
		t.WriteString("... and more; raise the limit to see them\n")
	}
}

// wrap writes a sentence, broken between words and, where one is too long, within it.
func (t *table) wrap(sentence string) {
	column := 0
	for _, word := range strings.Fields(plain(sentence)) {
		if column > 0 && column+1+len(word) > tableWidth {
			t.WriteString("\n")
			column = 0
		}
		if column > 0 {
			t.WriteString(" ")
			column++
		}
		for ; len(word) > tableWidth; word = word[tableWidth:] {
			t.WriteString(word[:tableWidth] + "\n")
		}
		t.WriteString(word)
		column += len(word)
	}
	t.WriteString("\n")
}

func pageRows(list List[Page]) List[viewRow] {
	return rowsOf(list, func(p Page) viewRow { return viewRow{plain(p.Host + p.Path), p.Counts} })
}

func sourceRows(list List[Source]) List[viewRow] {
	return rowsOf(list, func(s Source) viewRow {
		label := plain(s.Source)
		switch s.Type {
		case "direct":
			label = "(direct)"
		case "campaign":
			label += " (campaign)"
		}
		return viewRow{label, s.Counts}
	})
}

func valueRows(list List[Value]) List[viewRow] {
	return rowsOf(list, func(v Value) viewRow { return viewRow{known(v.Value), v.Counts} })
}

func regionRows(list List[Region]) List[viewRow] {
	return rowsOf(list, func(r Region) viewRow { return viewRow{known(r.Country) + ", " + known(r.Region), r.Counts} })
}

// rowsOf labels the rows of a list; nil stays nil.
func rowsOf[T any](list List[T], label func(T) viewRow) List[viewRow] {
	if list.Rows == nil {
		return List[viewRow]{}
	}
	rows := make([]viewRow, len(list.Rows))
	for i, r := range list.Rows {
		rows[i] = label(r)
	}
	return List[viewRow]{rows, list.More}
}

// known names a value, also one that is not known.
func known(value string) string {
	if value == "" {
		return "(unknown)"
	}
	return plain(value)
}

func none(rows int) string {
	if rows == 0 {
		return "none"
	}
	return ""
}

// count writes a number in at most 8 columns, exactly as long as it fits.
func count(n uint64) string {
	switch {
	case n < 1e8:
		return strconv.FormatUint(n, 10)
	case n < 1e10:
		return fmt.Sprintf("%.1fM", float64(n)/1e6)
	default:
		return fmt.Sprintf("%.3g", float64(n))
	}
}

// duration writes ms with what matters at that size: 4.2s, 38s, 1m 05s, 2h 10m.
func duration(ms uint64) string {
	seconds := ms / 1000
	switch {
	case ms == 0:
		return "0s"
	case seconds < 10:
		return fmt.Sprintf("%d.%ds", seconds, ms%1000/100)
	case seconds < 60:
		return fmt.Sprintf("%ds", seconds)
	case seconds < 3600:
		return fmt.Sprintf("%dm %02ds", seconds/60, seconds%60)
	case seconds < 3600*1000:
		return fmt.Sprintf("%dh %02dm", seconds/3600, seconds/60%60)
	default:
		return count(seconds/3600) + "h"
	}
}

// plain escapes whatever is not printable ASCII, and the backslash that starts an escape.
func plain(text string) string {
	var b strings.Builder
	for _, r := range text {
		if r >= ' ' && r < 0x7f && r != '\\' {
			b.WriteRune(r)
			continue
		}
		quoted := strconv.QuoteRuneToASCII(r)
		b.WriteString(quoted[1 : len(quoted)-1])
	}
	return b.String()
}

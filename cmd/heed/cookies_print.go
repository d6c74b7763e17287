package main

import (
	"bufio"
	"fmt"
	"io"
	"os"
	"strings"
	"text/tabwriter"

	"heed/consent"
	"heed/consent/classify/score"
)

// print writes the report for a person.
func (r cookieReport) print(w io.Writer) error {
	out := bufio.NewWriter(w)
	if len(r.Crawled) > 0 {
		fmt.Fprintf(out, "%s: %d pages crawled before a choice, after a refusal and after a yes\n\n", r.Site, len(r.Crawled))
	} else {
		fmt.Fprintf(out, "%s: what pages of the last %d days have reported; --crawl sees lifetimes, setters and what needs no yes\n\n", r.Site, r.Days)
	}
	if len(r.Names) == 0 {
		fmt.Fprint(out, "Nothing was seen.\n")
		return out.Flush()
	}
	table := tabwriter.NewWriter(out, 0, 0, 2, ' ', 0)
	fmt.Fprint(table, "NAME\tWHERE\tDOMAIN\tLIVES\tCLASS\tREASON\tDECLARED\tSEEN\tPROBLEMS\n")
	for _, n := range r.Names {
		declared := "-"
		if n.Service != "" {
			declared = strings.TrimSpace(n.Service + " " + n.Declared)
		}
		fmt.Fprintf(table, "%s\t%s\t%s\t%s\t%s, %s\t%s\t%s\t%s\t%s\n", quoted(n.Name), n.Place, quoted(n.Domain), lives(n.Lifetime), n.Class, n.Confidence,
			strings.TrimSpace(n.Reason+" "+n.Owner), declared, n.seen(), strings.Join(n.Problems, "; "))
	}
	table.Flush() // out keeps its errors
	r.printDetails(out)
	if len(r.Declare) > 0 {
		fmt.Fprint(out, "\nTo declare them, write under services: of the site, with what each is for and who runs it:\n")
		for _, line := range r.Declare {
			fmt.Fprintf(out, "  %s\n", line)
		}
	}
	return out.Flush()
}

// printDetails writes flags and setters, which only a crawl sees.
func (r cookieReport) printDetails(w io.Writer) {
	begun := false
	for _, n := range r.Names {
		details := strings.Join(n.Flags, " ")
		if n.Setter != "" {
			details = strings.TrimSpace(details + " set by " + quoted(n.Setter))
		}
		if details == "" {
			continue
		}
		if !begun {
			fmt.Fprintln(w)
			begun = true
		}
		fmt.Fprintf(w, "%s: %s\n", quoted(n.Name), details)
	}
}

// seen says when a crawl has met a name, and how many pages have reported it.
func (n *seenName) seen() string {
	var words []string
	for _, phase := range n.Phases {
		words = append(words, map[string]string{phaseBefore: "before", phaseRefused: "refused", phaseGranted: "yes"}[phase])
	}
	if n.Pages > 0 {
		words = append(words, fmt.Sprintf("%d pages", n.Pages))
	}
	return strings.Join(words, " ")
}

// lives shows a lifetime that is not known as such.
func lives(lifetime string) string {
	if lifetime == "" {
		return "unknown"
	}
	return lifetime
}

// score compares the classes of names with those of a file, and prints how well they agree, as evaluate does for the
// evidence.
func (r cookieReport) score(w io.Writer, file string) error {
	f, err := os.Open(file)
	if err != nil {
		return fmt.Errorf("--expect: %w", err)
	}
	defer f.Close()
	lines, err := openLines(f, "name", "class")
	if err != nil {
		return fmt.Errorf("--expect: %s: %w", file, err)
	}
	called := map[string]consent.Categories{}
	for _, n := range r.Names {
		called[n.Name] = max(called[n.Name], n.class)
	}
	var m score.Matrix
	var missed []string
	for lines.next() {
		field, err := lines.fields()
		if err != nil {
			return fmt.Errorf("--expect: %s: line %d: %w", file, lines.number, err)
		}
		is, err := consent.ParseCategories(field("class"))
		if err != nil || is&(is-1) != 0 {
			return fmt.Errorf("--expect: %s: line %d: %q is no category", file, lines.number, field("class"))
		}
		class, found := called[field("name")]
		if !found {
			missed = append(missed, field("name"))
			continue
		}
		m.Count(is, class)
		if class != is {
			fmt.Fprintf(w, "  %s is %s, called %s\n", quoted(field("name")), is, class)
		}
	}
	if lines.err != nil {
		return fmt.Errorf("--expect: %s: %w", file, lines.err)
	}
	score.Header(w)
	m.Print(w, r.Site)
	if len(missed) > 0 {
		_, err = fmt.Fprintf(w, "  not seen: %s\n", quoted(strings.Join(missed, ", ")))
	}
	return err
}

package main

import (
	"bufio"
	"fmt"
	"io"
	"strings"
	"text/tabwriter"
)

// print writes the report for a person.
func (r hostReport) print(w io.Writer) error {
	out := bufio.NewWriter(w)
	fmt.Fprintf(out, "%s, wall %s: what pages of the last %d days were kept from\n\n", r.Site, r.Strength, r.Days)
	if len(r.Held) == 0 {
		fmt.Fprint(out, "Nothing was reported.\n")
	} else {
		r.printHeld(out)
	}
	if len(r.NotHeld) > 0 {
		fmt.Fprint(out, "\nNot held back:\n")
		for _, line := range r.NotHeld {
			fmt.Fprintf(out, "  %s\n", line)
		}
	}
	for _, l := range r.Leaving {
		fmt.Fprintf(out, "\nwarning: wall.hosts: %s leads to %s: whoever serves that is let through as if they were you\n", quoted(l.Host), quoted(l.To))
	}
	return out.Flush()
}

func (r hostReport) printHeld(w io.Writer) {
	table := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	fmt.Fprint(table, "HOST\tWHAT\tPAGES\tFIRST\tLAST\tWHY\n")
	var allow []string
	for _, h := range r.Held {
		why := h.Why
		if h.Service != "" {
			why += ": " + h.Service + ", " + h.Category
		} else if h.Owner != "" {
			why += "; " + h.Owner + ", " + h.Category
		}
		fmt.Fprintf(table, "%s\t%s\t%d\t%s\t%s\t%s\n", h.name(), strings.Join(h.Kinds, " "), h.Count, h.First, h.Last, why)
		if h.Allow != "" {
			allow = append(allow, h.Allow)
		}
	}
	table.Flush() // w keeps its errors
	if len(allow) > 0 {
		fmt.Fprint(w, "\nTo allow one once visitors agree, write under services: of the site, with what it is for and who runs it:\n")
		for _, line := range allow {
			fmt.Fprintf(w, "  %s\n", line)
		}
	}
}

// name is the host as it is shown: a redirect has only the page's own to show.
func (h heldHost) name() string {
	switch h.Why {
	case whyMore:
		return "(more)"
	case whyRedirects:
		return "(the site itself)"
	}
	return quoted(h.Host)
}

package main

import (
	"fmt"
	"go/format"
	"io"
	"strings"
)

// printGo writes the recipe as a value for deploy/proxy/policy.go.
func (r *recipe) printGo(w io.Writer) error {
	var b strings.Builder
	fmt.Fprintf(&b, "// Printed by: heed tag %[1]s --header go. Print it again whenever the configuration of %[1]s changes.\n\npackage main\n\n"+
		"import \"heed/deploy/proxy\" // or where your copy of it is\n\n"+
		"// policies of the pages of %[1]s, for proxy.WithPolicy.\nvar policies = proxy.Policies{\n", r.site.ID)
	fmt.Fprintf(&b, "Cookie: %q,\nNotice: %q,\nLaws: map[string]string{\n\"\": %q,\n", r.cookie(), r.site.Notice, r.laws[0].letter)
	for _, l := range r.laws {
		for _, code := range l.places {
			fmt.Fprintf(&b, "%q: %q,\n", code, l.letter)
		}
	}
	fmt.Fprintf(&b, "\"*\": %q,\n},\nMasks: []proxy.Mask{\n", r.laws[len(r.laws)-1].letter)
	for _, l := range r.laws {
		for _, m := range l.masks {
			fmt.Fprintf(&b, "{Of: %q, Most: %d},\n", l.letter+" "+m.pattern, byte(m.mask))
		}
	}
	fmt.Fprintf(&b, "},\nFreeing: %q,\nBase: %q,\nHosts: []proxy.Hosts{\n", r.freeing(), r.sources.base)
	for _, category := range weighed() {
		if granted := r.sources.granted[category]; granted != "" {
			fmt.Fprintf(&b, "{Category: %d, Granted: %q, Marked: %q},\n", byte(category), granted, r.sources.marked[category])
		}
	}
	fmt.Fprintf(&b, "},\nFrames: []string{")
	for _, path := range r.site.Wall.Frames {
		fmt.Fprintf(&b, "%q, ", path)
	}
	fmt.Fprintf(&b, "},\nDomain: %q,\nStores: []proxy.Store{\n", r.site.CookieDomain)
	for _, s := range r.stores() {
		fmt.Fprintf(&b, "{Category: %d, Name: %q},\n", byte(s.category), s.pattern)
	}
	b.WriteString("},\n}\n")
	source, err := format.Source([]byte(b.String()))
	if err != nil {
		return fmt.Errorf("write policies as Go: %w", err)
	}
	_, err = w.Write(source)
	return err
}

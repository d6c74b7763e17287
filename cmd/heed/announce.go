package main

import (
	"fmt"
	"strings"

	"heed/snippet"
)

// maxTags bounds how many tags a start prints.
const maxTags = 3

// announce says where everything is. Tests and people wait for its first line.
func (s *server) announce() {
	w := s.p.stdout
	fmt.Fprintln(w, "Heed is running.")
	if s.listeners.demo != nil {
		fmt.Fprintf(w, "  demo       http://%s/\n", reachable(s.listeners.demo.Addr()))
	}
	fmt.Fprintf(w, "  api        http://%s/api/v1/sites\n", reachable(s.listeners.api.Addr()))
	var last string
	for _, listener := range s.listeners.collector {
		if url := s.collectorURL(listener); url != last { // several sockets may share one port
			fmt.Fprintf(w, "  collector  %s%s\n", url, s.cfg.Collector.Prefix)
			last = url
		}
	}
	fmt.Fprintf(w, "  data       %s\n", s.cfg.DataDir)
	for i, site := range s.sites {
		if i == maxTags {
			fmt.Fprintf(w, "The tags of %d more sites differ in the last part of the address, their key.\n", len(s.sites)-i)
			break
		}
		fmt.Fprintf(w, "Site %s: paste this into the head of each page.\n", site.collected.ID)
		for line := range strings.Lines(snippet.Tag(site.endpoint)) {
			fmt.Fprint(w, "  ", line)
		}
	}
	if s.log.Unclean() {
		fmt.Fprintln(w, "The process before this one was killed; what it had accepted is being brought into ClickHouse.")
	}
	fmt.Fprintln(w, "Ctrl-C stops. Ask for numbers with: heed stats --site", s.sites[0].collected.ID)
}

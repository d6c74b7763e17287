package main

import (
	"context"
	"fmt"
	"strings"
)

// maxTags bounds how many tags a start prints.
const maxTags = 3

// announce says where everything is. Tests and people wait for its last line.
func (s *server) announce(context.Context) error {
	w := s.p.stdout
	fmt.Fprintln(w, "Heed is running.")
	if s.demo != nil {
		fmt.Fprintf(w, "  demo       http://%s/\n", reachable(s.demo.Addr()))
	}
	s.announceAPI()
	s.edge.announce(s.log.Unclean())
	fmt.Fprintln(w, "Ctrl-C stops. Ask for numbers with: heed stats --site", s.edge.sites[0].collected.ID)
	return nil
}

// announceAPI says where questions are answered, or in a role without answers /readyz and metrics.
func (h *host) announceAPI() {
	fmt.Fprintf(h.p.stdout, "  api        http://%s/api/v1/sites\n", reachable(h.api.Addr()))
}

// announce says where the collector is, and what the sites paste into their pages.
func (e *edge) announce(unclean bool) {
	w := e.p.stdout
	var last string
	for _, listener := range e.listeners {
		if url := e.url(listener); url != last { // several sockets may share one port
			fmt.Fprintf(w, "  collector  %s%s\n", url, e.install.Prefix)
			last = url
		}
	}
	fmt.Fprintf(w, "  data       %s\n", e.cfg.DataDir)
	for i, site := range e.sites {
		if i == maxTags {
			fmt.Fprintf(w, "There are %d more sites; heed tag prints the tag of each.\n", len(e.sites)-i)
			break
		}
		fmt.Fprintf(w, "Site %s: paste this into the head of each page, before anything else there.\n", site.collected.ID)
		for line := range strings.Lines(site.tag) {
			fmt.Fprint(w, "  ", line)
		}
	}
	if unclean {
		fmt.Fprintln(w, "The process before this one was killed; what it had accepted is being brought on its way.")
	}
}

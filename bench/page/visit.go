package main

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
)

// seen is what one visit of the page has shown; times are ms, those of the first group since the navigation began.
type seen struct {
	At      string `json:"at"` // which of a visitor's pages
	Way     string `json:"way"`
	Version string `json:"version"` // of the browser

	Ready   float64 `json:"ready"` // DOMContentLoaded: all that holds the parser has run
	Load    float64 `json:"load"`
	Paint   float64 `json:"paint"`   // first contentful
	Largest float64 `json:"largest"` // contentful paint

	LargestIs string  `json:"largestIs"` // the element's id
	Shifts    float64 `json:"shifts"`    // sum of layout shifts
	LongTasks int     `json:"longTasks"` // above 50 ms
	Ran       int     `json:"ran"`       // blocking scripts of the page

	Tasks  float64 `json:"tasks"` // of the main thread, all
	Script float64 `json:"script"`
	Layout float64 `json:"layout"` // with style
}

// page is one of a visitor's pages in one way.
type page struct{ at, way string }

// Pages of a visitor: the first, which asks, and the next one after a yes to everything.
const (
	first = "first"
	next  = "next"
)

// visit has Chromium load the page in every way, so many rounds, and returns what it saw by page.
func (s *site) visit(ctx context.Context, rounds int) (map[page][]seen, error) {
	driver := filepath.Join("bench", "page", "driver.mjs")
	cmd := exec.CommandContext(ctx, "node", append([]string{driver, s.server.URL, strconv.Itoa(rounds)}, ways...)...)
	cmd.Stderr = os.Stderr
	lines, err := cmd.StdoutPipe()
	if err != nil {
		return nil, fmt.Errorf("connect to %s: %w", driver, err)
	}
	if err := cmd.Start(); err != nil {
		return nil, fmt.Errorf("start %s: %w", driver, err)
	}
	visits := map[page][]seen{}
	var bad error
	for scanner := bufio.NewScanner(lines); scanner.Scan(); {
		var v seen
		if err := json.Unmarshal(scanner.Bytes(), &v); err != nil {
			bad = fmt.Errorf("read %q: %w", scanner.Text(), err)
			continue
		}
		if v.Ran != blockingScripts {
			bad = fmt.Errorf("page %s: %d of %d scripts ran", v.Way, v.Ran, blockingScripts)
		}
		at := page{v.At, v.Way}
		visits[at] = append(visits[at], v)
	}
	if err := cmd.Wait(); err != nil {
		return nil, fmt.Errorf("visit the page (make browser installs Chromium): %w", err)
	}
	return visits, bad
}

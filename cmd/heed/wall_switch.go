package main

import (
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"log/slog"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"text/tabwriter"
	"time"

	"heed/collector"
	"heed/pipeline/durable"
	"heed/snippet"
)

// offFor is how long a wall stays switched off.
const offFor = 24 * time.Hour

// offFile is where the data folder keeps who has switched what off, until that has ended.
const offFile = "wall-off.json"

// switchedOff is who has switched a site's wall off, when and why.
type switchedOff struct {
	By     string    `json:"by"`
	Reason string    `json:"reason"`
	Since  time.Time `json:"since"`
	Until  time.Time `json:"until"`
}

// wallSwitch is the emergency switch of all sites of a process: pages that were pasted with a wall are reached through the
// loader, which leaves them a cookie for a day. It is set over the socket alone.
type wallSwitch struct {
	path      string
	pages     map[string]snippet.Site // by id
	collector *collector.Collector
	now       func() time.Time
	log       *slog.Logger

	mu  sync.Mutex
	off map[string]switchedOff // by site id
}

// openWallSwitch reads what was switched off before a restart, and serves it on.
func (e *edge) openWallSwitch() error {
	s := &wallSwitch{
		path: filepath.Join(e.cfg.DataDir, offFile), pages: map[string]snippet.Site{},
		collector: e.collector, now: e.p.now, log: e.logger.With("component", "wall"), off: map[string]switchedOff{},
	}
	for _, site := range e.sites {
		s.pages[site.collected.ID] = site.pages
	}
	data, err := os.ReadFile(s.path)
	if err == nil {
		err = json.Unmarshal(data, &s.off)
	}
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("read %s: %w (remove it: every wall is then as it is configured)", s.path, err)
	}
	for id, off := range s.off {
		if _, known := s.pages[id]; !known || !s.now().Before(off.Until) {
			delete(s.off, id)
		} else if err := s.serve(id, off.Until); err != nil {
			return err
		}
	}
	e.walls = s
	return nil
}

// serve has the collector serve the loaders of a wall that is off.
func (s *wallSwitch) serve(id string, until time.Time) error {
	pages := s.pages[id]
	pages.OffUntil = until.Unix()
	bundle, err := snippet.Build(pages) // its other scripts are those that are served already
	if err != nil {
		return err
	}
	return s.collector.SwitchOff(id, loadersOf(bundle), until)
}

// wallQuestion is what heed wall asks the process that runs.
type wallQuestion struct {
	Verb   string `json:"verb"` // show, off or on
	Site   string `json:"site,omitempty"`
	By     string `json:"by,omitempty"`
	Reason string `json:"reason,omitempty"`
}

// answer does what q asks, and says how it is then.
func (s *wallSwitch) answer(q wallQuestion, w io.Writer) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	maps.DeleteFunc(s.off, func(_ string, off switchedOff) bool { return !s.now().Before(off.Until) })
	if q.Verb == "show" {
		return s.printLocked(w)
	}
	if _, known := s.pages[q.Site]; !known {
		return fmt.Errorf("there is no site %q%s", q.Site, didYouMean(q.Site, slices.Sorted(maps.Keys(s.pages))))
	}
	if err := s.setLocked(q); err != nil {
		return err
	}
	return s.printLocked(w)
}

// setLocked serves, keeps and logs a change. What cannot be kept is not served on: a restart would undo it.
func (s *wallSwitch) setLocked(q wallQuestion) error {
	now := s.now().UTC().Truncate(time.Second)
	changed := maps.Clone(s.off)
	delete(changed, q.Site)
	if q.Verb == "off" {
		changed[q.Site] = switchedOff{By: q.By, Reason: q.Reason, Since: now, Until: now.Add(offFor)}
	}
	if err := s.apply(q.Site, changed); err != nil {
		return err
	}
	if err := s.keep(changed); err != nil {
		return errors.Join(err, s.apply(q.Site, s.off))
	}
	s.off = changed
	if q.Verb == "off" {
		s.log.Warn("wall switched off", "site", q.Site, "by", q.By, "reason", q.Reason, "until", now.Add(offFor))
	} else {
		s.log.Warn("wall switched on again", "site", q.Site, "by", q.By)
	}
	return nil
}

// apply has the collector serve a site as off says.
func (s *wallSwitch) apply(id string, off map[string]switchedOff) error {
	if entry, is := off[id]; is {
		return s.serve(id, entry.Until)
	}
	return s.collector.SwitchOff(id, nil, time.Time{})
}

func (s *wallSwitch) keep(off map[string]switchedOff) error {
	data, err := json.Marshal(off)
	if err == nil {
		err = durable.WriteFile(s.path, append(data, '\n'))
	}
	if err != nil {
		return fmt.Errorf("keep the switch: %w", err)
	}
	return nil
}

// printLocked lists every site.
func (s *wallSwitch) printLocked(w io.Writer) error {
	table := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	fmt.Fprintln(table, "SITE\tWALL\tOFF UNTIL\tSINCE\tBY\tREASON")
	for _, id := range slices.Sorted(maps.Keys(s.pages)) {
		strength := cmp.Or(string(s.pages[id].Wall.Strength), "off")
		off, is := s.off[id]
		if !is {
			fmt.Fprintf(table, "%s\t%s\t-\t-\t-\t-\n", id, strength)
			continue
		}
		fmt.Fprintf(table, "%s\t%s\t%s\t%s\t%s\t%s\n", id, strength, off.Until.Format(time.RFC3339), off.Since.Format(time.RFC3339), off.By, off.Reason)
	}
	return table.Flush()
}

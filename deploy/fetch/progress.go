package main

import (
	"fmt"
	"io"
	"os"
	"strings"
	"time"
)

const (
	terminalEvery = 100 * time.Millisecond
	lineEvery     = 5 * time.Second
)

// progress tells how a long step is going: on a terminal in one line that is rewritten, elsewhere, as in a log, with a
// plain line every few seconds. A step that is over before the first line is due leaves no trace but its last word.
type progress struct {
	w        io.Writer
	terminal bool
	shown    time.Time // when the last line was written
	open     bool      // a line waits to be rewritten
}

func newProgress(w io.Writer, terminal bool, now time.Time) *progress {
	return &progress{w: w, terminal: terminal, shown: now}
}

// show replaces what was shown, unless that is too recent.
func (p *progress) show(now time.Time, text string) {
	every := lineEvery
	if p.terminal {
		every = terminalEvery
	}
	if now.Sub(p.shown) < every {
		return
	}
	p.shown = now
	if p.terminal {
		fmt.Fprintf(p.w, "\r\x1b[K%s", text)
		p.open = true
		return
	}
	fmt.Fprintln(p.w, text)
}

// say writes a line that stays.
func (p *progress) say(text string) {
	p.clear()
	fmt.Fprintln(p.w, text)
}

// clear makes room for other output.
func (p *progress) clear() {
	if p.open {
		fmt.Fprint(p.w, "\r\x1b[K")
		p.open = false
	}
}

func isTerminal(f *os.File) bool {
	info, err := f.Stat()
	return err == nil && info.Mode()&os.ModeCharDevice != 0
}

// megabytes are decimal, as npm and disks count them.
func megabytes(n int64) string {
	return fmt.Sprintf("%.0f MB", float64(n)/1e6)
}

func elapsed(from, to time.Time) string {
	return to.Sub(from).Round(time.Second).String()
}

// tail returns the last lines of s, npm's notices apart.
func tail(s string, lines int) string {
	var kept []string
	for line := range strings.Lines(s) {
		if line = strings.TrimRight(line, "\r\n"); line != "" && !strings.HasPrefix(line, "npm notice") {
			kept = append(kept, line)
		}
	}
	return strings.Join(kept[max(0, len(kept)-lines):], "\n")
}

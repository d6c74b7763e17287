package main

import (
	"fmt"
	"strings"
)

// problem is one thing wrong with the configuration: where it stands, which key, what is wrong and what to do.
type problem struct {
	origin origin
	key    string // sites[0].origins
	what   string
	remedy string
}

func (p problem) String() string {
	text := p.key + ": " + p.what
	if p.remedy != "" {
		text += " (" + p.remedy + ")"
	}
	if p.origin.kind == fromDefault {
		return text
	}
	return p.origin.String() + ": " + text
}

// problems is every problem found, so that a person mends a file once.
type problems []problem

func (ps problems) Error() string {
	lines := make([]string, len(ps))
	for i, p := range ps {
		lines[i] = p.String()
	}
	return strings.Join(lines, "\n")
}

// origin says where a value came from.
type origin struct {
	kind originKind
	name string // the file, the variable or the flag
	line int    // in the file
}

type originKind uint8

// Where a value can come from, in rising precedence.
const (
	fromDefault originKind = iota
	fromFile
	fromEnvironment
	fromFlag
)

func (o origin) String() string {
	switch o.kind {
	case fromFile:
		return fmt.Sprintf("%s:%d", o.name, o.line)
	case fromEnvironment, fromFlag:
		return o.name
	}
	return "default"
}

// complaint is what is wrong with one value, before it is known where the value stands.
type complaint struct{ what, remedy string }

func (c *complaint) Error() string { return c.what + " (" + c.remedy + ")" }

func complain(remedy, format string, args ...any) error {
	return &complaint{what: fmt.Sprintf(format, args...), remedy: remedy}
}

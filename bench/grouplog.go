package main

import (
	"errors"
	"os"
	"sync"
	"sync/atomic"
)

// groupLog is the least that durability costs: bytes in a file, one fsync for all that arrived during the last one.
type groupLog struct {
	file   *os.File
	groups atomic.Int64 // made durable

	mu      sync.Mutex
	arrived *sync.Cond
	group   *group
	closed  bool
}

type group struct {
	bytes []byte
	done  chan struct{}
	err   error
}

func newGroupLog(f *os.File) *groupLog {
	l := &groupLog{file: f, group: &group{done: make(chan struct{})}}
	l.arrived = sync.NewCond(&l.mu)
	return l
}

// append returns after b is durable.
func (l *groupLog) append(b []byte) error {
	l.mu.Lock()
	g := l.group
	g.bytes = append(g.bytes, b...)
	l.arrived.Signal()
	l.mu.Unlock()
	<-g.done
	return g.err
}

// run commits group after group until the log is closed.
func (l *groupLog) run() {
	spare := []byte(nil)
	for {
		l.mu.Lock()
		for len(l.group.bytes) == 0 && !l.closed {
			l.arrived.Wait()
		}
		g := l.group
		if len(g.bytes) == 0 {
			l.mu.Unlock()
			return
		}
		l.group = &group{bytes: spare[:0], done: make(chan struct{})}
		l.mu.Unlock()
		_, err := l.file.Write(g.bytes)
		g.err = errors.Join(err, l.file.Sync())
		spare = g.bytes
		l.groups.Add(1)
		close(g.done)
	}
}

func (l *groupLog) close() {
	l.mu.Lock()
	l.closed = true
	l.arrived.Signal()
	l.mu.Unlock()
}

package main

import (
	"bufio"
	"context"
	"io"
	"net"
	"strings"
	"testing"
)

// A broker listens where the program says, until it is interrupted.
func TestRun(t *testing.T) {
	ctx, stop := context.WithCancel(t.Context())
	defer stop()
	printed, out := io.Pipe()
	ended := make(chan error, 1)
	go func() {
		ended <- run(ctx, nil, out)
		out.Close()
	}()
	address := ""
	for lines := bufio.NewScanner(printed); lines.Scan() && !strings.HasPrefix(lines.Text(), "Ctrl-C"); {
		if fields := strings.Fields(lines.Text()); len(fields) > 1 && fields[0] == "--kafka.brokers" {
			address = fields[1]
		}
	}
	conn, err := net.Dial("tcp", address)
	if err != nil {
		t.Fatalf("dial %q: %v", address, err)
	}
	conn.Close()
	stop()
	if err := <-ended; err != nil {
		t.Fatalf("run = %v, want none", err)
	}
	if conn, err := net.Dial("tcp", address); err == nil {
		conn.Close()
		t.Errorf("a broker listens on %s after the end", address)
	}
}

func TestRunFailure(t *testing.T) {
	f := func(args ...string) {
		t.Helper()
		if err := run(t.Context(), args, io.Discard); err == nil {
			t.Errorf("run(%q): want error", args)
		}
	}
	f("-nodes", "0")
	f("-nodes", "10")
	f("-what")
}

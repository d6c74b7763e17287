package listen_test

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"heed/collector/listen"
)

var quiet = slog.New(slog.DiscardHandler)

// open opens listeners that are closed with the test.
func open(t *testing.T, cfg listen.Config) []net.Listener {
	t.Helper()
	lns, err := listen.Open(context.Background(), cfg, quiet)
	if err != nil {
		t.Fatalf("Open(%v): %v", cfg.Addresses, err)
	}
	t.Cleanup(func() {
		for _, ln := range lns {
			_ = ln.Close() // some tests close it themselves
		}
	})
	return lns
}

// greet accepts connections and tells each who it is for the server, until the listener is closed.
func greet(t *testing.T, ln net.Listener) {
	t.Helper()
	done := make(chan struct{})
	go func() {
		defer close(done)
		for {
			conn, err := ln.Accept()
			if err != nil {
				return
			}
			go func() {
				defer conn.Close()
				line, err := bufio.NewReader(conn).ReadString('\n')
				if err == nil {
					fmt.Fprintf(conn, "%s said %s", conn.RemoteAddr(), line)
				}
			}()
		}
	}()
	t.Cleanup(func() {
		_ = ln.Close()
		<-done
	})
}

// say sends text, if there is any, and returns the whole answer.
func say(t *testing.T, conn net.Conn, text string) string {
	t.Helper()
	defer conn.Close()
	if text != "" { // who answers unasked may have closed already
		if _, err := io.WriteString(conn, text); err != nil {
			t.Fatalf("write: %v", err)
		}
	}
	answer, _ := io.ReadAll(conn) // a reset ends it, too
	return string(answer)
}

func dial(t *testing.T, addr net.Addr) net.Conn {
	t.Helper()
	conn, err := net.Dial(addr.Network(), addr.String())
	if err != nil {
		t.Fatalf("dial %v: %v", addr, err)
	}
	return conn
}

func TestOpenSeveralAddresses(t *testing.T) {
	path := filepath.Join(t.TempDir(), "s.sock")
	lns := open(t, listen.Config{Addresses: []string{"127.0.0.1:0", "unix:" + path}})
	if len(lns) != 2 {
		t.Fatalf("%d listeners, want 2", len(lns))
	}
	for _, ln := range lns {
		greet(t, ln)
		if got := say(t, dial(t, ln.Addr()), "hello\n"); !strings.Contains(got, "said hello") {
			t.Fatalf("%v answers %q", ln.Addr(), got)
		}
	}
}

func TestOpenAllOrNone(t *testing.T) {
	busy := open(t, listen.Config{Addresses: []string{"127.0.0.1:0"}})[0].Addr().String()
	path := filepath.Join(t.TempDir(), "s.sock")
	_, err := listen.Open(context.Background(), listen.Config{Addresses: []string{"unix:" + path, busy}}, quiet)
	if !errors.Is(err, syscall.EADDRINUSE) || !strings.Contains(err.Error(), busy) {
		t.Fatalf("Open on a busy port: %v, want one that names it", err)
	}
	if _, err := os.Lstat(path); err == nil {
		t.Fatal("the socket that was opened before the busy port is still there")
	}
}

func TestReusePort(t *testing.T) {
	lns := open(t, listen.Config{Addresses: []string{"127.0.0.1:0"}, ReusePort: 4})
	if len(lns) != 4 {
		t.Fatalf("%d listeners, want 4", len(lns))
	}
	seen := make(chan int, 1)
	for i, ln := range lns {
		if ln.Addr().String() != lns[0].Addr().String() {
			t.Fatalf("listener %d is on %v, want %v", i, ln.Addr(), lns[0].Addr())
		}
		go func() {
			for {
				conn, err := ln.Accept()
				if err != nil {
					return
				}
				_ = conn.Close()
				seen <- i
			}
		}()
	}
	used := map[int]bool{}
	for range 200 {
		_ = dial(t, lns[0].Addr()).Close()
		used[<-seen] = true
	}
	if len(used) != 4 {
		t.Fatalf("200 connections came to %d listeners, want all 4", len(used))
	}
}

func TestUnixSocketMode(t *testing.T) {
	f := func(mode, want os.FileMode) {
		t.Helper()
		path := filepath.Join(t.TempDir(), "s.sock")
		ln := open(t, listen.Config{Addresses: []string{"unix:" + path}, UnixMode: mode})[0]
		info, err := os.Stat(path)
		if err != nil || info.Mode().Perm() != want {
			t.Fatalf("mode %v, %v, want %v", info.Mode().Perm(), err, want)
		}
		_ = ln.Close()
		if _, err := os.Lstat(path); err == nil {
			t.Fatal("the socket is still there after Close")
		}
	}
	f(0, 0o660)
	f(0o600, 0o600)
	f(0o666, 0o666)
}

func TestUnixSocketStale(t *testing.T) {
	path := filepath.Join(t.TempDir(), "s.sock")
	leaveStale(t, path)
	ln := open(t, listen.Config{Addresses: []string{"unix:" + path}})[0]
	greet(t, ln)
	if got := say(t, dial(t, ln.Addr()), "hello\n"); !strings.Contains(got, "said hello") {
		t.Fatalf("the new socket answers %q", got)
	}
}

// leaveStale makes a socket and closes it without removing it, as a killed process does.
func leaveStale(t *testing.T, path string) {
	t.Helper()
	ln, err := net.Listen("unix", path)
	if err != nil {
		t.Fatal(err)
	}
	ln.(*net.UnixListener).SetUnlinkOnClose(false)
	_ = ln.Close()
	if _, err := os.Stat(path); err != nil {
		t.Fatal(err)
	}
}

func TestUnixSocketInUse(t *testing.T) {
	path := filepath.Join(t.TempDir(), "s.sock")
	open(t, listen.Config{Addresses: []string{"unix:" + path}})
	_, err := listen.Open(context.Background(), listen.Config{Addresses: []string{"unix:" + path}}, quiet)
	if err == nil || !strings.Contains(err.Error(), "another process answers") {
		t.Fatalf("Open on a socket in use: %v, want that another process answers", err)
	}
	if _, err := os.Lstat(path); err != nil {
		t.Fatalf("the socket in use: %v, want it there", err)
	}
}

func TestUnixSocketOverFile(t *testing.T) {
	path := filepath.Join(t.TempDir(), "s.sock")
	if err := os.WriteFile(path, []byte("precious"), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := listen.Open(context.Background(), listen.Config{Addresses: []string{"unix:" + path}}, quiet); err == nil {
		t.Fatal("Open in place of a file: want error")
	}
	if text, err := os.ReadFile(path); err != nil || string(text) != "precious" {
		t.Fatalf("the file holds %q, %v", text, err)
	}
}

func TestValidateSuccess(t *testing.T) {
	f := func(address string) {
		t.Helper()
		if err := (listen.Config{Addresses: []string{address}}).Validate(); err != nil {
			t.Fatalf("Validate(%q): %v, want none", address, err)
		}
	}
	f("127.0.0.1:8080")
	f(":0")
	f("[::1]:80")
	f("localhost:http")
	f("unix:/run/heed.sock")
	f("systemd")
	f("systemd:collect")
	f("systemd:8080") // a host of that name
}

func TestValidateFailure(t *testing.T) {
	f := func(cfg listen.Config, want string) {
		t.Helper()
		if err := cfg.Validate(); err == nil || !strings.Contains(err.Error(), want) {
			t.Fatalf("Validate(%+v): %v, want one that says %q", cfg, err, want)
		}
	}
	f(listen.Config{}, "addresses: want at least one")
	for _, address := range []string{"", "8080", "localhost", "http://a:80", "1.2.3.4:99999", "1.2.3.4:", "unix:relative", "unix:", "systemd:",
		"unix:/" + strings.Repeat("x", 107), "::1:80", "a b:80"} {
		f(listen.Config{Addresses: []string{address}}, fmt.Sprintf("%q: want", address)[:len(fmt.Sprintf("%q", address))])
	}
	one := []string{":0"}
	f(listen.Config{Addresses: one, UnixMode: 0o10660}, "unix mode")
	f(listen.Config{Addresses: one, UnixMode: os.ModeSetuid}, "unix mode")
	f(listen.Config{Addresses: one, ReusePort: -1}, "reuse port")
	f(listen.Config{Addresses: one, ReusePort: 10000}, "reuse port")
	f(listen.Config{Addresses: one, TLS: listen.TLS{Key: "k"}}, "tls")
	f(listen.Config{Addresses: one, Proxy: listen.Proxy{HeaderTimeout: -1}}, "header timeout")
	f(listen.Config{Addresses: one, Proxy: listen.Proxy{From: []netip.Prefix{{}}}}, "proxy: from")
	f(listen.Config{Addresses: []string{"x", "y"}, ReusePort: -1}, "\n") // all of them at once
}

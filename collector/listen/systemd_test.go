package listen_test

import (
	"context"
	"net"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"testing"

	"heed/collector/listen"
)

// childVariable makes the test binary the program that systemd would start: its value is the address it listens on.
const childVariable = "HEED_TEST_LISTEN"

func TestMain(m *testing.M) {
	if address := os.Getenv(childVariable); address != "" {
		os.Exit(child(address))
	}
	os.Exit(m.Run())
}

// child answers one connection on each listener with the listener's number.
func child(address string) int {
	lns, err := listen.Open(context.Background(), listen.Config{Addresses: []string{address}}, quiet)
	if err != nil {
		_, _ = os.Stderr.WriteString(err.Error())
		return 1
	}
	for i, ln := range lns {
		conn, err := ln.Accept()
		if err != nil {
			return 2
		}
		_, _ = conn.Write([]byte("listener " + strconv.Itoa(i) + " of " + strconv.Itoa(len(lns))))
		_ = conn.Close()
	}
	return 0
}

// activate starts a child with sockets as systemd does: from descriptor 3 on, and with its own process id in the
// environment.
func activate(t *testing.T, address, names string, lns ...net.Listener) (stderr *strings.Builder, wait func() error) {
	t.Helper()
	cmd := exec.Command("/bin/sh", "-c", `LISTEN_PID=$$ exec "$0"`, os.Args[0])
	cmd.Env = append(os.Environ(), childVariable+"="+address, "LISTEN_FDS="+strconv.Itoa(len(lns)), "LISTEN_FDNAMES="+names)
	for _, ln := range lns {
		file, err := ln.(interface{ File() (*os.File, error) }).File()
		if err != nil {
			t.Fatal(err)
		}
		defer file.Close()
		cmd.ExtraFiles = append(cmd.ExtraFiles, file)
	}
	stderr = &strings.Builder{}
	cmd.Stderr = stderr
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	return stderr, cmd.Wait
}

// sockets opens the sockets that systemd would: one of each kind.
func sockets(t *testing.T) (tcp, unix net.Listener) {
	t.Helper()
	tcp, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	unix, err = net.Listen("unix", t.TempDir()+"/s.sock")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _, _ = tcp.Close(), unix.Close() })
	return tcp, unix
}

func TestSystemdAllSockets(t *testing.T) {
	tcp, unix := sockets(t)
	stderr, wait := activate(t, "systemd", "", tcp, unix)
	for i, ln := range []net.Listener{tcp, unix} {
		want := "listener " + strconv.Itoa(i) + " of 2"
		if got := say(t, dial(t, ln.Addr()), ""); got != want {
			t.Fatalf("%v answers %q, want %q; the child says %s", ln.Addr(), got, want, stderr)
		}
	}
	if err := wait(); err != nil {
		t.Fatalf("child: %v: %s", err, stderr)
	}
	if _, err := os.Lstat(unix.Addr().String()); err != nil {
		t.Fatalf("the child has removed systemd's socket: %v", err)
	}
}

func TestSystemdByName(t *testing.T) {
	tcp, unix := sockets(t)
	stderr, wait := activate(t, "systemd:collect", "api:collect", unix, tcp)
	if got := say(t, dial(t, tcp.Addr()), ""); got != "listener 0 of 1" {
		t.Fatalf("%v answers %q; the child says %s", tcp.Addr(), got, stderr)
	}
	if err := wait(); err != nil {
		t.Fatalf("child: %v: %s", err, stderr)
	}
}

func TestSystemdFailure(t *testing.T) {
	tcp, unix := sockets(t)
	f := func(address, names, want string, lns ...net.Listener) {
		t.Helper()
		stderr, wait := activate(t, address, names, lns...)
		if err := wait(); err == nil || !strings.Contains(stderr.String(), want) {
			t.Fatalf("child: %v: %s, want it to say %q", err, stderr, want)
		}
	}
	f("systemd:other", "api:collect", "FileDescriptorName", tcp, unix)
	f("systemd", "", "LISTEN_FDS")

	env := map[string]string{"LISTEN_PID": "1", "LISTEN_FDS": "1"}
	cfg := listen.Config{Addresses: []string{"systemd"}, Getenv: func(name string) string { return env[name] }}
	g := func(want string) {
		t.Helper()
		if _, err := listen.Open(context.Background(), cfg, quiet); err == nil || !strings.Contains(err.Error(), want) {
			t.Fatalf("Open with %v: %v, want one that says %q", env, err, want)
		}
	}
	g("LISTEN_PID") // another process's
	delete(env, "LISTEN_PID")
	g("LISTEN_PID")
	env["LISTEN_PID"] = strconv.Itoa(os.Getpid())
	for _, count := range []string{"", "0", "-1", "x", "1000000"} {
		env["LISTEN_FDS"] = count
		g("LISTEN_FDS")
	}
}

func TestSystemdWantsListeningSockets(t *testing.T) {
	tcp, _ := sockets(t)
	conn := dial(t, tcp.Addr())
	defer conn.Close()
	stderr, wait := activate(t, "systemd", "", accepted{conn})
	if err := wait(); err == nil || !strings.Contains(stderr.String(), "descriptor 3") {
		t.Fatalf("child: %v: %s, want it to name the descriptor", err, stderr)
	}
}

// accepted passes a connection where a listener belongs, as Accept=yes does.
type accepted struct{ net.Conn }

func (accepted) Accept() (net.Conn, error) { return nil, net.ErrClosed }
func (accepted) Addr() net.Addr            { return nil }
func (a accepted) File() (*os.File, error) { return a.Conn.(*net.TCPConn).File() }

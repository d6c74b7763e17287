package collector_test

import (
	"bufio"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"strings"
	"syscall"
	"testing"
	"time"

	"heed/collector"
)

// fewFiles tells the test program that it is the child of TestTooManyOpenFiles.
const fewFiles = "HEED_TEST_FEW_FILES"

// TestTooManyOpenFiles runs in a process of its own, which may open few files: as many connections as it takes to meet
// that limit must not end the server.
func TestTooManyOpenFiles(t *testing.T) {
	if os.Getenv(fewFiles) == "" {
		child := exec.Command(os.Args[0], "-test.run=^TestTooManyOpenFiles$")
		child.Env = append(os.Environ(), fewFiles+"=1")
		if out, err := child.CombinedOutput(); err != nil {
			t.Fatalf("in a process with few files: %v\n%s", err, out)
		}
		return
	}
	e := start(t, collector.Config{})
	warm := rawDial(t, e) // a connection that is open already
	if err := syscall.Setrlimit(syscall.RLIMIT_NOFILE, &syscall.Rlimit{Cur: 64, Max: 64}); err != nil {
		t.Fatal(err)
	}
	var conns []net.Conn
	for { // both ends are files of this process
		conn, err := net.DialTimeout("tcp", e.addr, time.Second)
		if err != nil {
			break
		}
		conns = append(conns, conn)
	}
	for deadline := time.Now().Add(20 * time.Second); e.metric("heed_collector_accept_errors_total") == "0"; {
		if time.Now().After(deadline) {
			t.Fatal("accepting has not met the limit")
		}
	}
	get := func(conn net.Conn) string {
		io.WriteString(conn, "GET /h/k1/heed.js HTTP/1.1\r\nHost: h\r\n\r\n")
		resp, err := http.ReadResponse(bufio.NewReader(conn), nil)
		if err != nil {
			return err.Error()
		}
		return resp.Status
	}
	if got := get(warm); !strings.HasPrefix(got, "200") {
		t.Errorf("on the open connection = %s, want 200", got)
	}
	for _, conn := range conns {
		conn.Close()
	}
	if got := get(rawDial(t, e)); !strings.HasPrefix(got, "200") {
		t.Errorf("when files are free again = %s, want 200", got)
	}
	if n := strings.Count(e.logged.String(), "connections cannot be accepted"); n != 1 {
		t.Errorf("logged %d warnings, want one", n)
	}
}

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

// TestTooManyOpenFiles runs in a process of its own, which may open few files: a connection too many must not end
// the server.
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
	warm := rawDial(t, e)
	e.untilMetric("heed_collector_connections", "1") // it is open already
	if err := syscall.Setrlimit(syscall.RLIMIT_NOFILE, &syscall.Rlimit{Cur: 64, Max: 64}); err != nil {
		t.Fatal(err)
	}
	var files []*os.File
	for {
		file, err := os.Open(os.DevNull)
		if err != nil {
			break
		}
		files = append(files, file)
	}
	files[0].Close() // room for the near end of a connection, but not for the far one
	waiting := rawDial(t, e)
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
	for _, file := range files[1:] {
		file.Close()
	}
	if got := get(waiting); !strings.HasPrefix(got, "200") {
		t.Errorf("on the connection that waited = %s, want 200", got)
	}
	if got := get(rawDial(t, e)); !strings.HasPrefix(got, "200") {
		t.Errorf("when files are free again = %s, want 200", got)
	}
	if n := strings.Count(e.logged.String(), "connections cannot be accepted"); n != 1 {
		t.Errorf("logged %d warnings, want one", n)
	}
}

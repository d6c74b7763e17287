package proxy_test

import (
	"bytes"
	"errors"
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"
)

// startTimeout is generous: the engine starts on a busy machine.
const startTimeout = 60 * time.Second

// buildHeed builds the program and returns its path.
func buildHeed(t *testing.T) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "heed")
	if out, err := exec.Command("go", "build", "-o", path, "heed/cmd/heed").CombinedOutput(); err != nil {
		t.Fatalf("build heed: %v\n%s", err, out)
	}
	return path
}

// libraryPath finds the engine as the tests of cmd/heed do.
func libraryPath(t *testing.T) string {
	t.Helper()
	path := os.Getenv("HEED_CLICKHOUSE_LIBRARY")
	if path == "" {
		path = filepath.Join("..", "..", "node_modules", "@chdb", "lib-linux-x64-gnu", "libchdb.so")
	}
	path, err := filepath.Abs(path)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(path); err != nil {
		t.Fatalf("libchdb is needed: %v (npm ci fetches it, or name it in HEED_CLICKHOUSE_LIBRARY)", err)
	}
	return path
}

// heed is a heed serve that a test has started.
type heed struct {
	cmd    *exec.Cmd
	output *output // standard output and error together
	done   chan struct{}

	collector string // 127.0.0.1:port; it prints its public address only
	api       string // http://127.0.0.1:port
	tag       string // what it tells the owner to paste
}

// startHeed starts program with the configuration file on ports of the test's own, and returns when it is ready.
func startHeed(t *testing.T, program, config, data, city string) *heed {
	t.Helper()
	h := &heed{output: &output{}, done: make(chan struct{}), collector: fmt.Sprintf("127.0.0.1:%d", freePort(t))}
	h.cmd = exec.Command(program, "serve", "--config", config, "--data.dir", data, "--geo.city", city,
		"--collector.address", h.collector, "--api.address", "127.0.0.1:0")
	h.cmd.Env = append(os.Environ(), "HEED_CLICKHOUSE_LIBRARY="+libraryPath(t))
	h.cmd.Stdout, h.cmd.Stderr = h.output, h.output
	if err := h.cmd.Start(); err != nil {
		t.Fatalf("start heed: %v", err)
	}
	go func() {
		_ = h.cmd.Wait() // the exit status is in ProcessState
		close(h.done)
	}()
	t.Cleanup(func() {
		_ = h.cmd.Process.Kill() // it may have ended
		<-h.done
	})
	h.awaitReady(t)
	return h
}

var (
	apiLine  = regexp.MustCompile(`(?m)^  api +(http://[^/\s]+)`)
	tagLines = regexp.MustCompile(`(?m)^  <script .*\n(?:  <meta .*\n)?  <script async .*$`)
)

func (h *heed) awaitReady(t *testing.T) {
	t.Helper()
	for deadline := time.Now().Add(startTimeout); ; time.Sleep(10 * time.Millisecond) {
		ended := false
		select {
		case <-h.done:
			ended = true
		default:
		}
		text := h.output.String()
		if strings.Contains(text, "Ctrl-C stops") {
			h.readOutput(t, text)
			if isReady(h.api) {
				return
			}
		}
		if ended || time.Now().After(deadline) {
			t.Fatalf("heed serve did not become ready; it printed:\n%s", text)
		}
	}
}

func isReady(api string) bool {
	answer, err := http.Get(api + "/readyz")
	if err != nil {
		return false
	}
	answer.Body.Close()
	return answer.StatusCode == http.StatusOK
}

// readOutput takes the API's address and the tag from what heed prints.
func (h *heed) readOutput(t *testing.T, text string) {
	t.Helper()
	api := apiLine.FindStringSubmatch(text)
	if h.tag = tagLines.FindString(text); api == nil || h.tag == "" {
		t.Fatalf("heed printed no address of the API, or no tag:\n%s", text)
	}
	h.api = api[1]
}

// stop asks for an end and waits for it.
func (h *heed) stop(t *testing.T) {
	t.Helper()
	if err := h.cmd.Process.Signal(syscall.SIGTERM); err != nil && !errors.Is(err, os.ErrProcessDone) {
		t.Fatalf("stop heed: %v", err)
	}
	<-h.done
	if code := h.cmd.ProcessState.ExitCode(); code != 0 {
		t.Errorf("heed serve ended with status %d, want 0:\n%s", code, h.output)
	}
}

// output can be read while a process writes it.
type output struct {
	mu   sync.Mutex
	text bytes.Buffer
}

func (o *output) Write(b []byte) (int, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.text.Write(b)
}

func (o *output) String() string {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.text.String()
}

package main

import (
	"bytes"
	"errors"
	"net/http"
	"os"
	"os/exec"
	"regexp"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"heed/collector/listen/listentest"
)

// process is a heed serve that a test has started: the test binary under another name.
type process struct {
	t      testing.TB
	cmd    *exec.Cmd
	output *output // standard output and error together
	done   chan struct{}

	API       string // http://127.0.0.1:port
	Collector string // http://127.0.0.1:port/prefix
	Demo      string // http://127.0.0.1:port, empty without --demo
}

// startTimeout is generous: the engine starts on a busy machine.
const startTimeout = 60 * time.Second

// startHeed starts heed serve on ports of its own and the given data folder, and returns when /readyz is good. What
// else it is to do comes as flags (--demo) or, as NAME=value, as variables. It is killed when the test ends.
func startHeed(t testing.TB, dir string, settings ...string) *process {
	t.Helper()
	p := launchHeed(t, dir, settings...)
	p.awaitAddresses()
	deadline := time.Now().Add(startTimeout)
	for {
		answer, err := http.Get(p.API + "/readyz")
		if err == nil {
			answer.Body.Close()
			if answer.StatusCode == http.StatusOK {
				return p
			}
		}
		if time.Now().After(deadline) {
			t.Fatalf("heed serve was not ready in %v; it printed:\n%s", startTimeout, p.output)
		}
		time.Sleep(10 * time.Millisecond)
	}
}

// launchHeed starts heed serve and returns at once.
func launchHeed(t testing.TB, dir string, settings ...string) *process {
	t.Helper()
	return launch(t, append([]string{"serve", "--data.dir", dir, "--collector.address", "127.0.0.1:0", "--api.address", "127.0.0.1:0",
		"--demo.address", "127.0.0.1:0", "--collector.rate", "0"}, settings...)...) // tests send all they have from one address
}

// launch starts a command of heed and returns at once. What else it is to do comes as flags or, as NAME=value, as
// variables.
func launch(t testing.TB, settings ...string) *process {
	t.Helper()
	args := []string{"heed"}
	env := append(os.Environ(), "HEED_CLICKHOUSE_LIBRARY="+libraryPath(t))
	for _, s := range settings {
		if strings.HasPrefix(s, "HEED_") {
			env = append(env, s)
		} else {
			args = append(args, s)
		}
	}
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	p := &process{t: t, output: &output{}, done: make(chan struct{})}
	p.cmd = &exec.Cmd{Path: self, Args: args, Env: env, Stdout: p.output, Stderr: p.output, Dir: t.TempDir()}
	if err := p.cmd.Start(); err != nil {
		t.Fatalf("start heed: %v", err)
	}
	go func() {
		_ = p.cmd.Wait() // the exit status is in ProcessState
		close(p.done)
	}()
	t.Cleanup(p.kill)
	return p
}

var addressLine = regexp.MustCompile(`(?m)^  (demo|api|collector) +(https?://\S+)$`)

// awaitOutput waits until the process has printed text.
func (p *process) awaitOutput(text string) {
	p.t.Helper()
	ended := false
	for deadline := time.Now().Add(startTimeout); !strings.Contains(p.output.String(), text); time.Sleep(10 * time.Millisecond) {
		if ended || time.Now().After(deadline) {
			p.t.Fatalf("heed serve never printed %q; it printed:\n%s", text, p.output)
		}
		select {
		case <-p.done:
			ended = true // once more: what it printed last may have come meanwhile
		default:
		}
	}
}

// awaitAddresses reads them from what heed prints.
func (p *process) awaitAddresses() {
	p.t.Helper()
	p.awaitOutput("Ctrl-C stops")
	for _, match := range addressLine.FindAllStringSubmatch(p.output.String(), -1) {
		switch address := match[2]; match[1] {
		case "demo":
			p.Demo = strings.TrimSuffix(address, "/")
		case "api":
			p.API = strings.TrimSuffix(address, "/api/v1/sites")
		case "collector":
			p.Collector = address
		}
	}
}

// kill ends the process as a power cut would. It may be called more than once.
func (p *process) kill() {
	_ = p.cmd.Process.Kill() // it may have ended
	<-p.done
}

// stop asks for an end, waits for it, and returns all that the process has printed.
func (p *process) stop() string {
	p.t.Helper()
	if err := p.cmd.Process.Signal(syscall.SIGTERM); err != nil && !errors.Is(err, os.ErrProcessDone) {
		p.t.Fatalf("stop heed: %v", err)
	}
	<-p.done
	if code := p.cmd.ProcessState.ExitCode(); code != exitOK {
		p.t.Errorf("heed serve ended with status %d, want 0:\n%s", code, p.output)
	}
	return p.output.String()
}

// freeAddress is one that nothing listened on a moment ago.
func freeAddress(t testing.TB) string {
	t.Helper()
	address, err := listentest.FreeAddress()
	if err != nil {
		t.Fatal(err)
	}
	return address
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

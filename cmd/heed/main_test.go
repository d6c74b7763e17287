package main

import (
	"bytes"
	"context"
	"flag"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/rogpeppe/go-internal/testscript"

	"heed/pipeline/kafka/kafkatest"
)

var update = flag.Bool("update", false, "rewrite golden files")

// testNow, an RFC 3339 time, sets the clock of a heed that a test starts; it then runs on from there.
const testNow = "HEED_TEST_NOW"

// TestMain lets the test binary be heed itself, when it is started under that name.
func TestMain(m *testing.M) {
	testscript.Main(withKafka{m}, map[string]func(){"heed": heedMain, "visit": visitMain, "tamper": tamperMain})
}

// withKafka ends the broker that tests share.
type withKafka struct{ m *testing.M }

func (w withKafka) Run() int { return kafkatest.Run(w.m) }

func heedMain() {
	p := &program{getenv: os.Getenv, stdin: os.Stdin, stdout: os.Stdout, stderr: os.Stderr, now: time.Now}
	if text := os.Getenv(testNow); text != "" {
		start, err := time.Parse(time.RFC3339, text)
		if err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(exitUsage)
		}
		p.now = clockFrom(time.Until(start), os.Getenv(testClock))
	}
	os.Exit(p.run(context.Background(), os.Args[1:]))
}

// libraryPath is where npm has put libchdb, unless the environment names another place.
func libraryPath(t testing.TB) string {
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

// TestScripts runs the real program; each file of testdata/scripts is one story.
func TestScripts(t *testing.T) {
	library := libraryPath(t)
	testscript.Run(t, testscript.Params{
		Dir:           "testdata/scripts",
		UpdateScripts: *update,
		Setup: func(env *testscript.Env) error {
			env.Setenv("LIBCHDB", library)
			return writeWalk(env.WorkDir)
		},
		Cmds: map[string]func(*testscript.TestScript, bool, []string){"await": await, "get": get},
	})
}

// await waits until a file holds a text: await FILE TEXT. It is how a script knows that a server is up.
func await(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 2 {
		ts.Fatalf("usage: await file text")
	}
	var text []byte
	for deadline := time.Now().Add(30 * time.Second); time.Now().Before(deadline); time.Sleep(20 * time.Millisecond) {
		text, _ = os.ReadFile(ts.MkAbs(args[0])) // it may not be there yet
		if strings.Contains(string(text), args[1]) {
			return
		}
	}
	ts.Fatalf("%s never held %q; it holds:\n%s", args[0], args[1], text)
}

// get asks the collector whose start a file holds for a path below its prefix, and keeps the answer's body: get FILE PATH INTO.
func get(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 3 {
		ts.Fatalf("usage: get file path into")
	}
	at := regexp.MustCompile(`(?m)^  collector +(http://\S+)$`).FindAllStringSubmatch(ts.ReadFile(args[0]), -1)
	if at == nil {
		ts.Fatalf("%s names no collector", args[0])
	}
	answer, err := http.Get(at[len(at)-1][1] + args[1])
	ts.Check(err)
	defer answer.Body.Close()
	body, err := io.ReadAll(answer.Body)
	ts.Check(err)
	ts.Check(os.WriteFile(ts.MkAbs(args[2]), body, 0o600))
}

// runHeed runs the program in this process and returns what it printed.
func runHeed(t *testing.T, env map[string]string, args ...string) (status int, stdout, stderr string) {
	t.Helper()
	var out, errs bytes.Buffer
	getenv := func(name string) string { return env[name] }
	status = run(t.Context(), args, getenv, strings.NewReader(""), &out, &errs)
	return status, out.String(), errs.String()
}

func TestHelpFits(t *testing.T) {
	f := func(args ...string) {
		t.Helper()
		status, out, errs := runHeed(t, nil, args...)
		if status != exitOK || errs != "" {
			t.Errorf("heed %q = %d, %q, want 0 and nothing on stderr", args, status, errs)
		}
		for line := range strings.Lines(out) {
			if width := len([]rune(strings.TrimSuffix(line, "\n"))); width > helpColumns {
				t.Errorf("heed %q prints a line of %d columns, want at most %d: %s", args, width, helpColumns, line)
			}
		}
	}
	f("help")
	for _, cmd := range commands() {
		f("help", cmd.name)
		f(cmd.name, "-h")
		if cmd.example == "" || cmd.summary == "" {
			t.Errorf("command %s has no example or no summary", cmd.name)
		}
	}
}

func TestRunFailure(t *testing.T) {
	f := func(want int, wantText string, args ...string) {
		t.Helper()
		status, _, errs := runHeed(t, nil, args...)
		if status != want || !strings.Contains(errs, wantText) {
			t.Errorf("heed %q = %d, %q, want %d with %q", args, status, errs, want, wantText)
		}
	}
	f(exitUsage, "Try it")
	f(exitUsage, "did you mean serve?", "serv")
	f(exitUsage, "there is no command", "xyzzyxyzzy")
	f(exitUsage, "did you mean wal.max_bytes?", "serve", "--wal.maxbytes", "1GiB")
	f(exitUsage, "takes flags only", "serve", "demo")
	f(exitUsage, "name a site", "stats")
	f(exitUsage, "did you mean stats?", "help", "stat")
	f(exitError, "there is no site to serve", "serve", "--config", os.DevNull)
	f(exitError, "no such file", "config", "--config", filepath.Join(t.TempDir(), "none.yaml"))
}

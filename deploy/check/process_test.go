package check

import (
	"bufio"
	"bytes"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"syscall"
	"testing"
)

// process is a heed that runs until the test ends.
type process struct {
	t     *testing.T
	api   string // http://127.0.0.1:port
	token string
}

var apiLine = regexp.MustCompile(`^  api +(http://[0-9.:]+)/`)

// start starts a role on ports of its own and waits until it says that it runs. args are flags and, as NAME=value,
// variables.
func start(t *testing.T, role string, args ...string) *process {
	t.Helper()
	p := &process{t: t}
	cmd := exec.Command(heed(t), role, "--api.address", "127.0.0.1:0")
	cmd.Dir = t.TempDir()
	cmd.Env = []string{"HEED_DATA_DIR=" + filepath.Join(t.TempDir(), "data"), "HEED_COLLECTOR_ADDRESS=127.0.0.1:0"}
	for _, arg := range args {
		if !strings.HasPrefix(arg, "HEED_") {
			cmd.Args = append(cmd.Args, arg)
			continue
		}
		cmd.Env = append(cmd.Env, arg)
		if token, ok := strings.CutPrefix(arg, "HEED_API_TOKEN="); ok {
			p.token = token
		}
	}
	var problems bytes.Buffer
	cmd.Stderr = &problems
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = cmd.Process.Signal(syscall.SIGTERM) // it may have ended
		_, _ = io.Copy(io.Discard, out)
		_ = cmd.Wait()
	})
	lines := bufio.NewScanner(out)
	for lines.Scan() && !strings.HasPrefix(lines.Text(), "Ctrl-C stops") {
		if m := apiLine.FindStringSubmatch(lines.Text()); m != nil {
			p.api = m[1]
		}
	}
	if p.api == "" {
		_ = cmd.Process.Kill()
		_ = cmd.Wait()
		t.Fatalf("heed %s did not start (make fetch brings what it needs):\n%s", role, &problems)
	}
	return p
}

// serving are the arguments of heed serve with the engine and the demo site.
func serving(t *testing.T) []string {
	t.Helper()
	lib, err := filepath.Abs(root + "/bin/lib/libchdb.so")
	if err != nil {
		t.Fatal(err)
	}
	return []string{"--demo", "--demo.address", "127.0.0.1:0", "--clickhouse.library", lib}
}

// startPod starts what the chart has for a role, whose Kafka and ClickHouse do not answer.
func startPod(t *testing.T, role string) *process {
	t.Helper()
	dir := t.TempDir()
	var config string
	var args []string
	for _, o := range mustRender(t, "testdata/values-small.yaml") {
		if o.Kind == "ConfigMap" {
			config = strings.ReplaceAll(o.Data["heed.yaml"], "kafka:9092", "127.0.0.1:1")
		}
		if container, ok := at(o.Spec, "template", "spec", "containers", 0).(map[string]any); ok && at(container, "args", 0) == role {
			args = environment(container)
		}
	}
	for i := range args {
		args[i] = strings.Replace(args[i], "/etc/heed/install/", dir+"/", 1)
	}
	for name, text := range map[string]string{"heed.yaml": config, "secret": strings.Repeat("0f", 32)} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	args = append(args, "HEED_CONFIG="+filepath.Join(dir, "heed.yaml"), "HEED_COLLECTOR_ADDRESS=127.0.0.1:0",
		"HEED_DATA_DIR="+filepath.Join(dir, "data"),
		"HEED_CLICKHOUSE_DSN=clickhouse://heed:secret@127.0.0.1:1/heed") // the last one counts
	return start(t, role, args...)
}

var metricName = regexp.MustCompile(`(?m)^([a-z][a-z0-9_]*)[{ ]`)

// metrics are the names of all that the process shows.
func (p *process) metrics() (names []string) {
	p.t.Helper()
	request, err := http.NewRequest(http.MethodGet, p.api+"/metrics", nil)
	if err != nil {
		p.t.Fatal(err)
	}
	request.Header.Set("Authorization", "Bearer "+p.token)
	answer, err := http.DefaultClient.Do(request)
	if err != nil {
		p.t.Fatal(err)
	}
	defer answer.Body.Close()
	body, err := io.ReadAll(answer.Body)
	if err != nil || answer.StatusCode != http.StatusOK {
		p.t.Fatalf("/metrics answers %s, %v: %s", answer.Status, err, body)
	}
	for _, m := range metricName.FindAllStringSubmatch(string(body), -1) {
		names = append(names, m[1])
	}
	return names
}

// TestCollectWithoutKafka: the chart's collector is ready, and stays so, while Kafka and ClickHouse are away. Otherwise
// Kubernetes would take all collectors out of the service at once, and nothing would reach their spools.
func TestCollectWithoutKafka(t *testing.T) {
	p := startPod(t, "collect")
	out, err := runHeed(t, nil, "ready", "--api.address", strings.TrimPrefix(p.api, "http://"))
	if err != nil || out != "ready\n" {
		t.Errorf("heed ready = %v, %q, want ready", err, out)
	}
}

// TestLoadSigns: the chart's loader has the key of the roots. Without one it loads all the same, and nothing is signed.
func TestLoadSigns(t *testing.T) {
	if names := startPod(t, "load").metrics(); !slices.Contains(names, "heed_records_roots_unsent") {
		t.Errorf("the loader shows nothing of roots: %v", names)
	}
}

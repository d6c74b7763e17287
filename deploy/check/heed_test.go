package check

import (
	"bytes"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"testing"
)

// deploy is the folder that is checked, root the repository.
const (
	deploy = ".."
	root   = "../.."
)

// built is where the program is put, once for all tests.
var built = struct {
	once    sync.Once
	dir     string
	problem error
}{}

func TestMain(m *testing.M) {
	status := m.Run()
	if built.dir != "" {
		os.RemoveAll(built.dir)
	}
	os.Exit(status)
}

// heed is the program, built from this repository.
func heed(t testing.TB) string {
	t.Helper()
	built.once.Do(func() {
		if built.dir, built.problem = os.MkdirTemp("", "heed-check"); built.problem == nil {
			built.problem = build(filepath.Join(built.dir, "heed"))
		}
	})
	if built.problem != nil {
		t.Fatal(built.problem)
	}
	return filepath.Join(built.dir, "heed")
}

// build builds the program as the container images do.
func build(target string, flags ...string) error {
	cmd := exec.Command("go", append(append([]string{"build", "-o", target}, flags...), "./cmd/heed")...)
	cmd.Dir, cmd.Env = root, append(os.Environ(), "CGO_ENABLED=0", "GOWORK=off")
	if out, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("go build ./cmd/heed: %w\n%s", err, out)
	}
	return nil
}

// runHeed runs the program with variables and arguments, and returns what it printed.
func runHeed(t testing.TB, env []string, args ...string) (output string, err error) {
	t.Helper()
	cmd := exec.Command(heed(t), args...)
	cmd.Dir, cmd.Env = t.TempDir(), append([]string{"PATH=" + os.Getenv("PATH")}, env...)
	var out bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &out
	err = cmd.Run()
	return out.String(), err
}

// checkConfig has heed read a configuration file together with the variables that a process of that role gets beside it.
func checkConfig(t testing.TB, what, role, yaml string, env []string) {
	t.Helper()
	name := filepath.Join(t.TempDir(), "heed.yaml")
	if err := os.WriteFile(name, []byte(yaml), 0o600); err != nil {
		t.Fatal(err)
	}
	// The file's own place in the container is not there.
	env = append([]string{}, env...)
	for i, line := range env {
		if strings.HasPrefix(line, "HEED_CONFIG=") {
			env[i] = "HEED_CONFIG=" + name
		}
	}
	if out, err := runHeed(t, env, "config", "--check", "--role", role, "--config", name); err != nil {
		t.Errorf("%s: heed config --check --role %s: %v\n%s%s", what, role, err, out, yaml)
	}
	for _, line := range env {
		if variable, _, _ := strings.Cut(line, "="); strings.HasPrefix(variable, "HEED_") && !settings(t)[variable] {
			t.Errorf("%s sets %s, which is no setting", what, variable)
		}
	}
}

var settingRow = regexp.MustCompile("(?m)^\\| `([a-z_.]+)` \\|")

// settings are the variables that heed knows, from its reference.
func settings(t testing.TB) map[string]bool {
	t.Helper()
	known := map[string]bool{"HEED_CONFIG": true}
	for _, row := range settingRow.FindAllStringSubmatch(read(t, root+"/cmd/heed/CONFIG.md"), -1) {
		known["HEED_"+strings.ToUpper(strings.ReplaceAll(row[1], ".", "_"))] = true
	}
	return known
}

var commandRow = regexp.MustCompile(`(?m)^  heed ([a-z ]+?)  `)

// commands are those that heed help lists.
func commands(t testing.TB) map[string]bool {
	t.Helper()
	out, err := runHeed(t, nil, "help")
	if err != nil {
		t.Fatalf("heed help: %v\n%s", err, out)
	}
	known := map[string]bool{}
	for _, row := range commandRow.FindAllStringSubmatch(out, -1) {
		known[row[1]] = true
	}
	if !known["serve"] {
		t.Fatalf("heed help lists no heed serve:\n%s", out)
	}
	return known
}

func read(t testing.TB, name string) string {
	t.Helper()
	text, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

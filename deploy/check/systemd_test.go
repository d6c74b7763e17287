package check

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// installed is where the units expect the program.
const installed = "/usr/lib/heed/heed"

// units writes the units into a folder, with the program that was built here in the place of the installed one.
func units(t *testing.T) (names []string) {
	t.Helper()
	if _, err := exec.LookPath("systemd-analyze"); err != nil {
		t.Fatal("the test of the units needs systemd-analyze, of Debian's package systemd")
	}
	files, err := filepath.Glob(deploy + "/systemd/*.s*t")
	if err != nil {
		t.Fatal(err)
	}
	services, err := filepath.Glob(deploy + "/systemd/*.service")
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	for _, file := range append(services, files...) {
		name := filepath.Join(dir, filepath.Base(file))
		text := strings.ReplaceAll(read(t, file), installed, heed(t))
		if err := os.WriteFile(name, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		names = append(names, name)
	}
	if len(names) != 5 {
		t.Fatalf("the units are %v, want four services and a socket", names)
	}
	return names
}

func TestUnits(t *testing.T) {
	for _, name := range units(t) {
		if out, err := exec.Command("systemd-analyze", "verify", name).CombinedOutput(); err != nil || len(out) > 0 {
			t.Errorf("systemd-analyze verify %s: %v\n%s", filepath.Base(name), err, out)
		}
	}
}

// TestUnitsHardened: 2.0 of 10 is what systemd calls OK; a service without any hardening has 9.6.
func TestUnitsHardened(t *testing.T) {
	for _, name := range units(t) {
		if !strings.HasSuffix(name, ".service") {
			continue
		}
		cmd := exec.Command("systemd-analyze", "security", "--offline=true", "--threshold=20", "--no-pager", name)
		if out, err := cmd.CombinedOutput(); err != nil {
			t.Errorf("systemd-analyze security %s: %v\n%s", filepath.Base(name), err, out)
		}
	}
}

// TestUnitsRun: the commands are heed's, and the variables its settings.
func TestUnitsRun(t *testing.T) {
	services, err := filepath.Glob(deploy + "/systemd/*.service")
	if err != nil {
		t.Fatal(err)
	}
	for _, file := range services {
		found, collects, runtime := false, false, ""
		for line := range strings.Lines(read(t, file)) {
			line = strings.TrimSpace(line)
			if command, ok := strings.CutPrefix(line, "ExecStart="+installed+" "); ok {
				found = commands(t)[command]
				collects = command == "serve" || command == "collect"
			}
			if folder, ok := strings.CutPrefix(line, "RuntimeDirectory="); ok {
				runtime = folder
			}
			if variables, ok := strings.CutPrefix(line, "Environment="); ok {
				for _, v := range strings.Fields(variables) {
					if name, _, _ := strings.Cut(v, "="); !settings(t)[name] {
						t.Errorf("%s sets %s, which is no setting", file, name)
					}
				}
			}
		}
		if !found {
			t.Errorf("%s runs no command of heed", file)
		}
		if want := strings.TrimSuffix(filepath.Base(file), ".service"); collects && runtime != want {
			t.Errorf("%s: RuntimeDirectory=%s, want %s: no unix socket can be made elsewhere", file, runtime, want)
		}
	}
}

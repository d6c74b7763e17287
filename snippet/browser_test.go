package snippet

import (
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	"github.com/evanw/esbuild/pkg/api"
)

// engines are the browsers that the snippet is proved in, and the programs that drive them.
var engines = map[string][]string{
	"chromium": {"chromium"},
	"firefox":  {"firefox-esr"},
	"webkit":   {"WebKitWebDriver", "Xvfb"},
}

// TestBrowser runs the bundle in each engine against a site and a collector on two origins of this machine.
func TestBrowser(t *testing.T) {
	t.Parallel()
	needNode(t)
	if _, err := os.Stat(filepath.Join("..", "node_modules", "puppeteer-core")); err != nil {
		t.Fatalf("%v: run npm ci at the root of the repository", err)
	}
	for engine, programs := range engines {
		t.Run(engine, func(t *testing.T) {
			t.Parallel()
			for _, program := range programs {
				if _, err := exec.LookPath(program); err != nil {
					t.Fatalf("%v: the snippet is proved in real browsers; make browser installs them", err)
				}
			}
			s := newStand(t)
			runNode(t, filepath.Join("test", "browser", "all.mjs"),
				"HEED_PAGES="+s.pages.URL, "HEED_COLLECTOR="+s.collector.URL, "HEED_ENGINE="+engine)
		})
	}
}

// TestPure runs the tests of those helpers that need no browser.
func TestPure(t *testing.T) {
	needNode(t)
	tests, err := filepath.Glob(filepath.Join("test", "*.test.ts"))
	if err != nil || len(tests) == 0 {
		t.Fatalf("Glob(test/*.test.ts) = %v, %v, want tests", tests, err)
	}
	out := t.TempDir()
	result := api.Build(api.BuildOptions{
		EntryPoints: tests, Bundle: true, Write: true, Outdir: out, OutExtension: map[string]string{".js": ".mjs"},
		Platform: api.PlatformNode, Format: api.FormatESModule, Target: api.ES2020, LogLevel: api.LogLevelSilent,
	})
	if len(result.Errors) > 0 {
		t.Fatal(messages(result.Errors))
	}
	built, err := filepath.Glob(filepath.Join(out, "*.mjs"))
	if err != nil {
		t.Fatal(err)
	}
	for _, file := range built {
		runNode(t, file)
	}
}

func needNode(t *testing.T) {
	t.Helper()
	if _, err := exec.LookPath("node"); err != nil {
		t.Fatalf("%v: the snippet's tests run under Node 20 or newer; install it (apt-get install nodejs)", err)
	}
}

func runNode(t *testing.T, script string, env ...string) {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), "node", "--test", script)
	cmd.Env = append(os.Environ(), env...)
	out, err := cmd.CombinedOutput()
	if err != nil {
		t.Errorf("node --test %s: %v\n%s", script, err, out)
	} else if testing.Verbose() {
		t.Logf("%s", out)
	}
}

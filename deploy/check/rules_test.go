package check

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"go.yaml.in/yaml/v3"
)

// promtool runs Prometheus' own tool in the folder of the rules.
func promtool(t *testing.T, args ...string) {
	t.Helper()
	tool, err := exec.LookPath("promtool")
	if err != nil {
		if tool, err = filepath.Abs("bin/promtool"); err != nil {
			t.Fatal(err)
		}
	}
	cmd := exec.Command(tool, args...)
	cmd.Dir = deploy + "/prometheus"
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Errorf("promtool %s: %v (./promtool in deploy/check brings it)\n%s", strings.Join(args, " "), err, out)
	}
}

func TestRules(t *testing.T) {
	promtool(t, "check", "rules", "rules.yml")
	promtool(t, "check", "config", "--syntax-only", withoutKubernetes(t))
	promtool(t, "test", "rules", "rules.test.yml")
}

// withoutKubernetes is scrape.yml with another way to find targets: Debian's promtool is built without Kubernetes'.
func withoutKubernetes(t *testing.T) string {
	t.Helper()
	name := filepath.Join(t.TempDir(), "scrape.yml")
	text := strings.Replace(read(t, deploy+"/prometheus/scrape.yml"), "kubernetes_sd_configs: [{role: pod}]", "static_configs: []", 1)
	text = strings.Replace(text, "rule_files: [rules.yml]", "", 1) // checked by themselves
	if err := os.WriteFile(name, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return name
}

// TestEveryAlert: each has a test in which it fires, one in which it does not, and a section of the runbook.
func TestEveryAlert(t *testing.T) {
	var rules struct {
		Groups []struct {
			Rules []struct {
				Alert       string
				Labels      map[string]string
				Annotations map[string]string
			}
		}
	}
	if err := yaml.Unmarshal([]byte(read(t, deploy+"/prometheus/rules.yml")), &rules); err != nil {
		t.Fatal(err)
	}
	fires, silent := tested(t)
	runbook := read(t, deploy+"/RUNBOOK.md")
	for _, group := range rules.Groups {
		for _, rule := range group.Rules {
			if !fires[rule.Alert] || !silent[rule.Alert] {
				t.Errorf("rules.test.yml shows of %s: fires %v, is silent %v", rule.Alert, fires[rule.Alert], silent[rule.Alert])
			}
			if severity := rule.Labels["severity"]; severity != "page" && severity != "ticket" {
				t.Errorf("%s has severity %q", rule.Alert, severity)
			}
			if want := "deploy/RUNBOOK.md#" + strings.ToLower(rule.Alert); rule.Annotations["runbook"] != want {
				t.Errorf("%s: runbook = %q, want %q", rule.Alert, rule.Annotations["runbook"], want)
			}
			if !strings.Contains(runbook, "\n### "+rule.Alert+"\n") {
				t.Errorf("RUNBOOK.md has no section %s", rule.Alert)
			}
		}
	}
	if len(fires) < 20 {
		t.Errorf("%d alerts are tested", len(fires))
	}
}

func tested(t *testing.T) (fires, silent map[string]bool) {
	t.Helper()
	var file struct {
		Tests []struct {
			Alerts []struct {
				Name string `yaml:"alertname"`
				Want []any  `yaml:"exp_alerts"`
			} `yaml:"alert_rule_test"`
		}
	}
	if err := yaml.Unmarshal([]byte(read(t, deploy+"/prometheus/rules.test.yml")), &file); err != nil {
		t.Fatal(err)
	}
	fires, silent = map[string]bool{}, map[string]bool{}
	for _, test := range file.Tests {
		for _, alert := range test.Alerts {
			if len(alert.Want) > 0 {
				fires[alert.Name] = true
			} else {
				silent[alert.Name] = true
			}
		}
	}
	return fires, silent
}

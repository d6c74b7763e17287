package check

import (
	"context"
	"encoding/xml"
	"errors"
	"io"
	"os"
	"os/exec"
	"path"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/compose-spec/compose-go/v2/cli"
	"github.com/compose-spec/compose-go/v2/types"
)

// project reads compose.yaml as docker compose does, with what README.md has one write to .env.
func project(env ...string) (*types.Project, error) {
	options, err := cli.NewProjectOptions([]string{deploy + "/compose/compose.yaml"}, cli.WithEnv(env),
		cli.WithWorkingDirectory(deploy+"/compose"))
	if err != nil {
		return nil, err
	}
	return options.LoadProject(context.Background())
}

func mustProject(t *testing.T) *types.Project {
	t.Helper()
	p, err := project("HEED_API_TOKEN="+strings.Repeat("0", 64), "HEED_CLICKHOUSE_PASSWORD=secret")
	if err != nil {
		t.Fatal(err)
	}
	return p
}

func TestCompose(t *testing.T) {
	p := mustProject(t)
	known := commands(t)
	config := read(t, deploy+"/compose/heed.yaml")
	for name, service := range p.Services {
		checkImage(t, name, service.Image)
		if service.HealthCheck == nil {
			t.Errorf("%s has no health check", name)
		}
		if !strings.HasPrefix(service.Image, "heed") {
			continue
		}
		if command := service.Command[0]; !known[command] {
			t.Errorf("%s runs heed %s, which is no command", name, command)
		}
		if want := []string{"CMD", "/heed/heed", "ready"}; !slices.Equal(service.HealthCheck.Test, want) || !known["ready"] {
			t.Errorf("%s is asked by %v, want %v", name, service.HealthCheck.Test, want)
		}
		if !service.ReadOnly || !slices.Contains(service.CapDrop, "ALL") {
			t.Errorf("%s may write its image or keeps capabilities", name)
		}
		var env []string
		for variable, value := range service.Environment {
			env = append(env, variable+"="+*value)
		}
		checkConfig(t, name, service.Command[0], config, env)
		mounted := slices.ContainsFunc(service.Secrets, func(s types.ServiceSecretConfig) bool {
			return strings.Contains(config, "secret_file: "+path.Join("/run/secrets", s.Target))
		})
		if needed := service.Command[0] != "report"; mounted != needed {
			t.Errorf("%s has the install's secret: %v, and needs it: %v", name, mounted, needed)
		}
	}
	if len(p.Services) != 9 {
		t.Errorf("there are %d services, want 9", len(p.Services))
	}
}

// TestComposeFailure: without its secrets nothing starts.
func TestComposeFailure(t *testing.T) {
	if _, err := project(); err == nil || !strings.Contains(err.Error(), "README.md") {
		t.Errorf("compose without .env = %v, want a word on README.md", err)
	}
}

// TestComposeSpools: two collectors on one spool would refuse each other.
func TestComposeSpools(t *testing.T) {
	owner := map[string]string{}
	for name, service := range mustProject(t).Services {
		for _, volume := range service.Volumes {
			if other := owner[volume.Source]; other != "" {
				t.Errorf("%s and %s share the volume %s", name, other, volume.Source)
			}
			owner[volume.Source] = name
		}
	}
	if len(owner) != 6 {
		t.Errorf("volumes are %v, want three of Kafka, two spools and ClickHouse's", owner)
	}
}

// image is a pinned official name, with no registry in front.
var image = regexp.MustCompile(`^(?:[a-z0-9-]+/)?[a-z0-9-]+:[0-9a-z][0-9a-z.-]*$`)

func checkImage(t *testing.T, what, name string) {
	t.Helper()
	if !image.MatchString(name) || strings.HasSuffix(name, ":latest") {
		t.Errorf("%s uses the image %q, want a name with a version", what, name)
	}
}

// TestComposeFront has nginx itself read the configuration of the one in front.
func TestComposeFront(t *testing.T) {
	text := read(t, deploy+"/compose/front.conf")
	for _, name := range []string{"collect-1:8081", "collect-2:8081"} { // names that only Docker knows
		if !strings.Contains(text, "server "+name) {
			t.Errorf("nginx does not pass on to %s", name)
		}
		text = strings.ReplaceAll(text, name, "127.0.0.1:8081")
	}
	dir := t.TempDir()
	text = "error_log stderr; pid " + dir + "/pid; events {} http { access_log off; " + text + " }"
	name := filepath.Join(dir, "nginx.conf")
	if err := os.WriteFile(name, []byte(strings.ReplaceAll(text, "listen 80;", "listen 127.0.0.1:18080;")), 0o600); err != nil {
		t.Fatal(err)
	}
	nginx, err := exec.LookPath("nginx")
	if err != nil {
		nginx = "/usr/sbin/nginx"
	}
	if out, err := exec.Command(nginx, "-t", "-p", dir, "-c", name).CombinedOutput(); err != nil {
		t.Errorf("nginx -t: %v (make test installs nginx)\n%s", err, out)
	}
}

func TestComposeClickHouse(t *testing.T) {
	decoder := xml.NewDecoder(strings.NewReader(read(t, deploy+"/compose/clickhouse.xml")))
	for {
		_, err := decoder.Token()
		if errors.Is(err, io.EOF) {
			return
		}
		if err != nil {
			t.Fatal(err)
		}
	}
}

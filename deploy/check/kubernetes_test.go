package check

import (
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"github.com/santhosh-tekuri/jsonschema/v6"
)

// The release of Kubernetes whose schemas the chart must satisfy, and the checksum of its module.
const (
	kubernetes    = "k8s.io/kubernetes@v1.36.3"
	kubernetesSum = "h1:qDQdoMiluAE2Eab6Fa52YV+WjiGz9mZFFoagEA6cI+o="
)

// kubernetesDir is where the module is; it is fetched as data, and nothing of it is compiled.
var kubernetesDir = sync.OnceValues(func() (string, error) {
	out, err := exec.Command("go", "mod", "download", "-json", kubernetes).Output()
	if err != nil {
		return "", fmt.Errorf("go mod download %s: %w", kubernetes, err)
	}
	var module struct{ Dir, Sum string }
	if err := json.Unmarshal(out, &module); err != nil {
		return "", err
	}
	if module.Sum != kubernetesSum {
		return "", fmt.Errorf("%s has the checksum %s, want %s", kubernetes, module.Sum, kubernetesSum)
	}
	return module.Dir, nil
})

// object is what every Kubernetes object has.
type object struct {
	APIVersion string `yaml:"apiVersion"`
	Kind       string
	Metadata   struct {
		Name   string
		Labels map[string]string
	}
	Spec map[string]any
	Data map[string]string

	all map[string]any
}

func (o *object) String() string { return o.Kind + " " + o.Metadata.Name }

// checkSchema holds o against the API's own schema, in which nothing unknown is allowed, as with kubectl --validate=strict.
func checkSchema(t testing.TB, o *object) {
	t.Helper()
	schema, err := kindSchema(o.APIVersion, o.Kind)
	if err != nil {
		t.Fatalf("%v: %v", o, err)
	}
	if err := schema.Validate(o.all); err != nil {
		t.Errorf("%v: %v", o, err)
	}
}

// kindSchema compiles the schema of one kind.
func kindSchema(apiVersion, kind string) (*jsonschema.Schema, error) {
	dir, err := kubernetesDir()
	if err != nil {
		return nil, err
	}
	group, version, grouped := strings.Cut(apiVersion, "/")
	file := fmt.Sprintf("apis__%s__%s_openapi.json", group, version)
	if !grouped {
		group, version, file = "", apiVersion, fmt.Sprintf("api__%s_openapi.json", apiVersion)
	}
	document, err := readJSON(filepath.Join(dir, "api", "openapi-spec", "v3", file))
	if err != nil {
		return nil, err
	}
	wanted := ""
	schemas := document["components"].(map[string]any)["schemas"].(map[string]any)
	for name, schema := range schemas {
		schema := schema.(map[string]any)
		closeObject(schema)
		if isKind(schema, group, version, kind) {
			wanted = name
		}
	}
	if wanted == "" {
		return nil, fmt.Errorf("%s knows no %s %s", kubernetes, apiVersion, kind)
	}
	compiler := jsonschema.NewCompiler()
	if err := compiler.AddResource("kubernetes.json", document); err != nil {
		return nil, err
	}
	return compiler.Compile("kubernetes.json#/components/schemas/" + wanted)
}

// closeObject allows only the properties that are named.
func closeObject(schema map[string]any) {
	if _, named := schema["properties"]; named && schema["additionalProperties"] == nil {
		schema["additionalProperties"] = false
	}
}

func isKind(schema map[string]any, group, version, kind string) bool {
	kinds, _ := schema["x-kubernetes-group-version-kind"].([]any)
	return len(kinds) == 1 && fmt.Sprint(kinds[0]) == fmt.Sprint(map[string]any{"group": group, "version": version, "kind": kind})
}

func readJSON(name string) (map[string]any, error) {
	var document map[string]any
	text, err := os.ReadFile(name)
	if err == nil {
		err = json.Unmarshal(text, &document)
	}
	return document, err
}

package check

import (
	"fmt"
	"path"
	"slices"
	"strings"
	"testing"

	"go.yaml.in/yaml/v3"
	"helm.sh/helm/v3/pkg/chart/loader"
	"helm.sh/helm/v3/pkg/chartutil"
	"helm.sh/helm/v3/pkg/engine"
)

// render renders the chart as helm install does, and returns its objects and its notes.
func render(values string) (objects []*object, notes string, err error) {
	chart, err := loader.Load(deploy + "/helm/heed")
	if err != nil {
		return nil, "", err
	}
	own, err := chartutil.ReadValues([]byte(values))
	if err != nil {
		return nil, "", err
	}
	release := chartutil.ReleaseOptions{Name: "heed", Namespace: "heed", IsInstall: true}
	all, err := chartutil.ToRenderValues(chart, own, release, chartutil.DefaultCapabilities)
	if err != nil {
		return nil, "", err
	}
	files, err := engine.Engine{Strict: true}.Render(chart, all)
	if err != nil {
		return nil, "", err
	}
	for name, text := range files {
		if path.Base(name) == "NOTES.txt" {
			notes = text
			continue
		}
		found, err := decode(text)
		if err != nil {
			return nil, "", err
		}
		objects = append(objects, found...)
	}
	return objects, notes, nil
}

// decode reads the documents of one file.
func decode(text string) (objects []*object, err error) {
	for _, document := range strings.Split(text, "\n---") {
		o := &object{}
		if err := yaml.Unmarshal([]byte(document), &o.all); err != nil {
			return nil, err
		}
		if len(o.all) == 0 {
			continue
		}
		if err := yaml.Unmarshal([]byte(document), o); err != nil {
			return nil, err
		}
		objects = append(objects, o)
	}
	return objects, nil
}

func mustRender(t *testing.T, file string) []*object {
	t.Helper()
	objects, notes, err := render(read(t, file))
	if err != nil {
		t.Fatalf("render with %s: %v", file, err)
	}
	if !strings.Contains(notes, "https://stats.example.com/k3v9x") {
		t.Errorf("the notes do not say where heed collects:\n%s", notes)
	}
	return objects
}

func TestChart(t *testing.T) {
	for _, file := range []string{"testdata/values-small.yaml", "testdata/values-large.yaml"} {
		t.Run(path.Base(file), func(t *testing.T) {
			objects := mustRender(t, file)
			for _, o := range objects {
				checkSchema(t, o)
			}
			checkReferences(t, objects)
			checkPods(t, objects)
		})
	}
}

// A loader may speak with where the roots go, if they go by HTTP.
func TestChartLetsRootsOut(t *testing.T) {
	ports := func(config string) (all []any) {
		t.Helper()
		objects, _, err := render(strings.Replace(read(t, "testdata/values-small.yaml"), "config:\n", "config:\n"+config, 1))
		if err != nil {
			t.Fatal(err)
		}
		for _, o := range objects {
			if o.Kind != "NetworkPolicy" || o.Metadata.Name != "heed-loader" {
				continue
			}
			checkSchema(t, o)
			for _, rule := range o.Spec["egress"].([]any) {
				all = append(all, at(rule, "ports", 0, "port"))
			}
		}
		return all
	}
	for config, want := range map[string]string{
		"": "[53 9092 9000]", "  records: {send_roots_to: /mnt/roots}\n": "[53 9092 9000]",
		"  records: {send_roots_to: 'https://archive.example/roots'}\n": "[53 9092 9000 443]",
	} {
		if got := fmt.Sprint(ports(config)); got != want {
			t.Errorf("with %q loaders may speak at %s, want %s", config, got, want)
		}
	}
}

// TestChartFailure: what must not be installed is refused with a reason.
func TestChartFailure(t *testing.T) {
	small := read(t, "testdata/values-small.yaml")
	f := func(change, want string) {
		t.Helper()
		_, _, err := render(small + change)
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("render with %q = %v, want %q", change, err, want)
		}
	}
	f("\ncolector: {}\n", "colector")
	f("\nimage: {repository: x, tag: latest}\n", "tag")
	f("\nloader: {replicas: 13}\n", "larger than config.kafka.partitions")
	f("\ningress: {enabled: true}\n", "host")
	if _, _, err := render("{}"); err == nil || !strings.Contains(err.Error(), "public_url") {
		t.Errorf("render with nothing = %v, want public_url", err)
	}
	if _, _, err := render(strings.Replace(small, "kafka:", "clickhouse: {dsn: x}\n  kafka:", 1)); err == nil {
		t.Error("render with a DSN in the open: want error")
	}
}

// TestSchemaIsStrict: the check itself would notice a wrong field, a wrong type and a missing one.
func TestSchemaIsStrict(t *testing.T) {
	f := func(document string) {
		t.Helper()
		objects, err := decode(document)
		if err != nil {
			t.Fatal(err)
		}
		schema, err := kindSchema(objects[0].APIVersion, objects[0].Kind)
		if err != nil {
			t.Fatal(err)
		}
		if schema.Validate(objects[0].all) == nil {
			t.Errorf("%q satisfies Kubernetes' schema", document)
		}
	}
	f("{apiVersion: v1, kind: Service, metadata: {name: a}, spec: {port: []}}")
	f("{apiVersion: v1, kind: Service, metadata: {name: a}, spec: {ports: [{port: http}]}}")
	f("{apiVersion: policy/v1, kind: PodDisruptionBudget, spec: {selectors: {}}}")
	f("{apiVersion: apps/v1, kind: Deployment, spec: {selector: {}}}")
}

// checkReferences finds names that lead nowhere.
func checkReferences(t *testing.T, objects []*object) {
	t.Helper()
	pods := map[string]*object{} // by what they are
	for _, o := range objects {
		if o.Kind == "StatefulSet" || o.Kind == "Deployment" {
			pods[o.String()] = o
		}
	}
	chosen := func(o *object, selector map[string]any) {
		for _, p := range pods {
			if matches(podLabels(p), selector) {
				return
			}
		}
		t.Errorf("%v selects no pod: %v", o, selector)
	}
	for _, o := range objects {
		switch o.Kind {
		case "Service":
			chosen(o, o.Spec["selector"].(map[string]any))
		case "PodDisruptionBudget", "StatefulSet", "Deployment":
			chosen(o, at(o.Spec, "selector", "matchLabels").(map[string]any))
		case "NetworkPolicy":
			chosen(o, at(o.Spec, "podSelector", "matchLabels").(map[string]any))
		case "HorizontalPodAutoscaler":
			target := at(o.Spec, "scaleTargetRef", "kind").(string) + " " + at(o.Spec, "scaleTargetRef", "name").(string)
			if pods[target] == nil {
				t.Errorf("%v scales %s, which is not there", o, target)
			}
			if pods[target].Spec["replicas"] != nil {
				t.Errorf("%s has replicas, which each upgrade would put in the place of the autoscaler's", target)
			}
		case "Ingress":
			backend := at(o.Spec, "rules", 0, "http", "paths", 0, "backend", "service", "name")
			if !slices.ContainsFunc(objects, func(s *object) bool { return s.Kind == "Service" && s.Metadata.Name == backend }) {
				t.Errorf("%v leads to %v, which is not there", o, backend)
			}
		}
	}
	if len(pods) != 3 {
		t.Errorf("there are %d kinds of pods, want collector, loader and reader", len(pods))
	}
}

func podLabels(pods *object) map[string]any {
	return at(pods.Spec, "template", "metadata", "labels").(map[string]any)
}

func matches(labels, selector map[string]any) bool {
	for name, value := range selector {
		if labels[name] != value {
			return false
		}
	}
	return len(selector) > 0
}

// at walks into decoded YAML; what is not there is nil.
func at(from any, way ...any) any {
	for _, step := range way {
		switch step := step.(type) {
		case string:
			m, _ := from.(map[string]any)
			from = m[step]
		case int:
			list, _ := from.([]any)
			if step >= len(list) {
				return nil
			}
			from = list[step]
		}
	}
	return from
}

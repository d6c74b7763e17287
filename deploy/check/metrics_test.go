package check

import (
	"encoding/json"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/prometheus/prometheus/model/labels"
	"github.com/prometheus/prometheus/promql/parser"
	"go.yaml.in/yaml/v3"
)

// ofPrometheus are the names that Prometheus itself makes.
var ofPrometheus = []string{"up"}

// exported are the names of all metrics: those that a running heed serve and heed collect show, and, since others are
// shown only once Kafka answers or something has been counted, those that the sources make.
func exported(t *testing.T) map[string]bool {
	t.Helper()
	names := map[string]bool{}
	for _, name := range ofPrometheus {
		names[name] = true
	}
	for _, name := range append(start(t, "serve", serving(t)...).metrics(), startPod(t, "collect").metrics()...) {
		names[name] = true
	}
	if !names["heed_wal_size_bytes"] || !names["heed_kafka_spool_backlog_bytes"] || !names["process_resident_memory_bytes"] {
		t.Fatalf("a running heed shows too little: %v", names)
	}
	for _, name := range written(t) {
		names[name] = true
	}
	return names
}

var (
	madeMetric = regexp.MustCompile(`(New|Write)(Counter|Gauge|Histogram)\w*\([^"` + "`" + `)]*(?:fmt\.Sprintf\()?["` + "`" + `](heed_[a-z_]+)`)
	ownGauge   = regexp.MustCompile(`(?:gauge|Sprintf)\(["` + "`" + `](heed_[a-z_]+)`)
)

// written are the names that sources make.
func written(t *testing.T) (names []string) {
	t.Helper()
	for _, pattern := range []string{"*/metrics.go", "*/*/metrics.go", "pipeline/ledger/*.go"} {
		files, err := filepath.Glob(filepath.Join(root, pattern))
		if err != nil {
			t.Fatal(err)
		}
		for _, file := range files {
			text := read(t, file)
			for _, m := range madeMetric.FindAllStringSubmatch(text, -1) {
				names = append(names, m[3])
				if m[2] == "Histogram" {
					names = append(names, m[3]+"_sum", m[3]+"_count")
				}
			}
			for _, m := range ownGauge.FindAllStringSubmatch(text, -1) {
				names = append(names, m[1])
			}
		}
	}
	return names
}

// used are the metrics that an expression asks for. VictoriaMetrics' buckets are no Prometheus buckets, so that nothing
// may ask for quantiles.
func used(t *testing.T, what, expression string) (names []string) {
	t.Helper()
	parsed, err := parser.ParseExpr(expression)
	if err != nil {
		t.Errorf("%s: %v in %s", what, err, expression)
		return nil
	}
	parser.Inspect(parsed, func(node parser.Node, _ []parser.Node) error {
		selector, ok := node.(*parser.VectorSelector)
		if !ok {
			return nil
		}
		names = append(names, selector.Name)
		if !slices.ContainsFunc(selector.LabelMatchers, isJob) && strings.HasPrefix(what, "panel") {
			t.Errorf("%s: %s is asked of every job", what, selector.Name)
		}
		return nil
	})
	return names
}

func isJob(m *labels.Matcher) bool { return m.Name == "job" }

// queries are what alerts and panels ask, by who asks.
func queries(t *testing.T) map[string]string {
	t.Helper()
	asked := map[string]string{}
	var rules struct {
		Groups []struct {
			Rules []struct{ Alert, Expr string }
		}
	}
	if err := yaml.Unmarshal([]byte(read(t, deploy+"/prometheus/rules.yml")), &rules); err != nil {
		t.Fatal(err)
	}
	for _, group := range rules.Groups {
		for _, rule := range group.Rules {
			asked["alert "+rule.Alert] = rule.Expr
		}
	}
	var dashboard struct {
		Panels []struct {
			Title   string
			Targets []struct{ Expr, RefID string }
		}
	}
	if err := json.Unmarshal([]byte(read(t, deploy+"/grafana/heed.json")), &dashboard); err != nil {
		t.Fatal(err)
	}
	for _, panel := range dashboard.Panels {
		for _, target := range panel.Targets {
			asked["panel "+panel.Title+" "+target.RefID] = strings.ReplaceAll(target.Expr, "$__rate_interval", "5m")
		}
	}
	return asked
}

// TestMetricsExist: an alert on a metric that nobody exports never fires, and a panel of one stays empty.
func TestMetricsExist(t *testing.T) {
	names := exported(t)
	asked := queries(t)
	if len(asked) < 60 {
		t.Fatalf("%d queries are read, want the alerts' and the dashboard's", len(asked))
	}
	for what, expression := range asked {
		for _, name := range used(t, what, expression) {
			if !names[name] {
				t.Errorf("%s asks for %s, which heed does not export", what, name)
			}
		}
	}
	for _, name := range []string{autoscaled(t), "heed_kafka_lag_events"} {
		if !names[name] {
			t.Errorf("%s is not exported", name)
		}
	}
}

// autoscaled is the metric by which collectors are scaled, the same in the chart and in the adapter that serves it.
func autoscaled(t *testing.T) string {
	t.Helper()
	metric := ""
	for _, o := range mustRender(t, "testdata/values-small.yaml") {
		if o.Kind == "HorizontalPodAutoscaler" {
			metric = at(o.Spec, "metrics", 1, "pods", "metric", "name").(string)
		}
	}
	if !strings.Contains(read(t, deploy+"/prometheus/adapter.yml"), "'"+metric+"{") {
		t.Errorf("the adapter does not serve %q", metric)
	}
	return metric
}

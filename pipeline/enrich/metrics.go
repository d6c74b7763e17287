package enrich

import (
	"io"

	vm "github.com/VictoriaMetrics/metrics"
)

type metrics struct {
	set *vm.Set

	// heed_enrich_reloads_total counts geo files that were opened anew because they had changed.
	reloads *vm.Counter
	// heed_enrich_reload_errors_total counts polls that found a changed or missing geo file and could not open it.
	reloadErrors *vm.Counter
	// heed_enrich_lookup_errors_total counts addresses whose place stayed unknown because a geo file is damaged.
	lookupErrors *vm.Counter
	// heed_enrich_client_reads_total counts requests whose headers had to be read since their meaning was not remembered.
	clientReads *vm.Counter
}

func newMetrics() metrics {
	set := vm.NewSet()
	return metrics{
		set:          set,
		reloads:      set.NewCounter("heed_enrich_reloads_total"),
		reloadErrors: set.NewCounter("heed_enrich_reload_errors_total"),
		lookupErrors: set.NewCounter("heed_enrich_lookup_errors_total"),
		clientReads:  set.NewCounter("heed_enrich_client_reads_total"),
	}
}

// WriteMetrics writes the metrics of this component in the Prometheus text format.
func (e *Enricher) WriteMetrics(w io.Writer) {
	e.metrics.set.WritePrometheus(w)
}

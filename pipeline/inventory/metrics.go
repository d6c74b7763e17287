package inventory

import "io"

// WriteMetrics writes what is wrong with the inventory in Prometheus text format.
//
//	heed_inventory_refused_total        hosts and names that were reported and are no such thing
//	heed_inventory_flush_errors_total   times the counts could not be written down
func (b *Book) WriteMetrics(w io.Writer) { b.metrics.WritePrometheus(w) }

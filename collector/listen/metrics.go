package listen

import (
	"io"
	"net"

	"github.com/VictoriaMetrics/metrics"
)

// WriteMetrics writes those of listeners that Open has opened together, in Prometheus text format.
//
//	heed_listen_certificate_expires_seconds   when the certificate in force expires, in Unix time; absent without TLS
func WriteMetrics(w io.Writer, lns []net.Listener) {
	for _, ln := range lns {
		if secure, ok := ln.(secureListener); ok { // all have the same
			current, _ := secure.certificate.get(nil)
			metrics.WriteGaugeUint64(w, "heed_listen_certificate_expires_seconds", uint64(current.Leaf.NotAfter.Unix()))
			return
		}
	}
}

package main

import (
	"context"
	"io"
	"path/filepath"

	"heed/pipeline/kafka"
	"heed/pipeline/wal"
)

// consentOut is how a collector of a cluster hands consent records over: as it does events, in a stream of their own.
type consentOut struct {
	spool   *wal.Log // nil in direct mode
	shipper *kafka.Shipper
	topic   *topic // nil in spool mode
}

// openConsent opens what takes the consent records: their spool, or Kafka itself.
func (c *gatherer) openConsent(ctx context.Context) (err error) {
	if c.cfg.Kafka.Mode == modeDirect {
		c.consent.topic = c.openTopic(ctx, c.cfg.Kafka.consentConfig())
		return nil
	}
	if c.consent.spool, err = c.openConsentLog(ctx); err != nil {
		return err
	}
	dir := filepath.Join(c.cfg.DataDir, "records", "ship")
	c.consent.shipper, err = kafka.NewShipper(c.consent.spool, dir, c.cfg.Kafka.consentConfig(), c.logger)
	return err
}

// archiveNotices puts the sites' notices where they can be found for as long as there are records of them. Without a DSN
// another collector, or heed load with the same sites, has to.
func (c *gatherer) archiveNotices(ctx context.Context) error {
	if c.storage != nil {
		c.archive(ctx, c.storage, c.edge.archived())
	}
	return nil
}

// WriteMetrics writes those of the stream, told apart from those of the events.
func (c consentOut) WriteMetrics(w io.Writer) {
	if c.topic != nil {
		writeLabelled(w, c.topic, consentLabel)
		return
	}
	writeLabelled(w, c.spool, consentLabel)
	writeLabelled(w, c.shipper, consentLabel)
}

package main

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"time"

	"heed/collector"
	"heed/pipeline/inventory"
	"heed/pipeline/kafka"
	"heed/pipeline/ledger"
	"heed/pipeline/wal"
)

func collectCommand() command {
	return command{
		name: "collect", args: "[settings]", summary: "Receive events and hand them to Kafka until Ctrl-C.",
		detail: "Run as many as the traffic needs: apart from what is on its way to Kafka, which lies in the data folder, a " +
			"collector keeps nothing. All of an install share the secret and the prefix (install.secret_file, " +
			"collector.prefix). With clickhouse.dsn they also share the sites' scripts, and their counts reach the ledger.",
		example: "heed collect --config heed.yaml --kafka.brokers kafka:9092",
		run: func(ctx context.Context, p *program, f *flags) error {
			return runRole(ctx, p, f, collectRole())
		},
	}
}

func collectRole() role {
	return role{name: "collect", check: (*Config).checkCollect, parts: func(h *host) []step {
		c := &gatherer{host: h, edge: &edge{host: h}}
		return []step{
			c.edge.prepare, c.openStore, c.listen, c.openLog, c.openConsent, c.buildSites, c.archiveNotices, c.shareScripts, c.takeStock, c.makeCollector, c.startCounting,
			c.edge.start, c.startWeb, c.announce,
		}
	}}
}

// checkCollect finds what many collectors of one install need and the settings lack.
func (c *Config) checkCollect() problems {
	bad := c.needsKafka("heed collect")
	if c.Install.SecretFile == "" {
		bad = append(bad, problem{key: "install.secret_file", what: "heed collect needs a secret that all collectors of the install share",
			remedy: "make one with: openssl rand -hex 32 >secret; one that was heed serve before has it as secret in its data folder"})
	}
	if c.Collector.Prefix == "" {
		bad = append(bad, problem{key: "collector.prefix", what: "heed collect needs a prefix that all collectors of the install share",
			remedy: "write / and a few letters that mean nothing; install.json in the data folder of heed serve has the one of before"})
	}
	if len(c.Sites) == 0 {
		bad = append(bad, problem{key: "sites", what: "there is no site to serve", remedy: "describe one under sites: in " + defaultConfigFile})
	}
	return append(bad, c.refusesDemo("heed collect")...)
}

// gatherer receives events and hands them to Kafka.
type gatherer struct {
	*host
	edge    *edge
	storage *storage // nil without a DSN
	spool   *wal.Log // nil in direct mode
	shipper *kafka.Shipper
	topic   *topic // nil in spool mode
	consent consentOut
	counts  *ledger.Edge
	stock   *inventory.Book // nil without a DSN
}

// openStore opens the store that scripts and counts are shared through. Nothing waits for it.
func (c *gatherer) openStore(ctx context.Context) (err error) {
	if c.cfg.ClickHouse.DSN == "" {
		return nil
	}
	c.storage, err = c.openStorage(ctx, awaitSchema)
	c.edge.missing = newFinder(c.storage, c.p.now).find
	c.edge.receipts = c.receipts(c.storage)
	return err
}

// openLog opens what takes the events: the spool, or Kafka itself.
func (c *gatherer) openLog(ctx context.Context) error {
	if c.cfg.Kafka.Mode == modeDirect {
		c.topic = c.openTopic(ctx, c.cfg.Kafka.config())
		return nil
	}
	return c.openSpool(ctx)
}

// startCounting begins to count what arrives, and to ship what the spool holds.
func (c *gatherer) startCounting(ctx context.Context) (err error) {
	from := ledger.EdgeSources{Counts: c.count, Publish: c.publish}
	if c.spool != nil {
		from.Log = c.spool
	}
	c.counts, err = ledger.OpenEdge(ledger.EdgeConfig{Dir: filepath.Join(c.cfg.DataDir, "ledger"), Now: c.p.now}, from, c.logger)
	if err != nil {
		return err
	}
	if c.shipper != nil {
		c.shipper.Hold(c.counts.Counted) // what is trimmed uncounted would be missing from the ledger
	}
	c.drainAtStop(ctx)
	return nil
}

func (c *gatherer) openSpool(ctx context.Context) (err error) {
	if c.spool, err = c.host.openLog(ctx); err != nil {
		return err
	}
	c.shipper, err = kafka.NewShipper(c.spool, filepath.Join(c.cfg.DataDir, "ship"), c.cfg.Kafka.config(), c.logger)
	return err
}

// drainAtStop ships and counts until the stop, which brings the spool to Kafka as far as the time for it goes.
func (c *gatherer) drainAtStop(ctx context.Context) {
	ctx, cancel := context.WithCancel(context.WithoutCancel(ctx))
	parts := map[string]func(context.Context) error{"count events": c.counts.Run}
	if c.shipper != nil {
		parts["ship the spool"], parts["ship consent records"] = c.shipper.Run, c.consent.shipper.Run
	}
	ended := make(chan error, len(parts))
	for what, part := range parts {
		c.run(what, func() error { // one that ends by itself ends the process: nobody else would notice
			err := part(ctx)
			ended <- err
			return err
		})
	}
	c.atStop(func(stop context.Context) error {
		stop, giveUp := context.WithTimeout(stop, c.cfg.DrainTimeout)
		defer giveUp()
		if c.spool == nil {
			cancel() // there is nothing to bring anywhere, and the counts have no other end
			return <-ended
		}
		defer context.AfterFunc(stop, cancel)()
		errs := []error{c.consent.spool.Close(stop), c.spool.Close(stop)}
		for range parts {
			errs = append(errs, <-ended)
		}
		return c.sayDrained(stop, errors.Join(errs...))
	})
}

// sayDrained says what the stop has left on the disk. What is there is no error: the next start goes on with it.
func (c *gatherer) sayDrained(stop context.Context, err error) error {
	bytes, _ := c.shipper.Backlog()
	records, _ := c.consent.shipper.Backlog()
	bytes += records
	switch {
	case stop.Err() != nil:
		fmt.Fprintf(c.p.stdout, "not everything reached Kafka in time; %d bytes are safe in the spool, and the next start continues there\n",
			bytes)
		return nil
	case err == nil && c.stopping.Load():
		fmt.Fprintln(c.p.stdout, "everything has reached Kafka")
	}
	return err
}

// count returns what the collector has counted since it began.
func (c *gatherer) count() ledger.Counts { return edgeCounts(c.edge.collector, c.spool == nil) }

// publish brings the counts into the store, once it answers.
func (c *gatherer) publish(ctx context.Context, log string, counts ledger.Counts, at time.Time) error {
	switch {
	case c.storage == nil:
		return nil // without a DSN the cluster's ledger lacks this collector, as its help says
	case !c.storage.isReady():
		return errors.New("ClickHouse has not answered yet")
	}
	return c.storage.store.PutEdgeCounts(ctx, edgeRows(log, counts, at))
}

func (c *gatherer) buildSites(context.Context) error { return c.edge.build(c.cfg.Sites) }

func (c *gatherer) takeStock(ctx context.Context) (err error) {
	if c.storage == nil {
		return nil
	}
	c.stock, err = c.openInventory(ctx, c.storage)
	c.edge.inventory = c.stock
	return err
}

func (c *gatherer) makeCollector(context.Context) error {
	if c.spool != nil {
		return c.edge.make(collector.Logs{Events: c.spool, Consent: c.consent.spool})
	}
	return c.edge.make(collector.Logs{Events: c.topic, Consent: c.consent.topic})
}

func (c *gatherer) startWeb(context.Context) error {
	a := &api{
		answers: noAnswers("heed collect answers no questions; heed report does"),
		checks:  []check{{"collector", c.checkStopping}},
		walls:   c.edge.walls.serveWall(),
		metrics: []metricsWriter{c.edge, c.edge.collector, c.edge.enricher, c.counts, c.consent},
	}
	if c.stock != nil {
		a.metrics = append(a.metrics, c.stock)
	}
	if c.spool != nil { // Kafka may be away: that costs disk
		a.checks = append(a.checks, checkLog(c.spool))
		a.metrics = append(a.metrics, c.spool, c.shipper)
	} else {
		a.checks = append(a.checks, check{"kafka", c.topic.check})
		a.metrics = append(a.metrics, c.topic)
	}
	c.serveAPI(a)
	return nil
}

func (c *gatherer) announce(context.Context) error {
	w := c.p.stdout
	fmt.Fprintln(w, "Heed collects.")
	c.announceAPI()
	c.edge.announce(c.spool != nil && c.spool.Unclean())
	fmt.Fprintf(w, "Events go to %s at %v, %s.\n", c.cfg.Kafka.Topic, c.cfg.Kafka.Brokers, c.cfg.Kafka.Mode)
	fmt.Fprintln(w, "Ctrl-C stops.")
	return nil
}

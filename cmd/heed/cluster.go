package main

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"time"

	"heed/collector"
	"heed/pipeline/clickhouse"
	"heed/pipeline/ledger"
	"heed/pipeline/load"
	"heed/schemas"
)

// needsServer finds that the settings name no ClickHouse server.
func (c *Config) needsServer(command string) problems {
	if c.ClickHouse.DSN != "" {
		return nil
	}
	return problems{{key: "clickhouse.dsn", what: command + " needs a ClickHouse server",
		remedy: "name it, as clickhouse://user:password@host:9000/heed; heed serve has one embedded"}}
}

// needsKafka finds that the settings name no brokers.
func (c *Config) needsKafka(command string) problems {
	if len(c.Kafka.Brokers) > 0 {
		return nil
	}
	return problems{{key: "kafka.brokers", what: command + " needs Kafka",
		remedy: "name a few brokers, as host:9092; heed serve needs none"}}
}

// refusesDemo: the demo shows everything in one process.
func (c *Config) refusesDemo(command string) problems {
	if !c.Demo.Enabled {
		return nil
	}
	return problems{{origin: c.origins["demo"], key: "demo", what: command + " has no demo", remedy: "try heed serve --demo"}}
}

// errOldSchema: the store's tables are not there yet, or not yet those of this program.
var errOldSchema = errors.New("ClickHouse has no tables of this version yet")

// awaitSchema refuses a store whose tables are older than this program.
func awaitSchema(ctx context.Context, store *clickhouse.Store) error {
	const remedy = "heed load brings them up to it, or heed migrate"
	have, err := store.SchemaVersion(ctx)
	if err != nil {
		return fmt.Errorf("%w: %w (%s)", errOldSchema, err, remedy)
	}
	steps, err := fs.Glob(schemas.Migrations, "migrations/*.sql") // numbered from 1, without a gap
	if err != nil {
		return fmt.Errorf("list migrations: %w", err)
	}
	if have < len(steps) {
		return fmt.Errorf("%w: version %d, not %d (%s)", errOldSchema, have, len(steps), remedy)
	}
	return nil
}

// clusterAccounts adds up what all collectors and loaders of the cluster have written into its store.
func clusterAccounts(cfg *Config, store *clickhouse.Store) accounting {
	return func(ctx context.Context) ([]ledger.Account, error) {
		totals := ledger.Totals{Edges: ledger.Counts{}, Ends: map[string]load.Ends{}}
		var origins []string
		for generation := 1; generation <= cfg.Kafka.Generation; generation++ { // ends first: they are never ahead of edges by much
			origins = append(origins, cfg.Kafka.origin(generation))
			ends, err := store.EndTotals(ctx, cfg.Kafka.origin(generation))
			if err != nil {
				return nil, err
			}
			for site, sum := range ends {
				before := totals.Ends[site]
				totals.Ends[site] = load.Ends{Stored: before.Stored + sum.Stored,
					Duplicates: before.Duplicates + sum.Duplicates, Withdrawn: before.Withdrawn + sum.Withdrawn, Dead: before.Dead + sum.Dead}
			}
		}
		erased, err := store.ErasedTotals(ctx, origins...)
		if err != nil {
			return nil, err
		}
		totals.Erased = erased
		counts, err := store.EdgeTotals(ctx)
		if err != nil {
			return nil, err
		}
		for _, count := range counts {
			if totals.Edges[count.Site] == nil {
				totals.Edges[count.Site] = map[schemas.Code]uint64{}
			}
			totals.Edges[count.Site][schemas.Code(count.Code)] = count.Count
		}
		return totals.Accounts(siteIDs(cfg)), nil
	}
}

// isCluster tells whether the settings are those of a cluster's processes.
func (c *Config) isCluster() bool { return len(c.Kafka.Brokers) > 0 }

// readClusterLedger reads the ledger from the cluster's store, and changes no table.
func readClusterLedger(ctx context.Context, p *program, cfg *Config) (document ledgerDocument, err error) {
	if bad := cfg.needsServer("the ledger of a cluster"); len(bad) > 0 {
		return document, bad
	}
	store, err := openStore(ctx, cfg, cfg.logger(p.stderr))
	if err != nil {
		return document, err
	}
	defer func() { err = errors.Join(err, store.Close(context.WithoutCancel(ctx))) }()
	if err := awaitSchema(ctx, store); err != nil {
		return document, err
	}
	document.Sites, err = clusterAccounts(cfg, store)(ctx)
	return document, err
}

// origin is what the positions of a generation of the topic belong to.
func (k *kafkaSettings) origin(generation int) string {
	return fmt.Sprintf("%s.%d", k.Topic, generation)
}

// edgeRows are a collector's counts as the store takes them.
func edgeRows(log string, counts ledger.Counts, at time.Time) (rows []clickhouse.EdgeCount) {
	for site, codes := range counts {
		for code, n := range codes {
			rows = append(rows, clickhouse.EdgeCount{Log: log, Site: site, Code: string(code), Count: n, At: at})
		}
	}
	return rows
}

// edgeCounts are the events that the collector has rejected since it began, and with accepted those that it has
// accepted.
func edgeCounts(c *collector.Collector, accepted bool) ledger.Counts {
	counts := ledger.Counts{}
	for _, site := range c.Ledger() {
		counts[site.Site] = site.Rejected
		if accepted && site.Accepted > 0 {
			site.Rejected[ledger.CodeAccepted] = site.Accepted
		}
	}
	return counts
}

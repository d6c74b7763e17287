package main

import (
	"context"
	"fmt"

	"heed/pipeline/clickhouse"
)

func reportCommand() command {
	return command{
		name: "report", args: "[settings]", summary: "Answer questions about a cluster until Ctrl-C.",
		detail: "It serves the API and the ledger of what heed collect and heed load have brought into ClickHouse, and keeps " +
			"nothing itself: run as many as questions need. It changes no table; heed load or heed migrate does.",
		example: "heed report --config heed.yaml",
		run: func(ctx context.Context, p *program, f *flags) error {
			return runRole(ctx, p, f, reportRole())
		},
	}
}

func reportRole() role {
	return role{name: "report", check: (*Config).checkReport, parts: func(h *host) []step {
		r := &reporter{host: h, answers: newAnswers(h)}
		return []step{r.openStore, r.listen, r.startWeb, r.announce}
	}}
}

// checkReport finds what answers need and the settings lack.
func (c *Config) checkReport() problems {
	bad := c.needsServer("heed report")
	if len(c.Sites) == 0 {
		bad = append(bad, problem{key: "sites", what: "there is no site to answer for",
			remedy: "give it the configuration file of heed collect"})
	}
	return append(bad, c.refusesDemo("heed report")...)
}

// reporter answers questions.
type reporter struct {
	*host
	answers *answers
	storage *storage
}

func (r *reporter) openStore(ctx context.Context) (err error) {
	r.storage, err = r.openStorage(ctx, func(ctx context.Context, store *clickhouse.Store) error {
		if err := awaitSchema(ctx, store); err != nil {
			return err
		}
		return r.answers.open(ctx, store)
	})
	r.atStop(r.answers.close)
	return err
}

func (r *reporter) startWeb(context.Context) error {
	r.serveAPI(&api{
		answers: withLedger(clusterAccounts(r.cfg, r.storage.store), r.answers),
		checks:  []check{{"store", r.storage.check}},
		metrics: []metricsWriter{r.storage.store},
	})
	return nil
}

func (r *reporter) announce(context.Context) error {
	fmt.Fprintln(r.p.stdout, "Heed answers questions.")
	r.announceAPI()
	fmt.Fprintln(r.p.stdout, "Ctrl-C stops.")
	return nil
}

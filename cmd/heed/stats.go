package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/url"

	"heed/analytics"
	"heed/schemas"
)

func statsCommand() command {
	return command{
		name: "stats", args: "--site ID [range]", summary: "Show what the visitors of a site did.",
		detail: "It asks the heed serve that runs on the same data folder. When none runs it opens the data itself, " +
			"which shows what had reached ClickHouse before.",
		example: "heed stats --site demo --from 2026-03-01 --tz Asia/Kolkata",
		own: func(f *flags) {
			f.set.String("site", "", "The site's `id`.")
			f.set.String("from", "", "First `day`, or instant; 30 days ending today when left out.")
			f.set.String("to", "", "Last `day`, or the instant at which the range ends.")
			f.set.String("tz", "", "Time `zone` in which days begin, as Europe/Berlin; UTC when left out.")
			f.set.String("bots", "", "`exclude`, include or only; exclude when left out.")
			f.set.String("limit", "", "Most `rows` of each list; 10 when left out.")
			f.set.Bool("json", false, "Print the API's JSON.")
		},
		run: runStats,
	}
}

func runStats(ctx context.Context, p *program, f *flags) error {
	cfg, err := loadConfig(p, f)
	if err != nil {
		return err
	}
	site := f.text("site")
	if site == "" {
		return &usageError{"name a site, as in: heed stats --site " + firstSite(cfg)}
	}
	question := url.Values{}
	for _, name := range []string{"from", "to", "tz", "bots", "limit"} {
		if text := f.text(name); text != "" {
			question.Set(name, text)
		}
	}
	stats, err := analytics.Stats{}, errNotRunning // a cluster's processes on this folder answer no questions
	if !cfg.isCluster() {
		stats, err = askProcess(ctx, cfg, site, question)
	}
	if errors.Is(err, errNotRunning) {
		stats, err = askStore(ctx, p, cfg, site, question)
	}
	if err != nil {
		return readable(err)
	}
	if f.on("json") {
		return json.NewEncoder(p.stdout).Encode(stats)
	}
	return analytics.FormatTable(p.stdout, stats)
}

func firstSite(cfg *Config) string {
	if len(cfg.Sites) > 0 {
		return cfg.Sites[0].ID
	}
	return demoSite
}

// readable names the flag where the API names a parameter.
func readable(err error) error {
	var answer *schemas.Error
	if !errors.As(err, &answer) {
		return err
	}
	switch {
	case answer.Code == schemas.UnknownSite:
		return fmt.Errorf("--site: %s", answer.Message)
	case answer.Field != "":
		return fmt.Errorf("--%s: %s", answer.Field, answer.Message)
	}
	return errors.New(answer.Message)
}

// askProcess asks the process that runs on the data folder; errNotRunning when none does.
func askProcess(ctx context.Context, cfg *Config, site string, question url.Values) (stats analytics.Stats, err error) {
	err = askSocket(ctx, cfg, "/api/v1/sites/"+url.PathEscape(site)+"/stats?"+question.Encode(), &stats)
	return stats, err
}

// askStore opens the data itself. The lock keeps a heed serve from starting meanwhile.
func askStore(ctx context.Context, p *program, cfg *Config, site string, question url.Values) (stats analytics.Stats, err error) {
	cfg.Demo.Enabled = cfg.Demo.Enabled || site == demoSite // its numbers remain after a demo has ended
	q, err := analytics.ParseQuery(site, question, p.now())
	if err != nil {
		return stats, err
	}
	err = withStore(ctx, p, cfg, func(s ownStore) error {
		answers, err := openAnswers(ctx, s.Store, analytics.Config{Sites: siteIDs(cfg), Now: p.now, Log: s.logger})
		if err != nil {
			return err
		}
		stats, err = answers.Stats(ctx, q)
		return errors.Join(err, answers.Close())
	})
	return stats, err
}

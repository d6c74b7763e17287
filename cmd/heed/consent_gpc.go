package main

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"time"

	"heed/consent"
)

// gpcSince is the day from which that is so: the matrix's, by which signals are honoured.
func gpcSince() time.Time {
	day, err := time.Parse(time.DateOnly, consent.Explain(consent.Input{}).Date)
	if err != nil {
		panic(err) // the schema of the matrix wants a day
	}
	return day
}

func consentGPCCommand() command {
	return command{
		name: "consent gpc", args: "[--site ID]", summary: "Print the site's /.well-known/gpc.json, for hosting without a proxy.",
		detail: "Browsers and regulators look there for whether the site honours Global Privacy Control, which it does while its wall " +
			"is on. A site with a proxy in front of Heed routes it to the collector (deploy/proxy); any other puts this file there.",
		example: "heed consent gpc --site shop >site/.well-known/gpc.json",
		own: func(f *flags) {
			f.set.String("site", "", "The site's `id`; may be left out where there is one alone.")
		},
		run: runConsentGPC,
	}
}

func runConsentGPC(_ context.Context, p *program, f *flags) error {
	cfg, err := loadConfig(p, f)
	if err != nil {
		return err
	}
	site, err := cfg.site(f.text("site"))
	if err != nil {
		return err
	}
	return json.NewEncoder(p.stdout).Encode(struct {
		GPC        bool   `json:"gpc"`
		LastUpdate string `json:"lastUpdate"`
	}{site.holdsBack(), gpcSince().Format(time.DateOnly)})
}

// site finds a site that is configured; the empty id means the only one.
func (c *Config) site(id string) (*Site, error) {
	if id == "" && len(c.Sites) != 1 {
		return nil, &usageError{"name a site, as " + firstSite(c)}
	}
	i := slices.IndexFunc(c.Sites, func(s Site) bool { return s.ID == id || id == "" })
	if i < 0 {
		return nil, fmt.Errorf("there is no site %q%s", id, didYouMean(id, siteIDs(c)))
	}
	return &c.Sites[i], nil
}

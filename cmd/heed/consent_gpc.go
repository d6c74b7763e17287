package main

import (
	"context"
	"encoding/json"
	"time"

	"heed/consent"
)

// honoursGPC is what gpc.json says. It is no claim about what Heed keeps, which honours the signal always, but about all that
// runs on the page, and nothing holds that back yet.
const honoursGPC = false

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
		name: "consent gpc", summary: "Print the site's /.well-known/gpc.json, for hosting without a proxy.",
		detail: "Browsers and regulators look there for whether the site honours Global Privacy Control. A site with a proxy in " +
			"front of Heed routes it to the collector (deploy/proxy); any other puts this file there.",
		example: "heed consent gpc >site/.well-known/gpc.json",
		run: func(_ context.Context, p *program, _ *flags) error {
			return json.NewEncoder(p.stdout).Encode(struct {
				GPC        bool   `json:"gpc"`
				LastUpdate string `json:"lastUpdate"`
			}{honoursGPC, gpcSince().Format(time.DateOnly)})
		},
	}
}

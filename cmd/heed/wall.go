package main

import (
	"bytes"
	"context"
	"encoding/json"
	"net/http"
	"strings"

	"heed/schemas"
)

// wallPath is where a process with a collector takes questions about walls, on its socket alone.
const wallPath = "/wall"

// maxReasonBytes bounds what is said about a switch.
const maxReasonBytes = 500

func wallCommands() []command {
	const detail = "In an emergency, as when a wall holds back what a shop needs to sell, its owner switches the wall off for 24 hours, after " +
		"which it is on again by itself. The loader tells every page, also those whose tag was pasted: each visitor's browser learns it " +
		"within 5 minutes, loads the page once more and keeps a cookie for an hour, after which it asks again: so long may it take until one " +
		"that was switched on holds back again. Meanwhile nothing is held back, no consent mode is told, marked tags and embeds wait for the " +
		"wall, and a page that requires Trusted Types goes without Heed; gpc.json says that the wall is off, and so does each consent record. Who has done it, when and why stays in the data folder until it ends, and is logged. It asks the " +
		"process that runs on the data folder; in a cluster that is each heed collect."
	return []command{
		{
			name: "wall", summary: "Show what is held back on the pages of each site, and who has switched a wall off.",
			detail: detail, example: "heed wall", run: runWall("show"),
		}, {
			name: "wall off", args: "SITE --by NAME --reason TEXT", summary: "Switch a site's wall off for 24 hours, in an emergency.",
			detail: detail, example: `heed wall off shop --by "Wilma" --reason "payments fail"`, operand: true,
			own: func(f *flags) {
				f.set.String("by", "", "The `name` of who does it. Required.")
				f.set.String("reason", "", "Why, in a `text` of one line. Required.")
			},
			run: runWall("off"),
		}, {
			name: "wall on", args: "SITE --by NAME", summary: "Switch a site's wall on again before its 24 hours are over.",
			detail: detail, example: `heed wall on shop --by "Wilma"`, operand: true,
			own: func(f *flags) { f.set.String("by", "", "The `name` of who does it. Required.") },
			run: runWall("on"),
		},
	}
}

func runWall(verb string) func(context.Context, *program, *flags) error {
	return func(ctx context.Context, p *program, f *flags) error {
		cfg, err := loadConfig(p, f)
		if err != nil {
			return err
		}
		q := wallQuestion{Verb: verb}
		if verb == "show" {
			return askOffice(ctx, p, cfg, wallPath, q)
		}
		if f.operand == nil {
			return &usageError{"name a site, as in: heed wall " + verb + " " + firstSite(cfg)}
		}
		q.Site, q.By = *f.operand, f.text("by")
		if !isOneLine(q.By) {
			return &usageError{"--by: say in one line who does it"}
		}
		if verb == "off" {
			if q.Reason = f.text("reason"); !isOneLine(q.Reason) {
				return &usageError{"--reason: say in one line why"}
			}
		}
		return askOffice(ctx, p, cfg, wallPath, q)
	}
}

func isOneLine(text string) bool {
	return strings.TrimSpace(text) != "" && len(text) <= maxReasonBytes && !strings.ContainsFunc(text, isControl)
}

// serveWall answers questions about walls. It changes what pages hold back, so only the socket has it.
func (s *wallSwitch) serveWall() http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		var q wallQuestion
		err := json.NewDecoder(http.MaxBytesReader(w, r.Body, maxQuestionBytes)).Decode(&q)
		if err != nil || q.Verb != "show" && !isOneLine(q.By) || q.Verb == "off" && !isOneLine(q.Reason) {
			writeError(w, http.StatusBadRequest, schemas.Malformed, "this is no question about walls")
			return
		}
		var text bytes.Buffer // an error must not come behind half an answer
		if err := s.answer(q, &text); err != nil {
			writeError(w, http.StatusInternalServerError, schemas.Internal, err.Error()) // to this machine's owner
			return
		}
		w.Header().Set("Content-Type", "text/plain; charset=utf-8")
		_, _ = text.WriteTo(w) // whoever hung up needs no answer
	}
}

package main

import (
	"context"
	"errors"
	"fmt"
	"time"

	"heed/collector"
	"heed/schemas"
	"heed/snippet"
)

func overlayCommand() command {
	return command{
		name: "overlay", args: "[SITE]", summary: "Print a link that shows the owner what the wall does on a page.",
		detail: "Open it while you build the site: over the page it shows the wall's strength, whether the pasted tag is of today, " +
			"what was held back and the line that allows it, and which names are kept and declared. The link works for 24 hours and for " +
			"whoever has it, and opens nothing else. Put what follows # behind the address of any page of the site.",
		example: "heed overlay shop",
		operand: true,
		run:     runOverlay,
	}
}

func runOverlay(_ context.Context, p *program, f *flags) error {
	cfg, err := loadConfig(p, f)
	if err != nil {
		return err
	}
	site, err := siteNamed(cfg, f, "overlay")
	if err != nil {
		return err
	}
	if site.Wall.Strength == string(schemas.WallOff) {
		return errors.New("wall.strength is off: there is nothing to show (set it to sealed, and paste what heed tag prints)")
	}
	in, err := cfg.knownSecret()
	if err != nil {
		return err
	}
	if in == nil {
		return fmt.Errorf("there is no secret in %s yet: links are signed with it (start heed serve once, or name the folder with --data.dir)", cfg.DataDir)
	}
	until := p.now().Add(collector.OverlayLife)
	token := collector.OverlayToken(in.siteKey(overlayPurpose, site.ID), until)
	for _, origin := range site.Origins {
		fmt.Fprintf(p.stdout, "%s/#heed-overlay=%s\n", origin, token)
	}
	_, err = fmt.Fprintf(p.stderr, "works until %s UTC\n", until.UTC().Format(time.DateTime))
	return err
}

// overlayPurpose is what the key of overlay links is derived for.
const overlayPurpose = "overlay"

// addOverlay gives a site the script that shows its owner what the wall does. No cache keeps it: who has no link must not
// find it in one.
func (in *install) addOverlay(to *collector.Site, made snippet.Site) error {
	file, err := snippet.BuildOverlay(made)
	if err != nil || file.Hash == "" {
		return err
	}
	script := asset(snippet.OverlayName, "no-store", file)
	script.ETag = ""
	to.Overlay, to.OverlayKey = &script, in.siteKey(overlayPurpose, to.ID)
	return nil
}

package main

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"strings"
	"text/tabwriter"
)

func configCommand() command {
	return command{
		name: "config", args: "[--check [--role COMMAND] | --json] [settings]", summary: "Show every setting, its value and where it came from.",
		detail:  "Secrets are shown as ***. Problems are reported all at once, each with its place and what to do.",
		example: "heed config --check --config heed.yaml",
		own: func(f *flags) {
			f.set.Bool("check", false, "Only report problems; the exit status is 1 when there are any.")
			f.set.String("role", "serve", "The `command` that --check is for: "+strings.Join(roleNames(), ", ")+".")
			f.set.Bool("json", false, "Print JSON.")
		},
		run: runConfig,
	}
}

func runConfig(ctx context.Context, p *program, f *flags) error {
	cfg, err := loadConfig(p, f)
	if err != nil {
		return err
	}
	for _, w := range cfg.remarks() {
		sayAll(p.stderr, []string{w.String()})
	}
	if f.on("check") {
		if err := checkConfig(ctx, p, cfg, f.text("role")); err != nil {
			return err
		}
		fmt.Fprintf(p.stdout, "the configuration is good: %d sites\n", len(cfg.Sites))
		return nil
	}
	if f.on("json") {
		return printConfigJSON(p.stdout, cfg)
	}
	return printConfig(p.stdout, cfg)
}

// checkConfig does what a start of the role would, short of opening anything but the geo data: it makes the notices, and
// says what the geo data cannot tell apart.
func checkConfig(ctx context.Context, p *program, cfg *Config, role string) error {
	if err := checkRole(cfg, role); err != nil {
		return err
	}
	if role != "serve" && role != "collect" {
		return nil
	}
	if bad := cfg.checkNotices(); len(bad) > 0 {
		return bad
	}
	warnings, err := cfg.checkGeo(ctx)
	sayAll(p.stderr, warnings)
	return err
}

// checkRole reports what a role asks of the settings and does not find.
func checkRole(cfg *Config, name string) error {
	for _, r := range roles() {
		if r.name != name {
			continue
		}
		if bad := r.check(cfg); len(bad) > 0 {
			return bad
		}
		return nil
	}
	return &usageError{fmt.Sprintf("--role: there is no role %q%s; write one of %s", name, didYouMean(name, roleNames()),
		strings.Join(roleNames(), ", "))}
}

func roleNames() []string {
	var names []string
	for _, r := range roles() {
		names = append(names, r.name)
	}
	return names
}

// shownSetting is one line of heed config.
type shownSetting struct {
	Name    string `json:"name"`
	Value   string `json:"value"`
	Origin  string `json:"origin"`
	Default string `json:"default"`
}

func shownSettings(cfg *Config) []shownSetting {
	var all []shownSetting
	for _, s := range settings(cfg) {
		all = append(all, shownSetting{s.name, s.shown(), cfg.origins[s.name].String(), s.def})
	}
	for i := range cfg.Sites {
		site := &cfg.Sites[i]
		for _, s := range siteSettings(site) {
			all = append(all, shownSetting{fmt.Sprintf("sites[%d].%s", i, s.name), s.shown(), site.line.String(), s.def})
		}
		all = append(all, shownDeclaration(site)...)
	}
	return all
}

// shownDeclaration lists what the site's owner has declared.
func shownDeclaration(site *Site) (all []shownSetting) {
	d, from := &site.Declared, site.line
	add := func(where declared, table []setting) {
		from.line = where.line
		for _, s := range table {
			all = append(all, shownSetting{where.at + "." + s.name, s.shown(), from.String(), s.def})
		}
	}
	for i := range d.Purposes {
		add(d.Purposes[i].declared, purposeSettings(&d.Purposes[i]))
	}
	for i := range d.Recipients {
		add(d.Recipients[i].declared, recipientSettings(&d.Recipients[i]))
	}
	for i := range d.Services {
		add(d.Services[i].declared, serviceSettings(&d.Services[i]))
	}
	for _, t := range d.Texts {
		from.line = t.line
		all = append(all, shownSetting{t.at, strings.ReplaceAll(t.text, "\n", " "), from.String(), ""})
	}
	return all
}

func printConfig(w io.Writer, cfg *Config) error {
	table := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	fmt.Fprintln(table, "SETTING\tVALUE\tFROM\tDEFAULT")
	for _, s := range shownSettings(cfg) {
		fmt.Fprintf(table, "%s\t%s\t%s\t%s\n", s.Name, orDash(s.Value), s.Origin, orDash(s.Default))
	}
	return table.Flush()
}

// orDash keeps an empty value from looking like a missing column.
func orDash(text string) string {
	if text == "" {
		return "-"
	}
	return text
}

func printConfigJSON(w io.Writer, cfg *Config) error {
	encoder := json.NewEncoder(w)
	encoder.SetEscapeHTML(false)
	encoder.SetIndent("", "  ")
	return encoder.Encode(shownSettings(cfg))
}

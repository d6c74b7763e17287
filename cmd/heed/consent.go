package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"regexp"
	"strings"
	"time"

	"heed/consent"
)

// explainedNotice is the notice that a choice given in words answers.
const explainedNotice = "00000000"

func consentCommand() command {
	return command{
		name: "consent", args: "explain [flags]", summary: "Say what a visitor allows, and by what law and reason.",
		detail: "The answer is the one that the collector would give, but for --parent-verified, with the cell of the matrix behind " +
			"each reason, its sources and what is still to be checked. Nothing is read and nothing is stored.",
		example: "heed consent explain --country US --region CA --gpc",
		operand: true,
		own: func(f *flags) {
			f.set.String("country", "", "The visitor's country as two `letters`; unknown when left out.")
			f.set.String("region", "", "The region by `name` or code, as California or CA.")
			f.set.Bool("gpc", false, "Global Privacy Control is on.")
			f.set.Bool("dnt", false, "Do Not Track is on.")
			f.set.String("choice", "", "The visitor's `choice`: allow, refuse, categories as functional,performance, or the cookie's text.")
			f.set.String("notice", "", "The `id` of the notice in force; the one that the choice answers when left out.")
			f.set.Bool("unproven", false, "The choice has no right seal.")
			f.set.String("age", "", "A `band`: u13, 13-15 or 16-17.")
			f.set.Bool("parent-verified", false, "The site has verified a parent's consent. No page can tell the collector yet: it denies all the same.")
			f.set.Bool("children", false, "The site is for children.")
			f.set.Bool("anonymous-count", false, "The owner wants page views counted without consent.")
			f.set.Bool("exemption", false, "The owner asserts and records an exemption for it.")
			f.set.Bool("unknown-after-grant", false, "The owner lets a yes free undeclared services.")
			f.set.String("assume-place", "", "The owner's `place` for visitors whose own is unknown, as US-CA.")
			f.set.String("date", "", "The `day`, as 2026-11-22; today when left out.")
			f.set.Bool("json", false, "Print JSON.")
		},
		run: runConsent,
	}
}

func runConsent(_ context.Context, p *program, f *flags) error {
	if f.operand == nil || *f.operand != "explain" {
		return &usageError{"say what to do, as in: heed consent explain --country US --region CA --gpc"}
	}
	in, err := consentInput(f, p.now())
	if err != nil {
		return err
	}
	e := consent.Explain(in)
	if f.on("json") {
		out := json.NewEncoder(p.stdout)
		out.SetIndent("", "  ")
		return out.Encode(explained(e))
	}
	return printExplanation(p.stdout, e)
}

// consentInput reads the flags; a mistake in one is a usage error that names it.
func consentInput(f *flags, now time.Time) (consent.Input, error) {
	in := consent.Input{
		Day: consent.DayOf(now), MatrixVersion: consent.MatrixVersion,
		SecGPC: f.on("gpc"), DNT: f.on("dnt"),
		Unproven: f.on("unproven"), ParentVerified: f.on("parent-verified"),
		Site: consent.Site{
			AnonymousCount: f.on("anonymous-count"), Exemption: f.on("exemption"),
			UnknownAfterGrant: f.on("unknown-after-grant"), Children: f.on("children"),
		},
	}
	// The choice is read last: in words it is made today, in sight of the signals.
	for _, flag := range []struct {
		name string
		read func(string, *consent.Input) error
	}{
		{"country", readCountry}, {"region", readRegion}, {"assume-place", readAssumedPlace}, {"date", readDate},
		{"age", readAge}, {"choice", readChoice}, {"notice", readNotice},
	} {
		text := f.text(flag.name)
		if text == "" {
			continue
		}
		if err := flag.read(text, &in); err != nil {
			return in, &usageError{"--" + flag.name + ": " + err.Error()}
		}
	}
	return in, nil
}

var countryForm = regexp.MustCompile(`^[A-Z]{2}$`)

func readCountry(text string, in *consent.Input) error {
	in.Place.Country = strings.ToUpper(text)
	if !countryForm.MatchString(in.Place.Country) {
		return fmt.Errorf("%q is no country; write two letters, as US", text)
	}
	return nil
}

func readRegion(text string, in *consent.Input) error {
	in.Place.Region = text
	if in.Place.Country == "" {
		return errors.New("a region needs its country, as --country US --region CA")
	}
	return nil
}

func readAssumedPlace(text string, in *consent.Input) error {
	country, region, _ := strings.Cut(text, "-")
	in.Site.AssumePlace = consent.Place{Country: country, Region: region}
	if !countryForm.MatchString(country) {
		return fmt.Errorf("%q is no place; write one as DE or US-CA", text)
	}
	return nil
}

func readDate(text string, in *consent.Input) error {
	day, err := time.Parse(time.DateOnly, text)
	if err != nil {
		return fmt.Errorf("%q is no day; write one as 2026-11-22", text)
	}
	in.Day = consent.DayOf(day)
	return nil
}

func readAge(text string, in *consent.Input) (err error) {
	in.Age, err = consent.ParseAge(text)
	return err
}

func readNotice(text string, in *consent.Input) error {
	in.Notice = text
	return nil
}

// readChoice reads a choice in words, or a cookie's text. A text with the dots of a cookie that is none is what a damaged
// cookie is. The notice in force is the one that the choice answers.
func readChoice(text string, in *consent.Input) error {
	made := consent.Choice{Day: in.Day, GPC: in.SecGPC, DNT: in.DNT, Notice: explainedNotice}
	switch {
	case text == "allow":
		made.Granted = consent.All
	case text == "refuse":
		made.Granted = consent.Essential
	case strings.Contains(text, "."):
		cookie, err := consent.ParseChoice(text)
		if err != nil {
			cookie = consent.Unreadable()
		}
		made = cookie
	default:
		granted, err := consent.ParseCategories(text)
		if err != nil {
			return fmt.Errorf("%w; or write allow, refuse, or the cookie's text", err)
		}
		made.Granted = granted | consent.Essential
	}
	in.Choice, in.Notice = &made, made.Notice
	return nil
}

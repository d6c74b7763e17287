package main

import (
	"context"
	"encoding/json"
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
		detail: "The answer is the one that the collector would give, with the cell of the matrix behind each reason, its " +
			"sources and what is still to be checked. Nothing is read and nothing is stored.",
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
			f.set.Bool("parent-verified", false, "The site has verified a parent's consent.")
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

// consentInput reads the flags; every mistake in them is a usage error.
func consentInput(f *flags, now time.Time) (consent.Input, error) {
	fail := func(flag, format string, args ...any) (consent.Input, error) {
		return consent.Input{}, &usageError{"--" + flag + ": " + fmt.Sprintf(format, args...)}
	}
	in := consent.Input{
		MatrixVersion: consent.MatrixVersion,
		Place:         consent.Place{Country: strings.ToUpper(f.text("country")), Region: f.text("region")},
		SecGPC:        f.on("gpc"), DNT: f.on("dnt"),
		Unproven: f.on("unproven"), ParentVerified: f.on("parent-verified"),
		Site: consent.Site{
			AnonymousCount: f.on("anonymous-count"), Exemption: f.on("exemption"),
			UnknownAfterGrant: f.on("unknown-after-grant"), Children: f.on("children"),
		},
	}
	if in.Place.Country != "" && !countryForm.MatchString(in.Place.Country) {
		return fail("country", "%q is no country; write two letters, as US", f.text("country"))
	}
	if in.Place.Region != "" && in.Place.Country == "" {
		return fail("region", "a region needs its country, as --country US --region CA")
	}
	if text := f.text("assume-place"); text != "" {
		country, region, _ := strings.Cut(text, "-")
		if !countryForm.MatchString(country) {
			return fail("assume-place", "%q is no place; write one as DE or US-CA", text)
		}
		in.Site.AssumePlace = consent.Place{Country: country, Region: region}
	}
	if text := f.text("date"); text != "" {
		day, err := time.Parse(time.DateOnly, text)
		if err != nil {
			return fail("date", "%q is no day; write one as 2026-11-22", text)
		}
		now = day
	}
	in.Day = consent.DayOf(now)
	age, err := consent.ParseAge(f.text("age"))
	if err != nil {
		return fail("age", "%v", err)
	}
	in.Age = age
	choice, err := readChoiceFlag(f.text("choice"), in)
	if err != nil {
		return fail("choice", "%v; or write allow, refuse, or the cookie's text", err)
	}
	if in.Choice = choice; choice != nil {
		in.Notice = choice.Notice
	}
	if notice := f.text("notice"); notice != "" {
		in.Notice = notice
	}
	return in, nil
}

var countryForm = regexp.MustCompile(`^[A-Z]{2}$`)

// readChoiceFlag reads a choice in words, which is made today in sight of the signals that are on, or a cookie's text. A
// text that has the form of a cookie and is none is what a damaged cookie is.
func readChoiceFlag(text string, in consent.Input) (*consent.Choice, error) {
	made := &consent.Choice{Day: in.Day, GPC: in.SecGPC, DNT: in.DNT, Notice: explainedNotice}
	switch {
	case text == "":
		return nil, nil
	case text == "allow":
		made.Granted = consent.All
	case text == "refuse":
		made.Granted = consent.Essential
	case strings.Contains(text, "."):
		choice, err := consent.ParseChoice(text)
		if err != nil {
			choice = consent.Unreadable()
		}
		return &choice, nil
	default:
		granted, err := consent.ParseCategories(text)
		if err != nil {
			return nil, err
		}
		made.Granted = granted | consent.Essential
	}
	return made, nil
}

package consent_test

import (
	"fmt"
	"time"

	"heed/consent"
)

// What a collector does with the choice that a batch carries.
func Example() {
	key, site := []byte("32 secret bytes, one key per site"), "demo"
	notice := consent.NoticeID([]byte(`{"controller":"Example Ltd","purposes":["performance"]}`))
	today := consent.DayOf(time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC))
	sent := consent.Choice{Granted: consent.Essential | consent.Performance, Day: today, Notice: notice}.
		Seal(key, site, [16]byte{1, 2, 3}).String()

	in := consent.Input{Day: today, MatrixVersion: consent.MatrixVersion, SecGPC: true, Notice: notice}
	in.Place = consent.Place{Country: "DE", Region: "Bavaria"}
	choice, err := consent.ParseChoice(sent)
	if err != nil {
		choice = consent.Unreadable()
	}
	in.Choice, in.Unproven = &choice, !choice.Verify(key, site)
	decision := consent.Resolve(in)
	fmt.Println(decision.Granted, decision.Jurisdiction, decision.Reasons)
	// Output: essential,performance EEA choice_made,signal_gpc
}

// Without an answer nothing beyond what the page needs is allowed.
func ExampleResolve() {
	decision := consent.Resolve(consent.Input{
		MatrixVersion: consent.MatrixVersion, Place: consent.Place{Country: "DE"},
	})
	fmt.Println(decision.Granted, decision.Prompt, decision.Reasons)
	// Output: essential opt_in no_choice
}

func ExampleParseChoice() {
	choice, err := consent.ParseChoice("1.15.20000.c0ffee01")
	fmt.Println(choice.Granted, choice.GPC, choice.DNT, choice.Sealed, err)
	// Output: essential,performance true false false <nil>
}

// The law behind each reason.
func ExampleExplain() {
	e := consent.Explain(consent.Input{
		MatrixVersion: consent.MatrixVersion, Place: consent.Place{Country: "US", Region: "Colorado"}, SecGPC: true,
	})
	for _, why := range e.Why {
		for _, cell := range why.Cells {
			fmt.Println(why.Reason, cell.Column, cell.Value, cell.Sources[0].Date)
		}
	}
	// Output:
	// no_choice functional granted 2026-01
	// no_choice performance granted 2026-01
	// no_choice advertising granted 2024-07-01
	// signal_gpc gpc opt_out 2024-07-01
}

// What a build hands to the tracker of a site.
func ExampleBrowserRules() {
	site := consent.Site{AnonymousCount: true, Exemption: true}
	fmt.Println(consent.BrowserRules(consent.Place{}, site))
	// Output: 11940737
}

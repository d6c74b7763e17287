package consent_test

import (
	"math/rand/v2"
	"testing"

	"heed/consent"
)

// The properties that no jurisdiction may ever break, over random inputs: also over choices that no cookie can hold.

func TestResolveAlwaysGrantsEssential(t *testing.T) {
	forRandomInputs(func(in consent.Input, _ *rand.Rand) {
		d := consent.Resolve(in)
		if !d.Granted.Has(consent.Essential) || d.Granted&^consent.All != 0 {
			t.Fatalf("Resolve(%+v).Granted = %#x, want essential and nothing unknown", in, d.Granted)
		}
	})
}

func TestResolveCountsOnlyWithoutPerformance(t *testing.T) {
	forRandomInputs(func(in consent.Input, _ *rand.Rand) {
		d := consent.Resolve(in)
		if d.AnonymousCount && (d.Granted.Has(consent.Performance) || in.Choice != nil || in.SecGPC || in.JSGPC || in.DNT) {
			t.Fatalf("Resolve(%+v) = %+v, want no anonymous count beside a grant, an answer or a signal", in, d)
		}
	})
}

func TestResolveGivesOneStateAndLinks(t *testing.T) {
	forRandomInputs(func(in consent.Input, _ *rand.Rand) {
		d := consent.Resolve(in)
		states := d.Reasons & (consent.ChoiceUnproven<<1 - 1)
		if states == 0 || states&(states-1) != 0 || d.Links == 0 || d.Jurisdiction == "" {
			t.Fatalf("Resolve(%+v) = %+v, want one of the first eight reasons, links and a jurisdiction", in, d)
		}
	})
}

func TestResolveSignalNeverGrants(t *testing.T) {
	forRandomInputs(func(in consent.Input, _ *rand.Rand) {
		for _, signal := range []func(*consent.Input){
			func(in *consent.Input) { in.SecGPC = true },
			func(in *consent.Input) { in.JSGPC = true },
			func(in *consent.Input) { in.DNT = true },
		} {
			more := in
			signal(&more)
			wantNoMore(t, more, in)
		}
	})
}

func TestResolveUnknownNeverGrants(t *testing.T) {
	forRandomInputs(func(in consent.Input, _ *rand.Rand) {
		in.Site.AssumePlace = consent.Place{} // the owner's word may be less strict
		if in.Place.Country != "" {
			country, region := in, in
			country.Place.Region, region.Place.Region = "", "Atlantis"
			wantNoMore(t, country, in)
			wantNoMore(t, region, in)
		}
		// Where nothing is known an explicit yes in sight of a signal stands, as in the EEA: it is the visitor's own word,
		// though some places let the signal win.
		if c := in.Choice; c != nil {
			in.Choice = &consent.Choice{Granted: c.Granted, OptOut: c.OptOut, Day: c.Day, Notice: c.Notice}
		}
		nowhere, version := in, in
		nowhere.Place, version.MatrixVersion = consent.Place{}, consent.MatrixVersion+1
		wantNoMore(t, nowhere, in)
		wantNoMore(t, version, in)
	})
}

func TestResolveChoiceThatDoesNotCountNeverGrants(t *testing.T) {
	f := func(in consent.Input, c consent.Choice) {
		t.Helper()
		without := in
		in.Choice, without.Choice = &c, nil
		wantNoMore(t, in, without)
	}
	forRandomInputs(func(in consent.Input, random *rand.Rand) {
		c := randomChoice(random, in)
		old, future, other := c, c, c
		old.Day = in.Day - 1024 - random.IntN(1000)
		future.Day = in.Day + 2 + random.IntN(1000)
		other.Notice = "deadbeef"
		f(in, old)
		f(in, future)
		f(in, other)
		f(in, consent.Unreadable())
		in.Unproven = true
		f(in, c)
	})
}

// A refusal is not forgotten: with it never more is allowed than without any choice, whatever else is true of it.
func TestResolveRefusalHolds(t *testing.T) {
	forRandomInputs(func(in consent.Input, random *rand.Rand) {
		c := randomChoice(random, in)
		c.Granted = consent.Essential
		in.Choice = &c
		if d := consent.Resolve(in); d.Granted != consent.Essential || d.AnonymousCount {
			t.Fatalf("Resolve(%+v) = %+v with choice %+v, want essential alone", in, d, c)
		}
	})
}

func TestResolveStricterChoiceNeverGrantsMore(t *testing.T) {
	forRandomInputs(func(in consent.Input, random *rand.Rand) {
		loose := randomChoice(random, in)
		strict := loose
		strict.Granted &= consent.Categories(random.Uint32())
		stricter := in
		in.Choice, stricter.Choice = &loose, &strict
		if in.Unproven && !in.Site.Children {
			return // less than silence gives needs no proof: then the smaller yes may count where the larger does not
		}
		wantNoMore(t, stricter, in)
	})
}

func TestResolveMinorsAreNotFollowed(t *testing.T) {
	forRandomInputs(func(in consent.Input, random *rand.Rand) {
		grown := in
		grown.Age, grown.Site.Children = consent.AgeUnknown, false
		in.Age = consent.Age(1 + random.IntN(3))
		wantNoMore(t, in, grown)
		in.ParentVerified = false
		if d := consent.Resolve(in); d.Granted&(consent.Performance|consent.Advertising) != 0 || d.Prompt != consent.NoPrompt {
			t.Fatalf("Resolve(%+v) = %+v, want a minor neither followed nor asked", in, d)
		}
	})
}

func TestResolveAssertionsNeverGrantCategories(t *testing.T) {
	forRandomInputs(func(in consent.Input, _ *rand.Rand) {
		with, without := in, in
		with.Site.AnonymousCount, with.Site.Exemption, with.Site.UnknownAfterGrant = true, true, true
		without.Site.AnonymousCount, without.Site.Exemption, without.Site.UnknownAfterGrant = false, false, false
		if got, want := consent.Resolve(with).Granted, consent.Resolve(without).Granted; got != want {
			t.Fatalf("Resolve(%+v).Granted = %v, want %v as without assertions", with, got, want)
		}
		if consent.Resolve(without).AnonymousCount {
			t.Fatalf("Resolve(%+v).AnonymousCount = true, want false where the owner does not want it", without)
		}
	})
}

func TestResolveKeepsItsInput(t *testing.T) {
	forRandomInputs(func(in consent.Input, random *rand.Rand) {
		c := randomChoice(random, in)
		before := c
		in.Choice = &c
		if first, second := consent.Resolve(in), consent.Resolve(in); c != before || first != second {
			t.Fatalf("Resolve changed the choice from %+v to %+v, or its answer from %+v to %+v", before, c, first, second)
		}
	})
}

func TestResolveAllocatesNothing(t *testing.T) {
	choice := consent.Choice{Granted: consent.All, Day: 20_000, Notice: "c0ffee01"}
	in := consent.Input{
		Day: 20_000, Notice: "c0ffee01", MatrixVersion: consent.MatrixVersion, SecGPC: true, Choice: &choice,
		Site: consent.Site{AnonymousCount: true},
	}
	for _, in.Place = range []consent.Place{{}, {Country: "DE"}, {Country: "US", Region: "California"}, {Country: "US"}, {Country: "NZ"}} {
		if n := testing.AllocsPerRun(100, func() { consent.Resolve(in) }); n != 0 {
			t.Errorf("Resolve in %+v allocates %v times, want never", in.Place, n)
		}
	}
}

func BenchmarkResolve(b *testing.B) {
	choice := consent.Choice{Granted: consent.All, Day: 20_000, Notice: "c0ffee01"}
	in := consent.Input{
		Day: 20_000, Notice: "c0ffee01", MatrixVersion: consent.MatrixVersion, SecGPC: true, Choice: &choice,
		Place: consent.Place{Country: "US", Region: "California"},
	}
	b.ReportAllocs()
	for b.Loop() {
		consent.Resolve(in)
	}
}

// wantNoMore fails unless everything that stricter allows is allowed by loose too. The anonymous count is less than
// performance: who may do the latter may do the former.
func wantNoMore(t *testing.T, stricter, loose consent.Input) {
	t.Helper()
	got, limit := consent.Resolve(stricter), consent.Resolve(loose)
	if !limit.Granted.Has(got.Granted) || got.Undeclared && !limit.Undeclared {
		t.Fatalf("Resolve(%+v) = %+v,\nwant at most %+v of %+v", stricter, got, limit, loose)
	}
	if got.AnonymousCount && !limit.AnonymousCount && !limit.Granted.Has(consent.Performance) {
		t.Fatalf("Resolve(%+v) counts anonymously, want not, as for %+v", stricter, loose)
	}
}

func forRandomInputs(f func(consent.Input, *rand.Rand)) {
	random := rand.New(rand.NewPCG(1, 2))
	flip := func() bool { return random.IntN(2) == 0 }
	places := []consent.Place{{}, {Country: "NZ"}, {Country: "US"}, {Country: "CA"}, {Country: "US", Region: "Utah"}}
	for _, row := range consent.BrowserRows() {
		for _, place := range row.Places {
			places = append(places, placeOf(placeOfRow(place)))
		}
	}
	for range 20_000 {
		in := consent.Input{
			Day: 20_000, Notice: "c0ffee01", MatrixVersion: consent.MatrixVersion,
			Place:  places[random.IntN(len(places))],
			SecGPC: flip(), JSGPC: flip(), DNT: flip(), Unproven: random.IntN(4) == 0, ParentVerified: flip(),
			Site: consent.Site{
				AnonymousCount: flip(), Exemption: flip(), UnknownAfterGrant: flip(), Children: random.IntN(8) == 0,
			},
		}
		if random.IntN(8) == 0 {
			in.Site.AssumePlace = places[random.IntN(len(places))]
		}
		if random.IntN(8) == 0 {
			in.Age = consent.Age(random.Uint32()) // also a band that there is not
		}
		if flip() {
			c := randomChoice(random, in)
			in.Choice = &c
		}
		f(in, random)
	}
}

// randomChoice returns a choice that often counts. Its set may hold bits that have no meaning, and lack Essential.
func randomChoice(random *rand.Rand, in consent.Input) consent.Choice {
	flip := func() bool { return random.IntN(2) == 0 }
	c := consent.Choice{
		Granted: consent.Categories(random.Uint32()),
		GPC:     flip(), DNT: flip(), Unsent: flip(), OptOut: random.IntN(4) == 0,
		Day:    in.Day + 3 - random.IntN(400),
		Notice: in.Notice,
	}
	if random.IntN(8) == 0 {
		c.Notice = "deadbeef"
	}
	return c
}

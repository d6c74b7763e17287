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
		if d := consent.Resolve(in); d.AnonymousCount && d.Granted.Has(consent.Performance) {
			t.Fatalf("Resolve(%+v) = %+v, want no anonymous count beside a grant", in, d)
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

func TestResolveInvalidChoiceNeverGrants(t *testing.T) {
	f := func(in consent.Input, c consent.Choice) {
		t.Helper()
		without := in
		in.Choice, without.Choice = &c, nil
		wantNoMore(t, in, without)
	}
	forRandomInputs(func(in consent.Input, random *rand.Rand) {
		c := randomChoice(random, in)
		old, future, other := c, c, c
		old.Day = in.Day - consent.ChoiceDays - 1 - random.IntN(1000)
		future.Day = in.Day + 2 + random.IntN(1000)
		other.Notice = "deadbeef"
		f(in, old)
		f(in, future)
		f(in, other)
	})
}

func TestResolveStricterChoiceNeverGrantsMore(t *testing.T) {
	forRandomInputs(func(in consent.Input, random *rand.Rand) {
		loose := randomChoice(random, in)
		strict := loose
		strict.Granted &= consent.Categories(random.Uint32())
		stricter := in
		in.Choice, stricter.Choice = &loose, &strict
		wantNoMore(t, stricter, in)
	})
}

func TestResolveAssertionsNeverGrantCategories(t *testing.T) {
	forRandomInputs(func(in consent.Input, _ *rand.Rand) {
		with, without := in, in
		with.Site, without.Site = consent.Site{AnonymousCount: true, Exemption: true}, consent.Site{}
		if got, want := consent.Resolve(with).Granted, consent.Resolve(without).Granted; got != want {
			t.Fatalf("Resolve(%+v).Granted = %v, want %v as without assertions", with, got, want)
		}
		with.Site.Exemption = false
		if consent.Resolve(with).AnonymousCount {
			t.Fatalf("Resolve(%+v).AnonymousCount = true, want false without the exemption", with)
		}
	})
}

func TestResolveKeepsItsInput(t *testing.T) {
	forRandomInputs(func(in consent.Input, random *rand.Rand) {
		c := randomChoice(random, in)
		before := c
		in.Choice = &c
		consent.Resolve(in)
		if c != before {
			t.Fatalf("Resolve changed the choice from %+v to %+v", before, c)
		}
	})
}

// wantNoMore fails unless everything that stricter allows is allowed by loose too. The anonymous count is less than
// performance: who may do the latter may do the former.
func wantNoMore(t *testing.T, stricter, loose consent.Input) {
	t.Helper()
	got, limit := consent.Resolve(stricter), consent.Resolve(loose)
	if !limit.Granted.Has(got.Granted) {
		t.Fatalf("Resolve(%+v) grants %v, want at most %v of %+v", stricter, got.Granted, limit.Granted, loose)
	}
	if got.AnonymousCount && !limit.AnonymousCount && !limit.Granted.Has(consent.Performance) {
		t.Fatalf("Resolve(%+v) counts anonymously, want not, as for %+v", stricter, loose)
	}
}

func forRandomInputs(f func(consent.Input, *rand.Rand)) {
	random := rand.New(rand.NewPCG(1, 2))
	flip := func() bool { return random.IntN(2) == 0 }
	for range 20_000 {
		in := consent.Input{
			Day: 20_000, Notice: "c0ffee01", MatrixVersion: random.Uint32N(3),
			Place:  consent.Place{Country: []string{"", "DE", "US"}[random.IntN(3)]},
			SecGPC: flip(), JSGPC: flip(), DNT: flip(),
			Site: consent.Site{AnonymousCount: flip(), Exemption: flip()},
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
		GPC:     flip(), DNT: flip(), Unsent: flip(),
		Day:    in.Day + 3 - random.IntN(consent.ChoiceDays+6),
		Notice: in.Notice,
	}
	if random.IntN(8) == 0 {
		c.Notice = "deadbeef"
	}
	return c
}

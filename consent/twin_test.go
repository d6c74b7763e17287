package consent_test

import (
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	"heed/consent"
)

// TestTwin runs the browser's side: over the reviewed vectors, and over every combination of inputs with what this side
// decides for it. It fails where there is no node; a side that was not run proves nothing.
func TestTwin(t *testing.T) {
	script := filepath.Join(t.TempDir(), "twin.test.mjs")
	run(t, nil, "go", "tool", "esbuild", "testdata/twin.test.ts", "--bundle", "--platform=node", "--format=esm",
		"--target=es2020", "--log-level=warning", "--outfile="+script)

	reviewed := readVectors(t)
	all := vectors{Day: reviewed.Day, Notice: reviewed.Notice, Scenarios: reviewed.Scenarios, Cells: reviewed.Cells}
	all.Resolve = everyResolve(t, all)
	all.Choices = mutatedChoices(reviewed)
	everything := filepath.Join(t.TempDir(), "everything.json")
	writeJSON(t, everything, all)

	for _, file := range []string{"vectors.json", everything} {
		run(t, []string{"HEED_VECTORS=" + file}, "node", "--test", script)
	}
}

// everyResolve combines every value of every input that the tracker has, for an unknown place, and asks this side for the
// answers; then it draws inputs of every kind.
func everyResolve(t *testing.T, all vectors) (list []resolveVector) {
	add := func(in inputs) {
		v := resolveVector{Name: fmt.Sprintf("%+v, choice %s", in, deref(in.Choice)), inputs: in}
		v.Want = wantedOf(consent.Resolve(v.input(t, all)))
		list = append(list, v)
	}
	choices := everyChoice(all)
	for bits := range 1 << 4 {
		for _, choice := range choices {
			add(inputs{
				Choice: choice,
				JSGPC:  bits&1 != 0, DNT: bits&2 != 0,
				Site: siteVector{AnonymousCount: bits&4 != 0, Exemption: bits&8 != 0},
			})
		}
	}
	places := []string{"", "XX", "US-XX", "CA-XX", "DE-BY"}
	for _, row := range consent.BrowserRows() {
		for _, place := range row.Places {
			places = append(places, placeOfRow(place))
		}
	}
	random := rand.New(rand.NewPCG(3, 4))
	for range 30_000 {
		add(randomInputs(random, places, choices))
	}
	return list
}

func randomInputs(random *rand.Rand, places []string, choices []*string) inputs {
	flip := func() bool { return random.IntN(2) == 0 }
	in := inputs{
		Place:  places[random.IntN(len(places))],
		SecGPC: flip(), JSGPC: flip(), DNT: flip(), Unproven: flip(), ParentVerified: flip(),
		Age:  []string{"", "", "", "u13", "13-15", "16-17"}[random.IntN(6)],
		Site: siteVector{AnonymousCount: flip(), Exemption: flip(), UnknownAfterGrant: flip(), Children: random.IntN(4) == 0},
	}
	if flip() {
		in.Site.AssumePlace = places[random.IntN(len(places))]
	}
	if random.IntN(8) == 0 {
		in.MatrixVersion = new(random.Uint32N(4))
	}
	if random.IntN(4) > 0 {
		in.Choice = choices[random.IntN(len(choices))]
	}
	return in
}

// everyChoice has no choice, a malformed one, and every bit on both sides of every border.
func everyChoice(all vectors) []*string {
	malformed := "1.0f"
	list := []*string{nil, &malformed}
	for bits := 1; bits < 0x200; bits += 2 { // also those that are malformed
		for _, age := range []int{366, 365, consent.ChoiceDays + 1, consent.ChoiceDays, 0, -1, -2} {
			for _, notice := range []string{all.Notice, "deadbeef"} {
				text := fmt.Sprintf("1.%02x.%d.%s", bits, all.Day-age, notice)
				list = append(list, &text)
			}
		}
	}
	return list
}

// mutatedChoices changes, removes and doubles each byte of the well-formed texts, so that both sides must draw the line
// between well-formed and malformed in the same place.
func mutatedChoices(reviewed vectors) (list []choiceVector) {
	add := func(text string) {
		v := choiceVector{Name: fmt.Sprintf("%q", text), Text: text}
		if c, err := consent.ParseChoice(text); err == nil {
			v.Want = wantedChoice(c)
		}
		list = append(list, v)
	}
	for _, v := range reviewed.Choices {
		if v.Want == nil {
			continue
		}
		for i := range len(v.Text) {
			add(v.Text[:i] + v.Text[i+1:])
			add(v.Text[:i] + v.Text[i:i+1] + v.Text[i:])
			for _, b := range "019afgAFGQw.-_+/=\n\x00 é" {
				add(v.Text[:i] + string(b) + v.Text[i+1:])
			}
		}
	}
	return list
}

func run(tb testing.TB, env []string, name string, args ...string) {
	tb.Helper()
	cmd := exec.Command(name, args...)
	cmd.Env = append(os.Environ(), env...)
	if out, err := cmd.CombinedOutput(); err != nil {
		tb.Fatalf("%v: %v\n%.4000s", cmd.Args, err, out)
	}
}

func writeJSON(tb testing.TB, path string, value any) {
	tb.Helper()
	text, err := json.Marshal(value)
	if err != nil {
		tb.Fatal(err)
	}
	if err := os.WriteFile(path, text, 0o600); err != nil {
		tb.Fatal(err)
	}
}

func deref(text *string) string {
	if text == nil {
		return "none"
	}
	return *text
}

package consent

import "testing"

// The table's columns, on a row that the strictest one is not.
func TestDecideOptOutRow(t *testing.T) {
	optOut := &row{
		name:      "opt_out",
		base:      All,
		anonymous: anonymousAllowed,
		gpc:       signalRule{denies: Performance | Advertising, overChoices: true},
	}
	choice := func(granted Categories) *Choice {
		return &Choice{Granted: granted, GPC: true, Notice: "c0ffee01"}
	}
	f := func(in Input, granted Categories, count bool) {
		t.Helper()
		in.Notice, in.Site.AnonymousCount = "c0ffee01", true
		d := decide(optOut, in)
		if d.Granted != granted || d.AnonymousCount != count || d.Jurisdiction != "opt_out" || d.Prompt != NoPrompt {
			t.Fatalf("decide(%+v) = %+v, want %v, count %v", in, d, granted, count)
		}
	}
	f(Input{}, All, false)
	f(Input{DNT: true}, All, false) // no effect here
	f(Input{SecGPC: true}, Essential|Functional, false)
	f(Input{SecGPC: true, Choice: choice(All)}, Essential|Functional, false) // over a grant made in its sight
	f(Input{Choice: choice(Essential)}, Essential, false)

	optOut.base = Essential | Functional
	f(Input{}, Essential|Functional, true) // no exemption needed
	f(Input{JSGPC: true}, Essential|Functional, false)
}

func TestRowFor(t *testing.T) {
	country, region := &row{name: "country"}, &row{name: "region"}
	matrix[0] = map[Place]*row{{Country: "US"}: country, {Country: "US", Region: "California"}: region}
	t.Cleanup(func() { delete(matrix, 0) })
	f := func(version uint32, place Place, want *row) {
		t.Helper()
		if got := rowFor(version, place); got != want {
			t.Fatalf("rowFor(%d, %+v) = %q, want %q", version, place, got.name, want.name)
		}
	}
	f(0, Place{"US", "California"}, region)
	f(0, Place{"US", "Wyoming"}, country)
	f(0, Place{"US", ""}, country)
	f(0, Place{"DE", "California"}, &strictest)
	f(0, Place{}, &strictest)
	f(MatrixVersion, Place{"US", "California"}, &strictest)
	f(MatrixVersion+1, Place{"US", "California"}, &strictest)
}

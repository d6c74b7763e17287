package main

import (
	"fmt"
	"testing"
	"time"

	"heed/collector"
)

// What is there is remembered whatever else is asked for, and both are bounded.
func TestFinderRemembers(t *testing.T) {
	now := time.Now()
	f := newFinder(nil, func() time.Time { return now })
	name := func(i int) scriptName { return scriptName{"shop", fmt.Sprintf("%016x.js", i)} }
	live := scriptName{"shop", "live.js"}
	script := &collector.Asset{Name: live.name}
	f.remember(live, nil)
	f.remember(live, script)
	for i := range 3 * maxFound {
		f.remember(name(i), nil)
		if got, ok := f.recall(live); got != script || !ok {
			t.Fatalf("after %d names that are not there the script is forgotten", i+1)
		}
	}
	last := name(3*maxFound - 1)
	if got, ok := f.recall(last); got != nil || !ok {
		t.Error("what was not there a moment ago is asked for again")
	}
	if len(f.missing) > maxFound {
		t.Errorf("%d names that are not there are remembered, want at most %d", len(f.missing), maxFound)
	}
	now = now.Add(askAgain)
	if _, ok := f.recall(last); ok {
		t.Error("what was not there is never asked for again")
	}
	kept := 0
	for i := range maxFound {
		f.remember(name(i), script)
	}
	for i := range maxFound {
		if got, _ := f.recall(name(i)); got != nil {
			kept++
		}
	}
	if len(f.found) != maxFound || kept < maxFound-1 {
		t.Errorf("%d of %d scripts are remembered, want all but one at least", kept, maxFound)
	}
}

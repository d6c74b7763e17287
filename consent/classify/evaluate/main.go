// Evaluate measures the classifier on the evidence of testdata, split by owner: the companies held out are not in the
// table while their names are classified, and words were not learned from them, so that what it prints is how well the
// classifier does on companies it has never heard of. It prints beside it what the whole table does with the same names.
//
// It runs from the top of the repository: go run ./consent/classify/evaluate
package main

import (
	"flag"
	"fmt"
	"io"
	"os"
	"path/filepath"

	"heed/consent/classify"
	"heed/consent/classify/evidence"
)

func main() {
	dir := flag.String("dir", "consent/classify", "the `folder` of package classify")
	tune := flag.Bool("tune", false, "measure on training owners alone, each fifth held out in turn")
	flag.Parse()
	if err := evaluate(os.Stdout, *dir, *tune); err != nil {
		fmt.Fprintln(os.Stderr, "evaluate:", err)
		os.Exit(1)
	}
}

func evaluate(w io.Writer, dir string, tune bool) error {
	rows, err := evidence.Read(filepath.Join(dir, "testdata", "evidence.tsv"))
	if err != nil {
		return err
	}
	table, err := classify.Compiled()
	if err != nil {
		return err
	}
	names := label(rows, table.Facts)
	if tune {
		return tuneOn(w, names, table.Facts)
	}
	fmt.Fprintf(w, "%d statements about names, of %d companies, that give a class\n", len(names), countOwners(names))
	test := heldOut(names, true)
	smaller, err := without(table.Facts, isTest)
	if err != nil {
		return err
	}
	unseen, err := measure(test, smaller)
	if err != nil {
		return err
	}
	unseen.print(w, fmt.Sprintf("Companies held out: %d names of %d companies", len(test), countOwners(test)))
	known, err := measure(test, table)
	if err != nil {
		return err
	}
	known.print(w, "The same names with the whole table")
	all, err := measure(names, table)
	if err != nil {
		return err
	}
	all.print(w, "All names with the whole table")
	return nil
}

// tuneOn measures on training owners, each fifth of them held out in turn.
func tuneOn(w io.Writer, names []name, facts []classify.Fact) error {
	train := heldOut(names, false)
	var sum result
	for fold := range uint32(folds) {
		out := func(owner string) bool { return isTest(owner) || foldOf(owner) == fold }
		var test []name
		for _, n := range train {
			if foldOf(n.owner) == fold {
				test = append(test, n)
			}
		}
		smaller, err := without(facts, out)
		if err != nil {
			return err
		}
		r, err := measure(test, smaller)
		if err != nil {
			return err
		}
		sum.add(r)
	}
	sum.print(w, "Training companies, each fifth held out in turn")
	return nil
}

package main

import (
	"fmt"
	"io"

	"heed/consent/classify"
	"heed/consent/classify/score"
)

var classNames = [score.Classes]string{"essential", "functional", "performance", "advertising"}

// result counts verdicts.
type result struct {
	decided, says score.Matrix
	reasons       map[classify.Reason]*score.Matrix // against what was decided
	confidences   map[classify.Confidence]*score.Matrix
}

// measure classifies names with a table.
func measure(names []name, table *classify.Table) (result, error) {
	var r result
	r.add(result{})
	classifier, err := classify.New(classify.Config{Table: table})
	if err != nil {
		return r, err
	}
	for _, n := range names {
		v := classifier.Classify(n.cookie)
		r.says.Count(n.says, v.Class)
		r.decided.Count(n.decided, v.Class)
		count(r.reasons, v.Reason).Count(n.decided, v.Class)
		count(r.confidences, v.Confidence).Count(n.decided, v.Class)
	}
	return r, nil
}

func count[K comparable](counts map[K]*score.Matrix, k K) *score.Matrix {
	if counts[k] == nil {
		counts[k] = &score.Matrix{}
	}
	return counts[k]
}

func (r *result) add(other result) {
	if r.reasons == nil {
		r.reasons, r.confidences = map[classify.Reason]*score.Matrix{}, map[classify.Confidence]*score.Matrix{}
	}
	r.decided.Add(other.decided)
	r.says.Add(other.says)
	for k, m := range other.reasons {
		count(r.reasons, k).Add(*m)
	}
	for k, m := range other.confidences {
		count(r.confidences, k).Add(*m)
	}
}

func (r *result) print(w io.Writer, title string) {
	fmt.Fprintf(w, "\n%s\n", title)
	score.Header(w)
	r.decided.Print(w, "against our review")
	r.says.Print(w, "against the sources alone")
	blind := r.decided.AllAdvertising()
	blind.Print(w, "were all called advertising")
	for _, reason := range []classify.Reason{classify.ByNameAndOwner, classify.ByName, classify.ByPattern,
		classify.ByHost, classify.ByShape, classify.ByNothing} {
		if m := r.reasons[reason]; m != nil {
			m.Print(w, "  by "+string(reason))
		}
	}
	for _, confidence := range []classify.Confidence{classify.High, classify.Medium, classify.Low} {
		if m := r.confidences[confidence]; m != nil {
			m.Print(w, "  confidence "+confidence.String())
		}
	}
	fmt.Fprintf(w, "  %-16s", "is \\ called")
	for _, name := range classNames {
		fmt.Fprintf(w, " %12s", name)
	}
	fmt.Fprintln(w)
	for i, row := range r.decided {
		fmt.Fprintf(w, "  %-16s", classNames[i])
		for _, n := range row {
			fmt.Fprintf(w, " %12d", n)
		}
		fmt.Fprintln(w)
	}
}

package main

import (
	"errors"
	"fmt"
	"regexp/syntax"
	"strings"
)

// signs have a meaning in bots.gen.txt, so that no piece may hold them.
const signs = "^$*~[]#\n"

// maxPieces is how many a pattern may make; one that makes more is written for something else than plain text.
const maxPieces = 16

var errNotPlain = errors.New("has no plain text to look for")

// expand writes a regular expression as the pieces of text that it stands for. Digits and what repeats become a gap,
// so that the pieces may find a little more than the expression did.
func expand(pattern string) ([]string, error) {
	re, err := syntax.Parse(pattern, syntax.Perl)
	if err != nil {
		return nil, err
	}
	raw, err := texts(re)
	if err != nil {
		return nil, err
	}
	var out []string
	for _, text := range raw {
		piece := strings.Trim(text, "*")
		if len(strings.Trim(piece, "^$")) < 3 {
			return nil, fmt.Errorf("%w: %q", errNotPlain, text)
		}
		out = append(out, piece)
	}
	return out, nil
}

func texts(re *syntax.Regexp) ([]string, error) {
	switch re.Op {
	case syntax.OpLiteral:
		if text := string(re.Rune); !strings.ContainsAny(text, signs) {
			return spellings(text, re.Flags&syntax.FoldCase != 0), nil
		}
	case syntax.OpBeginText, syntax.OpBeginLine:
		return []string{"^"}, nil
	case syntax.OpEndText, syntax.OpEndLine:
		return []string{"$"}, nil
	case syntax.OpCharClass:
		return classTexts(re.Rune), nil
	case syntax.OpStar, syntax.OpPlus, syntax.OpQuest, syntax.OpAnyChar, syntax.OpAnyCharNotNL:
		return []string{"*"}, nil
	case syntax.OpCapture:
		return texts(re.Sub[0])
	case syntax.OpAlternate:
		return alternatives(re.Sub)
	case syntax.OpConcat:
		return sequence(re.Sub)
	}
	return nil, fmt.Errorf("%w: %q", errNotPlain, re)
}

// spellings of what the parser makes of [cC] are two; of [cC][dD], four.
func spellings(text string, anyCase bool) []string {
	if !anyCase {
		return []string{text}
	}
	out := []string{""}
	for _, r := range text {
		var longer []string
		for _, before := range out {
			longer = append(longer, before+strings.ToLower(string(r)), before+strings.ToUpper(string(r)))
		}
		out = longer
	}
	return out
}

// classTexts spells out [cC] and takes a larger class for a gap.
func classTexts(ranges []rune) []string {
	var out []string
	for i := 0; i < len(ranges); i += 2 {
		for r := ranges[i]; r <= ranges[i+1]; r++ {
			if out = append(out, string(r)); len(out) > 2 {
				return []string{"*"}
			}
		}
	}
	return out
}

// alternatives of which one is the end or the beginning allow anything there.
func alternatives(subs []*syntax.Regexp) ([]string, error) {
	var out []string
	for _, sub := range subs {
		some, err := texts(sub)
		if err != nil {
			return nil, err
		}
		out = append(out, some...)
	}
	for _, text := range out {
		if text == "^" || text == "$" {
			return []string{"*"}, nil
		}
	}
	return out, nil
}

func sequence(subs []*syntax.Regexp) ([]string, error) {
	out := []string{""}
	for _, sub := range subs {
		some, err := texts(sub)
		if err != nil {
			return nil, err
		}
		var longer []string
		for _, before := range out {
			for _, after := range some {
				longer = append(longer, strings.ReplaceAll(before+after, "**", "*"))
			}
		}
		if out = longer; len(out) > maxPieces {
			return nil, fmt.Errorf("%w: more than %d", errNotPlain, maxPieces)
		}
	}
	return out, nil
}

package enrich

import (
	_ "embed"
	"strings"
)

//go:generate go run ./generate

//go:embed bots.gen.txt
var botText string

const (
	gramBytes = 3 // no piece is shorter
	gramSlots = 1 << 14
)

// botList finds every piece of bots.gen.txt that a user agent holds, in one pass over its bytes: each three of them name
// the few pieces that could be here. It does not change once it is made.
type botList struct {
	pieces []piece
	slots  [gramSlots]uint16 // the first piece with this gram, counted from 1; 0 is none
}

// piece is a line of bots.gen.txt; generate says what its signs mean.
type piece struct {
	text, later     string // later must follow text; mostly it is empty
	begins, ends    bool   // only there in the user agent
	anywhere        bool   // also within a word
	reason          string
	gram            int    // where in text its rarest gram is
	nextInSameGrams uint16 // as in slots
}

func newBotList(text string) *botList {
	var l botList
	reason := ""
	for line := range strings.SplitSeq(text, "\n") {
		switch {
		case line == "" || line[0] == '#':
		case line[0] == '[':
			reason = strings.Trim(line, "[]")
		default:
			l.pieces = append(l.pieces, readPiece(line, reason))
		}
	}
	common := make(map[string]int)
	for _, p := range l.pieces {
		for i := range len(p.text) - gramBytes + 1 {
			common[p.text[i:i+gramBytes]]++
		}
	}
	for n := range l.pieces {
		l.index(n, common)
	}
	return &l
}

func readPiece(line, reason string) piece {
	p := piece{reason: reason}
	line, p.begins = strings.CutPrefix(line, "^")
	line, p.anywhere = strings.CutPrefix(line, "~")
	line, p.ends = strings.CutSuffix(line, "$")
	p.text, p.later, _ = strings.Cut(line, "*")
	if i := strings.LastIndexByte(p.later, '*'); i >= 0 {
		p.later = p.later[i+1:]
	}
	return p
}

// index files piece n under the gram that it shares with the fewest others.
func (l *botList) index(n int, common map[string]int) {
	p := &l.pieces[n]
	for i := range len(p.text) - gramBytes + 1 {
		if common[p.text[i:i+gramBytes]] < common[p.text[p.gram:p.gram+gramBytes]] {
			p.gram = i
		}
	}
	slot := &l.slots[gramSlot(p.text, p.gram)]
	p.nextInSameGrams, *slot = *slot, uint16(n+1)
}

func gramSlot(s string, i int) uint32 {
	gram := uint32(s[i]) | uint32(s[i+1])<<8 | uint32(s[i+2])<<16
	return gram * 0x9E3779B1 >> 18 // Fibonacci hashing: the upper 14 bits
}

// reasonOf gives the strongest reason of the pieces that ua holds, or none.
func (l *botList) reasonOf(ua string) string {
	reason := ""
	for i := range len(ua) - gramBytes + 1 {
		for n := l.slots[gramSlot(ua, i)]; n != 0; n = l.pieces[n-1].nextInSameGrams {
			if p := &l.pieces[n-1]; p.isAt(ua, i-p.gram) {
				reason = stronger(reason, p.reason)
			}
		}
	}
	return reason
}

func (p *piece) isAt(ua string, start int) bool {
	if start < 0 || !strings.HasPrefix(ua[start:], p.text) {
		return false
	}
	if start > 0 && (p.begins || !p.anywhere && isWordByte(p.text[0]) && isWordByte(ua[start-1])) {
		return false
	}
	rest := ua[start+len(p.text):]
	return (!p.ends || rest == "") && strings.Contains(rest, p.later)
}

func isWordByte(c byte) bool {
	return '0' <= c && c <= '9' || 'A' <= c && c <= 'Z' || 'a' <= c && c <= 'z'
}

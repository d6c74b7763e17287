package consent

import "slices"

// Explanation is a decision with everything that led to it.
type Explanation struct {
	Decision Decision
	Row      Row    // the row that decided, with every cell and its sources
	Date     string // of the matrix
	Why      []Why  // one for each reason, in their order
}

// Why is one reason in words, with the cells it rests on.
type Why struct {
	Reason string
	Text   string
	Cells  []Cell
}

// Explain decides as Resolve does, and says why.
func Explain(in Input) Explanation {
	d := Resolve(in)
	e := Explanation{Decision: d, Date: matrixInForce.date}
	for _, r := range matrixInForce.inOrder {
		if r.id == d.Jurisdiction {
			e.Row = *r.told
		}
	}
	for i, reason := range reasonTexts {
		if !d.Reasons.Has(1 << i) {
			continue
		}
		why := Why{Reason: reasonNames[i], Text: reason.text}
		for _, cell := range e.Row.Cells {
			if slices.Contains(reason.columns, cell.Column) {
				why.Cells = append(why.Cells, cell)
			}
		}
		e.Why = append(e.Why, why)
	}
	return e
}

// reasonText is a reason in words, and the columns that say what follows of it.
type reasonText struct {
	text    string
	columns []Column
}

var defaultColumns = []Column{ColumnFunctional, ColumnPerformance, ColumnAdvertising}

// reasonTexts stand in the order of the reasons' bits.
var reasonTexts = [...]reasonText{
	{"The visitor has made no choice: the row's default holds.", defaultColumns},
	{"The visitor's choice counts, in the place of the default.", []Column{ColumnReprompt}},
	{"A choice is stored that cannot be read: it refuses everything.", nil},
	{"The choice answers another notice: it may only take away from the default.", defaultColumns},
	{"The choice is from after tomorrow: it may only take away from the default.", defaultColumns},
	{"The choice is older than it may count here: it may only take away from the default.",
		append([]Column{ColumnReprompt}, defaultColumns...)},
	{"The choice was made where silence allows, and here a yes is needed: it may only take away from the default.",
		defaultColumns},
	{"The choice grants more than the default and carries no seal of ours: it may only take away.", defaultColumns},

	{"Global Privacy Control is on and counts as a refusal.", []Column{ColumnGPC}},
	{"Do Not Track is on and counts as a refusal.", []Column{ColumnDNT}},
	{"Global Privacy Control was on when the choice was made: its absence now is no yes.", []Column{ColumnGPC}},
	{"Do Not Track was on when the choice was made: its absence now is no yes.", []Column{ColumnDNT}},
	{"Global Privacy Control is on, but the visitor said yes in its sight.", []Column{ColumnGPC}},
	{"Do Not Track is on, but the visitor said yes in its sight.", []Column{ColumnDNT}},
	{"The visitor is a minor, or the site is for children: neither measured nor followed up, and not asked.",
		[]Column{ColumnAge}},
	{"The site has verified a parent's consent, which this place lets count.", []Column{ColumnAge}},

	{"Page views are counted without a visitor.", []Column{ColumnAnonymousCount}},
	{"Page views would be counted without a visitor, but for a signal or an answer.", []Column{ColumnAnonymousCount}},

	{"The place is not known; the owner's assertion stands for it.", nil},
	{"The place is not known: the strictest row holds.", nil},
	{"The region is not known: column by column the strictest of the country's rows holds.", nil},
	{"The country has no row of its own: it is treated as the EEA.", nil},
	{"The matrix that is asked for is not this one: the strictest row holds.", nil},
}

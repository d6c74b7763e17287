package consent

// MatrixVersion is the newest version of the matrix. Events keep the version that they were decided by.
const MatrixVersion = 1

// Strictest is the name of the row for every place without a row of its own.
const Strictest = "strictest"

// Place is where a visitor is, as far as the address tells.
type Place struct {
	Country string // ISO 3166-1 alpha-2, "" when unknown
	Region  string // "" when unknown
}

// Prompt says what a visitor must be asked.
type Prompt string

// The kinds of prompts.
const (
	NoPrompt    Prompt = ""       // nothing: the visitor has answered
	OptInPrompt Prompt = "opt_in" // may I? Nothing beyond Essential happens before a yes
)

// anonymousRule says when page views may be counted without consent, id and cookie.
type anonymousRule uint8

const (
	anonymousIfExempt anonymousRule = iota // only where the site asserts the exemption with its conditions
	anonymousAllowed                       // the law allows it
)

// signalRule is what a browser's signal takes away.
type signalRule struct {
	denies      Categories
	overChoices bool // also from a choice that was made with the signal in sight
}

// row is one jurisdiction: one column per question.
type row struct {
	name      string
	base      Categories // allowed before a choice
	anonymous anonymousRule
	gpc, dnt  signalRule
	prompt    Prompt
}

// strictest asks before anything, as the EEA does, and takes every signal for a refusal.
var strictest = row{
	name:      Strictest,
	base:      Essential,
	anonymous: anonymousIfExempt,
	gpc:       signalRule{denies: Advertising},
	dnt:       signalRule{denies: Performance | Advertising},
	prompt:    OptInPrompt,
}

// matrix holds the rows of each version by place. A row with an empty region is its country's.
var matrix = map[uint32]map[Place]*row{
	MatrixVersion: {Place{}: &strictest},
}

// rowFor returns the row of place: its region's, else its country's, else the strictest.
func rowFor(version uint32, place Place) *row {
	rows := matrix[version]
	if r := rows[place]; r != nil {
		return r
	}
	if r := rows[Place{Country: place.Country}]; r != nil {
		return r
	}
	return &strictest
}

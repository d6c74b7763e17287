package analytics

import "time"

// Stats is the document that every question is answered with; each holds the sections that were asked for.
type Stats struct {
	Query     Query        `json:"query"`
	Generated time.Time    `json:"generated"`          // when the answer was made, UTC
	Note      *Note        `json:"note,omitempty"`     // why there is nothing to see, when that is known
	Summary   *Summary     `json:"summary,omitempty"`  // the range in one row
	Series    []Bucket     `json:"series,omitzero"`    // every interval of the range, also empty ones
	Pages     List[Page]   `json:"pages,omitzero"`     // by views
	Sources   List[Source] `json:"sources,omitzero"`   // by views that arrived from outside
	Countries List[Value]  `json:"countries,omitzero"` // ISO 3166-1 alpha-2
	Regions   List[Region] `json:"regions,omitzero"`   // only where known
	Devices   List[Value]  `json:"devices,omitzero"`   // desktop, mobile, tablet, tv, other
	Browsers  List[Value]  `json:"browsers,omitzero"`  // families
	Systems   List[Value]  `json:"systems,omitzero"`   // families of operating systems
	Forms     List[Form]   `json:"forms,omitzero"`     // by times sent
	Events    List[Event]  `json:"events,omitzero"`    // the owner's own, by name
	Bots      List[Bot]    `json:"bots,omitzero"`      // by the reason why; whatever the question says about bots
}

// List holds the first rows of an order.
type List[T any] struct {
	Rows []T  `json:"rows"`
	More bool `json:"more"` // the limit left rows out
}

// Counts are the numbers that every group of views has.
type Counts struct {
	Views          uint64 `json:"views" ch:"views"`                           // page views with consent
	AnonymousViews uint64 `json:"anonymous_views" ch:"anonymous_views"`       // page views counted without consent
	TakenOverViews uint64 `json:"taken_over_views" ch:"taken_over_views"`     // those AnonymousViews that a grant on the same page load gave a visitor
	Visitors       uint64 `json:"visitors" ch:"visitors"`                     // distinct visitors of Views and TakenOverViews
	EngagedMS      uint64 `json:"engaged_ms" ch:"engaged_ms"`                 // sum over Views and TakenOverViews, ms
	EngagedAverage uint64 `json:"engaged_ms_average" ch:"engaged_ms_average"` // of a view in Views or TakenOverViews, ms, rounded down
}

// Summary is the range in one row.
type Summary struct {
	Counts
	FormsSent    uint64 `json:"forms_sent" ch:"forms_sent"`       // form events
	CustomEvents uint64 `json:"custom_events" ch:"custom_events"` // the owner's own events
	BotViews     uint64 `json:"bot_views" ch:"bot_views"`         // page views taken for a bot's, whatever the question says about bots
}

// Bucket is one hour, day or month of a series. The first and the last may be cut by the range.
type Bucket struct {
	Start time.Time `json:"start"` // in the zone
	End   time.Time `json:"end"`   // the first instant after it
	Counts
}

// Page is a page, whatever its query.
type Page struct {
	Host string `json:"host" ch:"host"`
	Path string `json:"path" ch:"path"`
	Counts
}

// Source is where arrivals came from.
type Source struct {
	Type   string `json:"type" ch:"type"`     // campaign, referrer or direct
	Source string `json:"source" ch:"source"` // utm_source, else the referrer's host; empty when direct
	Counts
}

// Value is one value of a property of views; empty where it is not known.
type Value struct {
	Value string `json:"value" ch:"value"`
	Counts
}

// Region is a region of a country.
type Region struct {
	Country string `json:"country" ch:"country"` // ISO 3166-1 alpha-2
	Region  string `json:"region" ch:"region"`   // the name that the geo data gives
	Counts
}

// Form is a form on a page.
type Form struct {
	Form     string `json:"form" ch:"form"` // its id, else its name, else its place in the page
	Host     string `json:"host" ch:"host"`
	Path     string `json:"path" ch:"path"`
	Sent     uint64 `json:"sent" ch:"sent"`         // times
	Visitors uint64 `json:"visitors" ch:"visitors"` // distinct ones who sent it
}

// Event is the owner's own event.
type Event struct {
	Name     string `json:"name" ch:"name"`
	Count    uint64 `json:"count" ch:"happened"`
	Visitors uint64 `json:"visitors" ch:"visitors"` // distinct ones it came from
}

// Bot is a reason to take visits for a bot's.
type Bot struct {
	Reason string `json:"reason" ch:"reason"`
	Views  uint64 `json:"views" ch:"views"`     // page views
	Events uint64 `json:"events" ch:"happened"` // events of every kind, page views included
}

// Note says why an answer holds less than one might expect.
type Note struct {
	Code    NoteCode `json:"code"`
	Message string   `json:"message"` // for a person
}

// NoteCode names a note for a program. The set is closed.
type NoteCode string

// The notes.
const (
	NoEvents        NoteCode = "no_events"            // the site has none at all
	NoEventsInRange NoteCode = "no_events_in_range"   // it has some, at other times
	OnlyBotEvents   NoteCode = "only_bots"            // all of the range's are taken for a bot's, and those were left out
	NoBotEvents     NoteCode = "no_bots"              // only bots were asked for, and there are none
	OnlyAnonymous   NoteCode = "only_anonymous"       // nobody allowed more than an anonymous count
	NothingOfThis   NoteCode = "nothing_of_this_kind" // the range has events, but none that this section counts
)

package record

import (
	"fmt"
	"log/slog"
	"slices"
	"strings"

	"heed/consent"
)

// Version is the version of every document of this package.
const Version = 1

// MaxBytes bounds the canonical bytes of a record.
const MaxBytes = 32 << 10

// Event says what happened.
type Event string

// The events. The set is closed.
const (
	Shown     Event = "shown"    // a notice was put on the screen
	Accepted  Event = "accept"   // all that was asked for was allowed
	Rejected  Event = "reject"   // nothing but the essential was allowed
	Chosen    Event = "custom"   // some was allowed, or an opt-out was made
	Withdrawn Event = "withdraw" // an earlier grant was taken back, in whole or in part
	GPC       Event = "gpc"      // Global Privacy Control took something away
	DNT       Event = "dnt"      // Do Not Track took something away
	Expired   Event = "expire"   // a choice came to the end of its time
	Reprompt  Event = "reprompt" // a notice was shown again, since what is asked for has changed
	Migrated  Event = "migrate"  // a choice was taken over from another system or version
)

// Method says by what means it happened.
type Method string

// The methods. The set is closed.
const (
	ByButton Method = "button" // a control of the notice; Record.Control names it
	ByClose  Method = "close"  // the notice was closed
	ByAPI    Method = "api"    // the page's own script said so
	BySignal Method = "signal" // the browser's signal
	ByImport Method = "import" // brought in from elsewhere
	ByItself Method = "itself" // no one did anything: a notice appeared, a time ran out
)

// Wall is the strength of what held unallowed requests back at that moment.
type Wall string

// The strengths, from weakest to strongest.
const (
	WallOff    Wall = "off"
	WallTag    Wall = "tag"
	WallSealed Wall = "sealed"
	WallHeader Wall = "header"
)

// Record is one consent event: what was asked, what was answered, and by which rules. It holds no visitor, no address
// and nothing derived from one beyond the place, no user agent, path or age.
//
// The id of a grant is the consent id: it lives on in the visitor's choice and in the events that the grant allowed. The
// id of every other record is fresh, made for this record and kept nowhere else.
type Record struct {
	// Version of this format: 1.
	Version int `json:"v"`
	// ID is a UUIDv7.
	ID ID `json:"id"`
	// Ends is the id of the earlier grant that this record ends or replaces; zero when there is none. A withdrawal has one.
	Ends ID `json:"ends,omitzero"`
	// Site is the site's id in the configuration. Who is responsible for it, and how to reach them, is in the notice.
	Site string `json:"site"`
	// Event is what happened, Method by what means.
	Event  Event  `json:"event"`
	Method Method `json:"method"`
	// Control is the id of the button, with ByButton.
	Control string `json:"control,omitempty"`

	// TimeMS is when it reached the collector, ClientTimeMS when it happened by the browser's clock; Unix ms.
	TimeMS       int64 `json:"time_ms"`
	ClientTimeMS int64 `json:"client_time_ms,omitempty"`
	// ExpiresMS is when the choice ends by itself, granted or refused alike; Unix ms. Required for a choice.
	ExpiresMS int64 `json:"expires_ms,omitempty"`

	// Place is where the visitor was, Jurisdiction the row that decided, of this version of the matrix.
	Place         Place  `json:"place"`
	Jurisdiction  string `json:"jurisdiction"`
	MatrixVersion uint32 `json:"matrix_version"`
	// Reasons are the codes of consent.Reasons that led to the decision, without those that tell an age.
	Reasons []string `json:"reasons,omitempty"`
	// Assertions are what the site's owner asserted at that time; see the constants of Assertion.
	Assertions []Assertion `json:"assertions,omitempty"`
	// Signals are what the browser sent.
	Signals Signals `json:"signals"`

	// Categories and Services say of each what is in force after this event, both ways.
	Categories State `json:"categories"`
	Services   State `json:"services"`

	// OptOut is true where silence allows: what such an answer leaves granted was never asked for (consent.Choice.OptOut).
	OptOut bool `json:"opt_out,omitempty"`

	// Wall is what held back the rest.
	Wall Wall `json:"wall"`
	// Notice is what was on the screen, or in force where nothing was shown.
	Notice NoticeRef `json:"notice,omitzero"`
	// DwellMS is how long the first layer had been visible; ms.
	DwellMS int64 `json:"dwell_ms,omitempty"`

	// Origin of the page, without path and query.
	Origin string `json:"origin,omitempty"`
	// Browser is the family, without a version.
	Browser string `json:"browser,omitempty"`
	// Build is the SHA-256 of the script that asked, Declaration the version of the cookie declaration.
	Build       Hash   `json:"build,omitzero"`
	Declaration string `json:"declaration,omitempty"`
	// Emitted is what other systems were told.
	Emitted Emitted `json:"emitted,omitzero"`
}

// Place is where a visitor is as far as is known, and how that is known.
type Place struct {
	Country string      `json:"country,omitempty"` // ISO 3166-1 alpha-2
	Region  string      `json:"region,omitempty"`  // as consent.Place has it
	Source  PlaceSource `json:"source"`
}

// PlaceSource says how a place is known.
type PlaceSource string

// The sources of a place. The set is closed.
const (
	FromAddress PlaceSource = "address" // looked up, and the address forgotten
	FromHeader  PlaceSource = "header"  // the page's own answer said so
	FromOwner   PlaceSource = "assumed" // the owner asserts it
	NotKnown    PlaceSource = "unknown"
)

// Assertion is something that the site's owner vouches for.
type Assertion string

// The assertions; consent.Site explains them. The set is closed.
const (
	AssertsAnonymousCount Assertion = "anonymous_count"
	AssertsPlace          Assertion = "assume_place"
	AssertsChildren       Assertion = "children"
	AssertsExemption      Assertion = "exemption"
	AssertsUnknown        Assertion = "unknown_after_grant"
)

// Signals are what the browser sent.
type Signals struct {
	SecGPC bool `json:"sec_gpc"` // the header
	JSGPC  bool `json:"js_gpc"`  // navigator.globalPrivacyControl
	DNT    bool `json:"dnt"`
}

// State says of each name whether it is granted or denied.
type State struct {
	Granted []string `json:"granted"`
	Denied  []string `json:"denied"`
}

// NoticeRef names an archived notice.
type NoticeRef struct {
	ID       string `json:"id"`            // 8 hex digits, as in the choice: the first of Material
	Shown    Hash   `json:"shown_hash"`    // of everything that was on the screen
	Material Hash   `json:"material_hash"` // of what the answer is about
}

// Emitted holds the strings that other systems were told in the same moment.
type Emitted struct {
	GCM string `json:"gcm,omitempty"` // Google consent mode, as "G100"
	GPP string `json:"gpp,omitempty"`
	TCF string `json:"tcf,omitempty"`
}

// CategoryState returns the state of all four categories, of which those in granted are.
func CategoryState(granted consent.Categories) State {
	return State{Granted: names(granted & consent.All), Denied: names(consent.All &^ granted)}
}

// ReasonCodes returns the codes that a record may keep: all but those that tell an age.
func ReasonCodes(reasons consent.Reasons) []string {
	return (reasons &^ agedReasons).Names()
}

// agedReasons would say that a visitor is a minor; an age is never stored.
const agedReasons = consent.Minor | consent.ParentAllowed

func names(c consent.Categories) []string {
	if c == 0 {
		return []string{}
	}
	return strings.Split(c.String(), ",")
}

// categories returns the categories of a state that CategoryState made.
func (s State) categories() (granted consent.Categories, err error) {
	if len(s.Granted) > 0 {
		if granted, err = consent.ParseCategories(strings.Join(s.Granted, ",")); err != nil {
			return 0, err
		}
	}
	want := CategoryState(granted)
	if !slices.Equal(s.Granted, want.Granted) || !slices.Equal(s.Denied, want.Denied) {
		return 0, fmt.Errorf("want each of %s once, in this order, granted or denied", consent.All)
	}
	return granted, nil
}

// Granted returns the categories that are granted after r, which must be valid.
func (r *Record) Granted() consent.Categories {
	granted, _ := r.Categories.categories() // Validate has read them
	return granted
}

// grants reports whether r is a grant, whose id the visitor keeps: a yes, in whole or in part, or what a partial
// withdrawal has left of one.
func (r *Record) grants() bool {
	answered := slices.Contains([]Event{Accepted, Chosen, Withdrawn, Migrated}, r.Event)
	return answered && !r.OptOut && len(r.Categories.Granted) > 1 // the first is essential
}

// LogValue keeps ids, times and places out of logs.
func (r *Record) LogValue() slog.Value {
	return slog.GroupValue(slog.String("site", r.Site), slog.String("event", string(r.Event)))
}

// Encode returns the canonical bytes of r, which Decode reads back, or what Validate says.
func (r *Record) Encode() ([]byte, error) {
	if err := r.Validate(); err != nil {
		return nil, err
	}
	text, err := canonical(r)
	if err != nil {
		return nil, fmt.Errorf("encode record: %w", err)
	}
	if len(text) > MaxBytes {
		return nil, fmt.Errorf("record has %d bytes, at most %d are allowed", len(text), MaxBytes)
	}
	return text, nil
}

// Decode reads a record. It takes canonical bytes of a valid record and nothing else; ErrTooNew is among its errors.
func Decode(text []byte) (*Record, error) {
	r := new(Record)
	if err := readCanonical(text, MaxBytes, r); err != nil {
		return nil, fmt.Errorf("decode record: %w", err)
	}
	if err := r.Validate(); err != nil {
		return nil, err
	}
	return r, nil
}

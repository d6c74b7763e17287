package record

import (
	"errors"
	"fmt"
	"net/url"
	"slices"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"heed/consent"
)

// Limits of a record. Lengths are in bytes.
const (
	maxNameBytes    = 64 // ids, names and versions
	maxPlaceBytes   = 128
	maxOriginBytes  = 280
	maxEmittedBytes = 4 << 10
	maxServices     = 200
	maxDwell        = 24 * time.Hour
)

// MaxChoiceLife is how long a choice may last. The longest row is a year.
const MaxChoiceLife = 400 * 24 * time.Hour

var (
	events = []Event{Shown, Accepted, Rejected, Chosen, Withdrawn, GPC, DNT, Expired, Reprompt, Migrated}
	// choices are the events that say what a visitor wants; they end by themselves one day and answer a notice.
	choices    = []Event{Accepted, Rejected, Chosen, Withdrawn, Migrated}
	methods    = []Method{ByButton, ByClose, ByAPI, BySignal, ByImport, ByItself}
	walls      = []Wall{WallOff, WallTag, WallSealed, WallHeader}
	sources    = []PlaceSource{FromAddress, FromHeader, FromOwner, NotKnown}
	assertions = []Assertion{AssertsAnonymousCount, AssertsPlace, AssertsChildren, AssertsExemption, AssertsUnknown}
)

// Validate says everything that is wrong with r, each with the name of the field and never with its value. The record's
// id is in no error but a Break: with a grant's, one visitor's rows can be found.
func (r *Record) Validate() error {
	var c checks
	c.that(r.Version == Version, "v", "want 1")
	c.that(r.ID.isUUIDv7(), "id", "want a UUIDv7")
	c.name(r.Site, "site")
	c.that(slices.Contains(events, r.Event), "event", "not one of those known")
	c.that(slices.Contains(methods, r.Method), "method", "not one of those known")
	c.text(r.Control, maxNameBytes, "control")
	c.that((r.Control != "") == (r.Method == ByButton), "control", "a button has one, nothing else does")
	c.that(slices.Contains(walls, r.Wall), "wall", "not one of those known")
	c.that(r.DwellMS >= 0 && r.DwellMS <= maxDwell.Milliseconds(), "dwell_ms", "want at most a day")
	c.text(r.Browser, maxNameBytes, "browser")
	c.text(r.Declaration, maxNameBytes, "declaration")
	c.text(r.Emitted.GCM, maxNameBytes, "emitted.gcm")
	c.text(r.Emitted.GPP, maxEmittedBytes, "emitted.gpp")
	c.text(r.Emitted.TCF, maxEmittedBytes, "emitted.tcf")
	c.that(r.Origin == "" || isOrigin(r.Origin), "origin", "want scheme and host alone")
	r.checkTimes(&c)
	r.checkRules(&c)
	r.checkAnswer(&c)
	r.checkNotice(&c)
	return c.err("record")
}

func (r *Record) checkTimes(c *checks) {
	c.that(r.TimeMS > 0 && r.TimeMS <= maxSafeInteger, "time_ms", "want Unix ms")
	c.that(r.ClientTimeMS >= 0 && r.ClientTimeMS <= maxSafeInteger, "client_time_ms", "want Unix ms or 0")
	switch life := r.ExpiresMS - r.TimeMS; {
	case slices.Contains(choices, r.Event):
		c.that(life > 0 && life <= MaxChoiceLife.Milliseconds(), "expires_ms", "want a time within 400 days of time_ms")
	default:
		c.that(r.ExpiresMS == 0, "expires_ms", "only a choice expires")
	}
}

func (r *Record) checkRules(c *checks) {
	c.that(r.Place.Country == "" || len(r.Place.Country) == 2 && isUpper(r.Place.Country), "place.country", "want two capitals")
	c.text(r.Place.Region, maxPlaceBytes, "place.region")
	c.that(slices.Contains(sources, r.Place.Source), "place.source", "not one of those known")
	c.that((r.Place.Country == "") == (r.Place.Source == NotKnown), "place.source", "unknown is a place without country, and only that")
	c.that(r.Place.Country != "" || r.Place.Region == "", "place.region", "a region needs its country")
	c.name(r.Jurisdiction, "jurisdiction")
	c.that(r.MatrixVersion > 0, "matrix_version", "missing")
	c.that(isSubsequence(r.Reasons, ReasonCodes(^consent.Reasons(0))), "reasons", "want known codes in their order, none that tells an age")
	c.that(isSubsequence(r.Assertions, assertions), "assertions", "want known ones in alphabetical order")
}

func (r *Record) checkAnswer(c *checks) {
	granted, err := r.Categories.categories()
	c.that(err == nil && granted.Has(consent.Essential), "categories", "want each once, in order, essential granted")
	switch r.Event {
	case Accepted:
		c.that(granted != consent.Essential, "categories", "who accepts allows more than the essential")
	case Rejected:
		c.that(granted == consent.Essential, "categories", "who rejects allows the essential alone")
	case Withdrawn:
		c.that(granted != consent.All || len(r.Services.Denied) > 0, "categories", "a withdrawal takes something away")
	}
	switch r.Event {
	case Withdrawn:
		c.that(r.Ends != ID{}, "ends", "a withdrawal names the record that it ends")
	case Shown, Reprompt, Rejected:
		c.that(r.Ends == ID{}, "ends", "this event ends nothing")
	}
	c.that(r.Ends == ID{} || r.Ends.isUUIDv7() && r.Ends != r.ID, "ends", "want another record's UUIDv7")
	c.list(r.Services.Granted, maxServices, "services.granted")
	c.list(r.Services.Denied, maxServices, "services.denied")
	for _, id := range r.Services.Granted {
		c.that(!slices.Contains(r.Services.Denied, id), "services", "one is both granted and denied")
	}
}

func (r *Record) checkNotice(c *checks) {
	if r.Notice == (NoticeRef{}) {
		asked := slices.Contains(choices, r.Event) && r.Event != Migrated || r.Event == Shown || r.Event == Reprompt
		c.that(!asked, "notice", "this event is about one")
		return
	}
	c.that(r.Notice.ID == r.Notice.Material.String()[:noticeIDDigits], "notice.id", "not that of material_hash")
}

// checks collects what is wrong.
type checks struct{ found []error }

func (c *checks) that(ok bool, field, want string) {
	if !ok {
		c.found = append(c.found, fmt.Errorf("%s: %s", field, want))
	}
}

// name checks a text that must be there and has neither spaces nor slashes, so that it can stand in lines and paths.
func (c *checks) name(text, field string) {
	c.text(text, maxNameBytes, field)
	c.that(text != "" && !strings.ContainsFunc(text, func(r rune) bool { return r == '/' || r == '+' || unicode.IsSpace(r) }),
		field, "want a name without spaces, slashes and plus signs")
}

func (c *checks) text(text string, maxBytes int, field string) {
	c.that(len(text) <= maxBytes, field, fmt.Sprintf("want at most %d bytes", maxBytes))
	c.that(utf8.ValidString(text) && !strings.ContainsFunc(text, unicode.IsControl), field, "want UTF-8 without control characters")
}

// list checks names that stand sorted, each once. The list itself must be there, if only empty.
func (c *checks) list(list []string, maxEntries int, field string) {
	c.that(list != nil && len(list) <= maxEntries, field, fmt.Sprintf("want a list of at most %d", maxEntries))
	for i, name := range list {
		c.name(name, field)
		c.that(i == 0 || list[i-1] < name, field, "want them sorted, each once")
	}
}

// prose checks a text for people, which may have lines.
func (c *checks) prose(text string, maxBytes int, field string) {
	c.that(len(text) <= maxBytes, field, fmt.Sprintf("want at most %d bytes", maxBytes))
	c.that(utf8.ValidString(text) && !strings.ContainsFunc(text, isForeignControl), field, "want UTF-8 without control characters")
}

func isForeignControl(r rune) bool { return unicode.IsControl(r) && r != '\n' && r != '\t' }

// label checks a name that people read; it must be there.
func (c *checks) label(text, field string) {
	c.text(text, maxPlaceBytes, field)
	c.that(text != "", field, "missing")
}

func (c *checks) country(text, field string) {
	c.that(len(text) == 2 && isUpper(text), field, "want two capitals")
}

func (c *checks) category(text, field string) {
	_, err := consent.ParseCategories(text)
	c.that(err == nil && !strings.Contains(text, ","), field, "not one of "+consent.All.String())
}

func (c *checks) days(days int, field string) {
	c.that(days >= 0 && days <= maxDays, field, fmt.Sprintf("want 0 to %d days", maxDays))
}

func (c *checks) err(what string) error {
	if len(c.found) == 0 {
		return nil
	}
	return fmt.Errorf("invalid %s: %w", what, errors.Join(c.found...))
}

func isUpper(text string) bool {
	return !strings.ContainsFunc(text, func(r rune) bool { return r < 'A' || r > 'Z' })
}

// isOrigin reports whether text is what a browser gives as an origin.
func isOrigin(text string) bool {
	u, err := url.Parse(text)
	return err == nil && len(text) <= maxOriginBytes && u.Host != "" && (u.Scheme == "https" || u.Scheme == "http") &&
		text == u.Scheme+"://"+u.Host
}

// isSubsequence reports whether list holds entries of known in their order, each at most once.
func isSubsequence[T comparable](list, known []T) bool {
	for _, entry := range list {
		i := slices.Index(known, entry)
		if i < 0 {
			return false
		}
		known = known[i+1:]
	}
	return true
}

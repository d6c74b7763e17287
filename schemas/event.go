package schemas

//go:generate go run ./generate

import "time"

// EventVersion is the version of the wire format that this file describes.
const EventVersion = 1

// Limits of the wire format. The collector answers beyond them with the error code named here.
const (
	MaxBatchBytes   = 64 << 10       // too_large: what one beacon can carry
	MaxBatchEvents  = 50             // too_many_events
	MaxEventBytes   = 8 << 10        // event_too_large: one event's JSON
	MaxDepth        = 6              // too_deep: nested objects and arrays of a batch
	MaxAge          = 24 * time.Hour // too_old: between creation and receipt
	MaxPropCount    = 16             // field_too_long
	MaxAnonymousIDs = 20             // field_too_long
	MaxServices     = 200            // malformed: services of a consent event
	MaxHeld         = 50             // malformed: what was held back on one page
	MaxNames        = 100            // malformed: names seen in one browser
)

// Kind says what an event reports.
type Kind string

// The kinds of events.
const (
	Page       Kind = "page"       // a page was viewed, or a route of a single-page application
	Engagement Kind = "engagement" // the engaged time of a page view so far
	Custom     Kind = "custom"     // the site owner's own event
	Form       Kind = "form"       // a form was sent; its values are never part of it
)

// Age is the band of a visitor's age, where the site knows it. All of them are minors.
type Age string

// The bands.
const (
	AgeUnder13 Age = "u13"   // under 13
	AgeFrom13  Age = "13-15" // 13 to 15
	AgeFrom16  Age = "16-17" // 16 or 17
)

// ConsentKind says what a consent event reports.
type ConsentKind string

// The kinds of consent events.
const (
	ConsentShown    ConsentKind = "shown"    // a notice was put on the screen
	ConsentAccept   ConsentKind = "accept"   // all that was asked for was allowed
	ConsentReject   ConsentKind = "reject"   // nothing but the essential was allowed
	ConsentCustom   ConsentKind = "custom"   // some was allowed, or an opt-out was made
	ConsentWithdraw ConsentKind = "withdraw" // an earlier grant was taken back, in whole or in part
	ConsentGPC      ConsentKind = "gpc"      // Global Privacy Control took something away
	ConsentDNT      ConsentKind = "dnt"      // Do Not Track took something away
	ConsentExpire   ConsentKind = "expire"   // a choice came to the end of its time
	ConsentReprompt ConsentKind = "reprompt" // a notice was shown again, since what is asked for has changed
)

// ConsentMethod says by what means a consent event happened.
type ConsentMethod string

// The methods.
const (
	ByButton ConsentMethod = "button" // a control of the notice
	ByClose  ConsentMethod = "close"  // the notice was closed
	ByAPI    ConsentMethod = "api"    // the page's own script said so
	BySignal ConsentMethod = "signal" // the browser's signal
	ByItself ConsentMethod = "itself" // no one did anything: a notice appeared, a time ran out
)

// Wall is the strength of what holds requests back that are not allowed.
type Wall string

// The strengths.
const (
	WallOff    Wall = "off"    // nothing is held back
	WallTag    Wall = "tag"    // by an inline script
	WallSealed Wall = "sealed" // by an inline script and a static policy
	WallHeader Wall = "header" // by the page's own answer
)

// HeldKind says what kind of request was held back: the directive of the policy that did it, without "-src".
type HeldKind string

// The kinds.
const (
	HeldScript  HeldKind = "script"
	HeldImage   HeldKind = "img"
	HeldConnect HeldKind = "connect" // fetch, XMLHttpRequest, beacon, EventSource, WebSocket
	HeldFrame   HeldKind = "frame"
	HeldStyle   HeldKind = "style"
	HeldFont    HeldKind = "font"
	HeldMedia   HeldKind = "media"
	HeldWorker  HeldKind = "worker"
	HeldObject  HeldKind = "object"
	HeldOther   HeldKind = "other"
)

// HeldSelf stands in the place of a host: a URL of the site itself that redirects elsewhere.
const HeldSelf = "self"

// NamePlace says where a name is.
type NamePlace string

// The places.
const (
	PlaceCookie  NamePlace = "cookie"
	PlaceLocal   NamePlace = "local"   // localStorage
	PlaceSession NamePlace = "session" // sessionStorage
	PlaceIDB     NamePlace = "idb"     // IndexedDB: the name of a database
	PlaceCache   NamePlace = "cache"   // Cache Storage: the name of a cache
)

// The tags below are what the JSON Schema and the TypeScript types are generated from. limit speaks JSON Schema: lengths
// count characters, and a pattern, always last, is that of a text or of each entry of a list. A field without omitempty
// is required, and required names the kind that requires it: then neither "" nor 0 will do. No text, key or entry holds a
// control character.

// Batch is the body of a POST to the batch endpoint.
//
// Within a version fields are only added; a collector skips fields that it does not know.
type Batch struct {
	// Version of this format: 1.
	Version int `json:"v" limit:"minimum=1,maximum=1"`
	// Sent is when the batch left the browser, in ms since the Unix epoch by the browser's clock.
	Sent int64 `json:"sent" limit:"minimum=1,maximum=9007199254740991"`
	// Choice is the visitor's choice as the consent cookie has it; absent before a choice.
	Choice string `json:"choice,omitempty" limit:"maxLength=160"`
	// Visitor is the browser's random 128-bit id in hex; only with a performance grant.
	Visitor string `json:"visitor,omitempty" limit:"pattern=^[0-9a-f]{32}$"`
	// GPC is navigator.globalPrivacyControl.
	GPC bool `json:"gpc,omitempty"`
	// DNT is navigator.doNotTrack === "1".
	DNT bool `json:"dnt,omitempty"`
	// Webdriver is navigator.webdriver: a program drives the browser.
	Webdriver bool `json:"webdriver,omitempty"`
	// Retried is true when any of the events may have been sent before.
	Retried bool `json:"retried,omitempty"`
	// Age is the visitor's, where the site has said so. It decides and is kept nowhere.
	Age Age `json:"age,omitempty"`
	// Consent is the consent event that this batch reports. It comes before the batch's events; the choice that it led to,
	// if any, is Choice, unsealed.
	Consent *ConsentEvent `json:"consent,omitempty"`
	// Held is what the wall held back on this page, each host and kind once. It needs no choice: it says nothing of the visitor.
	Held []Held `json:"held,omitempty" limit:"maxItems=50"`
	// Names are those of cookies and storage keys in this browser. Without a performance grant nobody reads them here, and
	// none is kept there.
	Names []Name `json:"names,omitempty" limit:"maxItems=100"`
	// Events, oldest first. May be empty when only the choice, or what was held back, is reported.
	Events []Event `json:"events" limit:"maxItems=50"`
}

// Held is one host that the wall kept a page from speaking to. What is no host name is not counted; of one only the
// registrable domain and one label more are kept.
type Held struct {
	// Host without scheme and port, or "self" for what redirects elsewhere.
	Host string `json:"host" limit:"maxLength=253"`
	// Kind of the request.
	Kind HeldKind `json:"kind"`
}

// Name is that of a cookie or storage key. Digit, hex and UUID runs in it are replaced by #, here and again by the collector.
type Name struct {
	// Name with its runs replaced.
	Name string `json:"name" limit:"maxLength=128"`
	// Place where it is.
	Place NamePlace `json:"place"`
	// Days that a cookie was told to live when it was written; absent where nobody saw that, or it ends with the session.
	Days int64 `json:"days,omitempty" limit:"minimum=0,maximum=36500"`
	// HTTP says that an answer of the server has set it, as far as that can be told.
	HTTP bool `json:"http,omitempty"`
}

// Event is one event as the browser reports it.
type Event struct {
	// ID is a UUIDv7 made in the browser; the identity for every later deduplication.
	ID string `json:"id" limit:"pattern=^[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$"`
	// Kind of the event.
	Kind Kind `json:"kind"`
	// Created is when it happened, in ms since the Unix epoch by the browser's clock.
	Created int64 `json:"created" limit:"minimum=1,maximum=9007199254740991"`
	// URL of the page, absolute, http or https. Of its query only the campaign parameters are kept.
	URL string `json:"url" limit:"maxLength=4096"`
	// Referrer of the page; only its host is kept. For page views.
	Referrer string `json:"referrer,omitempty" limit:"maxLength=4096"`
	// View is the id of the page view that the event belongs to. Required for engagement.
	View string `json:"view,omitempty" limit:"pattern=^[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$" required:"engagement"`
	// Engaged is the total engaged time of the view so far in ms. Required for engagement.
	Engaged int64 `json:"engaged,omitempty" limit:"minimum=0,maximum=86400000" required:"engagement"`
	// Name of the owner's own event. Required for custom.
	Name string `json:"name,omitempty" limit:"maxLength=64" required:"custom"`
	// Form is the form's id, else its name, else its place in the page. Required for form.
	Form string `json:"form,omitempty" limit:"maxLength=128" required:"form"`
	// Props of the owner's own event: keys up to 64 and values up to 256 characters.
	Props map[string]string `json:"props,omitempty" limit:"maxProperties=16,maxKeyLength=64,maxValueLength=256"`
	// Anonymous lists the ids that this page load had sent anonymously before the grant.
	Anonymous []string `json:"anonymous,omitempty" limit:"maxItems=20,pattern=^[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$"`
}

// ConsentEvent is what happened between a visitor and a notice: the browser's part of a consent record. A wrong one refuses
// the whole batch.
type ConsentEvent struct {
	// ID is a UUIDv7 made in the browser. That of a grant becomes the record in the sealed choice; any other is fresh and
	// kept nowhere.
	ID string `json:"id" limit:"pattern=^[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$"`
	// Event is what happened.
	Event ConsentKind `json:"event"`
	// Method is by what means it happened.
	Method ConsentMethod `json:"method"`
	// Control is the id of the button. Required with the method button, refused with any other.
	Control string `json:"control,omitempty" limit:"maxLength=64"`
	// Created is when it happened, in ms since the Unix epoch by the browser's clock.
	Created int64 `json:"created" limit:"minimum=1,maximum=9007199254740991"`
	// Dwell is for how long the notice's first layer had been visible, in ms.
	Dwell int64 `json:"dwell,omitempty" limit:"minimum=0,maximum=86400000"`
	// Shown is shown_hash of the notice that was on the screen. Required but for gpc, dnt and expire, and by api.
	Shown string `json:"shown,omitempty" limit:"pattern=^[0-9a-f]{64}$"`
	// Ends is the sealed choice that this one replaces. It is believed only where its seal is right.
	Ends string `json:"ends,omitempty" limit:"maxLength=160"`
	// Services are the ids of those granted. Absent: all whose category is granted.
	Services []string `json:"services,omitempty" limit:"maxItems=200,maxEntryLength=64"`
	// Wall is what held back the rest at that moment; absent means off.
	Wall Wall `json:"wall,omitempty"`
}

// Source is an event's position in the log that it was loaded from. With the event's id it identifies a row.
type Source struct {
	Origin    string // the log's id: 32 hex digits, or a configured topic generation
	Partition uint32 // the log's segment, or Kafka's partition
	Offset    uint64 // the record within the segment, or Kafka's offset
	Event     uint32 // the event within the record
}

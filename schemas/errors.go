package schemas

// Code names an error for a program. The set is closed: clients may switch on it.
type Code string

// The codes. Status is what the whole answer has when the code ends it; codes without one reject a single event
// inside a 202.
const (
	Malformed          Code = "malformed"           // 400: not JSON, not UTF-8, cut short, or a field of the batch itself is wrong
	UnsupportedVersion Code = "unsupported_version" // 400: v is not 1
	TooDeep            Code = "too_deep"            // 400: nested deeper than MaxDepth
	TooManyEvents      Code = "too_many_events"     // 400: more than MaxBatchEvents
	UnknownNotice      Code = "unknown_notice"      // 400: consent.shown names no notice of this site; load the site's script anew
	Unauthorized       Code = "unauthorized"        // 401: the API's token is missing or wrong
	ForeignOrigin      Code = "foreign_origin"      // 403, or one event: not an origin of this site
	UnknownSite        Code = "unknown_site"        // 404: no site has this key
	NotFound           Code = "not_found"           // 404: nothing is served here
	MethodNotAllowed   Code = "method_not_allowed"  // 405
	Timeout            Code = "timeout"             // 408: the body did not arrive in time
	TooLarge           Code = "too_large"           // 413: the body is longer than MaxBatchBytes
	UnsupportedMedia   Code = "unsupported_media"   // 415: content type or encoding
	RateLimited        Code = "rate_limited"        // 429 with Retry-After
	HeadersTooLarge    Code = "headers_too_large"   // 431
	Internal           Code = "internal"            // 500: our fault; the log has the details
	Unavailable        Code = "unavailable"         // 503 with Retry-After: could not be made durable, or no answer now
	InvalidParameter   Code = "invalid_parameter"   // 400 of the API

	MissingField  Code = "missing_field"   // one event: a required field is absent or empty
	InvalidField  Code = "invalid_field"   // one event: wrong type, form or range
	FieldTooLong  Code = "field_too_long"  // one event: longer, or more entries, than allowed
	EventTooLarge Code = "event_too_large" // one event: longer than MaxEventBytes
	TooOld        Code = "too_old"         // one event: created more than MaxAge before receipt
	NoConsent     Code = "no_consent"      // one event: the visitor did not allow it
)

// Error is what every interface of Heed answers with when it cannot do what was asked.
type Error struct {
	Code    Code   `json:"code"`
	Field   string `json:"field,omitempty"` // dotted path of the culprit, as in events[2].url
	Message string `json:"message"`         // for a person: what, where and what to do; never echoes personal data
}

// Error implements error.
func (e *Error) Error() string {
	if e.Field == "" {
		return string(e.Code) + ": " + e.Message
	}
	return string(e.Code) + ": " + e.Field + ": " + e.Message
}

// Rejection says which event of a batch was rejected and why.
type Rejection struct {
	Index int    `json:"index"`        // position in the batch, from 0
	ID    string `json:"id,omitempty"` // as sent, when it was a well-formed id
	Error
}

// Answer is the body of a 202 when there is something to say: events were rejected, or a choice was sealed.
type Answer struct {
	Accepted int         `json:"accepted"` // how many events of the batch are now durable
	Rejected []Rejection `json:"rejected,omitempty"`
	Choice   string      `json:"choice,omitempty"` // the sealed choice, to be kept in place of the one that was sent
}

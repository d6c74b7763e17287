package collector

import (
	"errors"
	"fmt"
	"net"

	"github.com/valyala/fasthttp"

	"heed/collector/guard"
	"heed/pipeline/wal"
	"heed/schemas"
)

// How long a client waits before it tries again. A full log empties only as fast as the store takes rows.
const (
	retrySoonSeconds = "5"
	retryFullSeconds = "60"
)

// What ends a whole request. Messages say what, where and what to do, and repeat nothing of the request.
var (
	errNotFound = &schemas.Error{Code: schemas.NotFound,
		Message: "nothing is served at this path; the paths are <prefix>/<site key>/urgent, ordinary, view.gif and the site's scripts"}
	errUnknownSite = &schemas.Error{Code: schemas.UnknownSite,
		Message: "no site has the key in this path; compare it with the tag that `heed tag` prints"}
	errForeignOrigin = &schemas.Error{Code: schemas.ForeignOrigin,
		Message: "the page's origin is not one of this site's; add it to the site's origins in the configuration"}
	errOnlyPost = &schemas.Error{Code: schemas.MethodNotAllowed,
		Message: "batches are sent with POST"}
	errOnlyGet = &schemas.Error{Code: schemas.MethodNotAllowed,
		Message: "images and scripts are fetched with GET"}
	errMediaType = &schemas.Error{Code: schemas.UnsupportedMedia, Field: "Content-Type",
		Message: "a batch is JSON sent as text/plain or application/json; set Content-Type"}
	errMediaCoding = &schemas.Error{Code: schemas.UnsupportedMedia, Field: "Content-Encoding",
		Message: "a body is compressed as gzip, deflate, br or zstd, once, or not at all"}
	errTooLarge = &schemas.Error{Code: schemas.TooLarge,
		Message: fmt.Sprintf("the body is longer than %d bytes; send fewer events in one batch", schemas.MaxBatchBytes)}
	errHeaders = &schemas.Error{Code: schemas.HeadersTooLarge,
		Message: "request line and headers are too long together; send fewer or shorter cookies, or a shorter URL"}
	errTimeout = &schemas.Error{Code: schemas.Timeout,
		Message: "the request did not arrive in time; send it again"}
	errMalformedRequest = &schemas.Error{Code: schemas.Malformed,
		Message: "the request is not complete HTTP/1.1, or its body was cut short; nothing of it was kept, send it again"}
	errNotUTF8 = &schemas.Error{Code: schemas.Malformed,
		Message: "the body is not UTF-8; encode it as UTF-8"}
	errNotJSON = &schemas.Error{Code: schemas.Malformed,
		Message: "the body is not one JSON object, or was cut short; send a batch as README.md describes it"}
	errTooDeep = &schemas.Error{Code: schemas.TooDeep,
		Message: fmt.Sprintf("objects and lists are nested deeper than %d; flatten them", schemas.MaxDepth)}
	errVersion = &schemas.Error{Code: schemas.UnsupportedVersion, Field: "v",
		Message: fmt.Sprintf("this collector reads version %d; send that, or update the collector", schemas.EventVersion)}
	errUnknownNotice = &schemas.Error{Code: schemas.UnknownNotice, Field: "consent.shown",
		Message: "no notice that is in force on this site has this hash; load the site's script anew and ask again"}
	errTooManyEvents = &schemas.Error{Code: schemas.TooManyEvents, Field: "events",
		Message: fmt.Sprintf("there are more than %d events; send fewer in one batch", schemas.MaxBatchEvents)}
	errNoPage = &schemas.Error{Code: schemas.MissingField, Field: "u",
		Message: "neither the parameter u nor a Referer names the page; add ?u=<the page's URL>"}
	errPageURL = &schemas.Error{Code: schemas.InvalidField, Field: "url",
		Message: "the page's URL is not an absolute http or https URL of at most 4096 characters without user name"}
	errForeignPage = &schemas.Error{Code: schemas.ForeignOrigin, Field: "url",
		Message: "the page's host is not one of this site's; add its origin to the site's origins in the configuration"}
	errTooOld = &schemas.Error{Code: schemas.TooOld, Field: "created",
		Message: fmt.Sprintf("the event is older than %v; it can no longer be counted", schemas.MaxAge)}
	errNoConsent = &schemas.Error{Code: schemas.NoConsent,
		Message: "the visitor has not allowed this; ask for consent, and send it again only after a grant"}
	errFull = &schemas.Error{Code: schemas.Unavailable,
		Message: "there is no room to keep the events; send them again after Retry-After seconds"}
	errUnavailable = &schemas.Error{Code: schemas.Unavailable,
		Message: "the events could not be made durable; send them again after Retry-After seconds"}
	errBusy = &schemas.Error{Code: schemas.Unavailable,
		Message: "too many connections are open; try again after Retry-After seconds"}
	errShed = &schemas.Error{Code: schemas.Unavailable,
		Message: "there is more than the log can take; send ordinary batches again after Retry-After seconds"}
	errShedEvent = &schemas.Error{Code: schemas.Unavailable, Field: "kind",
		Message: "there is more than the log can take; send this kind of event in an ordinary batch, later"}
	errBodyBudget = &schemas.Error{Code: schemas.Unavailable,
		Message: "too many requests are on their way; send the same again after Retry-After seconds"}
	errRateLimited = &schemas.Error{Code: schemas.RateLimited,
		Message: "more events came than this site, or this network, may send; send the same batch again after Retry-After seconds"}
	errCompressed = &schemas.Error{Code: schemas.Malformed, Field: "Content-Encoding",
		Message: "the body is not what Content-Encoding says, or was cut short; nothing of it was kept"}
	errInternal = &schemas.Error{Code: schemas.Internal,
		Message: "the collector made a mistake; nothing of the request was kept, the operator's log has the details"}
)

// status is the only place where a code becomes a status.
func status(code schemas.Code) int {
	switch code {
	case schemas.Malformed, schemas.UnsupportedVersion, schemas.TooDeep, schemas.TooManyEvents, schemas.UnknownNotice:
		return fasthttp.StatusBadRequest
	case schemas.ForeignOrigin:
		return fasthttp.StatusForbidden
	case schemas.UnknownSite, schemas.NotFound:
		return fasthttp.StatusNotFound
	case schemas.MethodNotAllowed:
		return fasthttp.StatusMethodNotAllowed
	case schemas.Timeout:
		return fasthttp.StatusRequestTimeout
	case schemas.TooLarge:
		return fasthttp.StatusRequestEntityTooLarge
	case schemas.UnsupportedMedia:
		return fasthttp.StatusUnsupportedMediaType
	case schemas.HeadersTooLarge:
		return fasthttp.StatusRequestHeaderFieldsTooLarge
	case schemas.RateLimited:
		return fasthttp.StatusTooManyRequests
	case schemas.Unavailable:
		return fasthttp.StatusServiceUnavailable
	}
	return fasthttp.StatusInternalServerError
}

// readingError says what went wrong before a request was complete.
func readingError(err error) *schemas.Error {
	var timeout net.Error
	var small *fasthttp.ErrSmallBuffer
	var fault *guard.Fault
	switch {
	case errors.As(err, &fault) && fault.TooLarge:
		return errHeaders
	case errors.As(err, &fault):
		return &schemas.Error{Code: schemas.Malformed, Message: fault.Error()}
	case errors.Is(err, errBodies):
		return errBodyBudget
	case errors.Is(err, fasthttp.ErrBodyTooLarge):
		return errTooLarge
	case errors.As(err, &small):
		return errHeaders
	case errors.As(err, &timeout) && timeout.Timeout():
		return errTimeout
	}
	return errMalformedRequest
}

// logError says why the log did not take a batch.
func logError(err error) *schemas.Error {
	if errors.Is(err, wal.ErrFull) {
		return errFull
	}
	return errUnavailable
}

// retryAfter says for how many seconds a client waits after a refusal that passes.
func retryAfter(err *schemas.Error) string {
	if err == errFull {
		return retryFullSeconds
	}
	return retrySoonSeconds
}

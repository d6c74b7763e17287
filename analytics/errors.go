package analytics

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"net"
	"net/http"
	"slices"
	"strconv"

	"github.com/ClickHouse/clickhouse-go/v2"

	"heed/schemas"
)

// retryAfter is what a 503 asks for, in seconds: a question is worth asking again soon, not at once.
const retryAfter = 2

// statuses maps the codes that the API answers with. Any other is a mistake of ours.
var statuses = map[schemas.Code]int{
	schemas.InvalidParameter: http.StatusBadRequest,
	schemas.UnknownSite:      http.StatusNotFound,
	schemas.NotFound:         http.StatusNotFound,
	schemas.MethodNotAllowed: http.StatusMethodNotAllowed,
	schemas.Internal:         http.StatusInternalServerError,
	schemas.Unavailable:      http.StatusServiceUnavailable,
}

// The engine's own codes that say "not now" or "not this much", where our query is not to blame.
var busyCodes = []int32{
	159, // TIMEOUT_EXCEEDED
	160, // TOO_SLOW
	202, // TOO_MANY_SIMULTANEOUS_QUERIES
	209, // SOCKET_TIMEOUT
	210, // NETWORK_ERROR
	241, // MEMORY_LIMIT_EXCEEDED
	242, // TABLE_IS_READ_ONLY
	394, // QUERY_WAS_CANCELLED
}

// describe turns any error into what the outside may see: an error without a code becomes internal, or unavailable
// when the store could not be asked.
func describe(err error) *schemas.Error {
	if coded := (*schemas.Error)(nil); errors.As(err, &coded) {
		return coded
	}
	if unavailable(err) {
		return &schemas.Error{
			Code:    schemas.Unavailable,
			Message: "no answer now: the store is busy or out of reach; try again, or ask for a shorter range",
		}
	}
	return &schemas.Error{Code: schemas.Internal, Message: "the question could not be answered; the log has the details"}
}

// unavailable reports whether asking again may help.
func unavailable(err error) bool {
	var engine *clickhouse.Exception
	if errors.As(err, &engine) {
		return slices.Contains(busyCodes, engine.Code)
	}
	var network net.Error
	return errors.As(err, &network) || errors.Is(err, context.DeadlineExceeded) || errors.Is(err, io.ErrUnexpectedEOF) ||
		errors.Is(err, clickhouse.ErrAcquireConnTimeout) || errors.Is(err, clickhouse.ErrConnectionClosed)
}

// fail answers with an error, and logs the ones that somebody here should know of.
func (a *Analytics) fail(w http.ResponseWriter, r *http.Request, err error) {
	answer := describe(err)
	status, known := statuses[answer.Code]
	if !known {
		status = http.StatusInternalServerError
	}
	switch {
	case status == http.StatusServiceUnavailable:
		w.Header().Set("Retry-After", strconv.Itoa(retryAfter))
		if r.Context().Err() == nil { // whoever hung up made the question fail, not the store
			a.log.Warn("question not answered", "err", err)
		}
	case status == http.StatusInternalServerError:
		a.log.Error("question failed", "err", err)
	}
	write(w, status, answer)
}

// write answers with a document.
func write(w http.ResponseWriter, status int, document any) {
	body, err := json.Marshal(document)
	if err != nil {
		status, body = http.StatusInternalServerError, []byte(`{"code":"internal","message":"the answer has no JSON"}`)
	}
	header := w.Header()
	header.Set("Content-Type", "application/json")
	header.Set("Content-Length", strconv.Itoa(len(body)+1))
	header.Set("Cache-Control", "no-store")
	header.Set("X-Content-Type-Options", "nosniff")
	w.WriteHeader(status)
	_, _ = w.Write(append(body, '\n')) // who hung up needs no answer
}

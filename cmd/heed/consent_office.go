package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"time"

	"heed/schemas"
)

// consentPath is where heed serve takes questions about consent records, on its socket alone.
const consentPath = "/consent"

// maxConsentQuestionBytes bounds such a question, whose largest part are signed roots: two hundred thousand, of a kilobyte each.
const maxConsentQuestionBytes = 256 << 20

// serveConsent answers questions about consent records, as they are read.
func (s *server) serveConsent() http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		q, ok := decodeConsentQuestion(w, r, maxConsentQuestionBytes)
		if !ok {
			return
		}
		if !s.storage.isReady() {
			writeError(w, http.StatusServiceUnavailable, schemas.Unavailable, "ClickHouse has not answered yet; ask again in a moment")
			return
		}
		office, err := s.cfg.consentOffice(s.p, s.storage.store, s.edge.install, s.records.notary)
		if err != nil {
			writeError(w, http.StatusInternalServerError, schemas.Internal, err.Error()) // to this machine's owner
			return
		}
		_ = http.NewResponseController(w).SetWriteDeadline(time.Time{}) // a chain takes as long as it takes
		w.Header().Set("Trailer", errorTrailer)
		w.Header().Set("Content-Type", "text/plain; charset=utf-8")
		if err := q.answer(r.Context(), office, w); err != nil {
			w.Header().Set(errorTrailer, err.Error())
		}
	}
}

// decodeConsentQuestion reads a question of at most so many bytes; where it cannot, it has answered.
func decodeConsentQuestion(w http.ResponseWriter, r *http.Request, most int64) (q consentQuestion, ok bool) {
	err := json.NewDecoder(http.MaxBytesReader(w, r.Body, most)).Decode(&q)
	if tooLarge := new(http.MaxBytesError); errors.As(err, &tooLarge) {
		writeError(w, http.StatusRequestEntityTooLarge, schemas.TooLarge, fmt.Sprintf("the signed roots given by --roots are more than the %d MiB "+
			"that a running heed takes; verify site by site, by --site, which sends those of the site alone", most>>20))
		return q, false
	}
	if err != nil {
		writeError(w, http.StatusBadRequest, schemas.Malformed, "this is no question about consent records")
		return q, false
	}
	return q, true
}

// withConsentStore opens the store as it is, and lets go of it after use: what audits changes no table.
func withConsentStore(ctx context.Context, p *program, cfg *Config, use func(*consentOffice) error) (err error) {
	if cfg.ClickHouse.DSN == "" {
		unlock, err := lockExisting(cfg)
		if err != nil {
			return err
		}
		defer unlock()
	}
	store, err := openStore(ctx, cfg, cfg.logger(p.stderr))
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, store.Close(context.WithoutCancel(ctx))) }()
	if err := awaitSchema(ctx, store); err != nil {
		return err
	}
	secret, err := cfg.knownSecret()
	if err != nil {
		return err
	}
	notary, err := cfg.notary(p, store, secret, cfg.logger(p.stderr))
	if err != nil {
		return err
	}
	office, err := cfg.consentOffice(p, store, secret, notary)
	if err != nil {
		return err
	}
	return use(office)
}

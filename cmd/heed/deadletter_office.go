package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"

	"heed/pipeline/kafka"
	"heed/pipeline/load"
	"heed/schemas"
)

// lettersPath is where heed serve takes questions about dead letters, on its socket alone.
const lettersPath = "/deadletters"

// maxQuestionBytes bounds such a question.
const maxQuestionBytes = 64 << 10

// lettersOfTopic answers from Kafka's topic of dead letters. Only a replay needs ClickHouse.
func lettersOfTopic(ctx context.Context, p *program, cfg *Config, q letterQuestion) error {
	return withTopic(ctx, p, cfg, func(topic *kafka.Topic) error {
		letters := load.NewDeadLetters(topic.DeadLetters(), cfg.logger(p.stderr), p.now)
		if q.Verb != letterReplay {
			return q.answer(ctx, letterOffice{letters, nil, p.now}, p.stdout)
		}
		if bad := cfg.needsServer("heed deadletter replay"); len(bad) > 0 {
			return bad
		}
		return withStore(ctx, p, cfg, func(s ownStore) error {
			return q.answer(ctx, letterOffice{letters, s.Store, p.now}, p.stdout)
		})
	})
}

// withTopic opens the topic and lets go of it after use.
func withTopic(ctx context.Context, p *program, cfg *Config, use func(*kafka.Topic) error) (err error) {
	topic, err := kafka.Open(ctx, cfg.Kafka.config(), cfg.logger(p.stderr))
	if err != nil {
		return fmt.Errorf("open Kafka: %w (its place is the setting kafka.brokers)", err)
	}
	defer func() { err = errors.Join(err, bounded(context.WithoutCancel(ctx), topic.Close)) }()
	return use(topic)
}

// serveLetters answers questions about dead letters. It changes what is stored, so only the socket has it.
func serveLetters(office letterOffice) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		var q letterQuestion
		if err := json.NewDecoder(http.MaxBytesReader(w, r.Body, maxQuestionBytes)).Decode(&q); err != nil {
			writeError(w, http.StatusBadRequest, schemas.Malformed, "this is no question about dead letters")
			return
		}
		var text bytes.Buffer // an error must not come behind half an answer
		if err := q.answer(r.Context(), office, &text); err != nil {
			status, code := http.StatusInternalServerError, schemas.Internal
			if errors.Is(err, load.ErrNoLetter) {
				status, code = http.StatusNotFound, schemas.NotFound
			}
			writeError(w, status, code, err.Error())
			return
		}
		w.Header().Set("Content-Type", "text/plain; charset=utf-8")
		_, _ = text.WriteTo(w) // whoever hung up needs no answer
	}
}

package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"

	"heed/schemas"
)

// errorTrailer says how an answer ended that was already under way.
const errorTrailer = "Heed-Error"

// askOffice sends a question to the process that runs on the data folder, and prints its answer; errNotRunning when none does. It
// takes as long as the answer does, or until ctx ends.
func askOffice(ctx context.Context, p *program, cfg *Config, path string, question any) error {
	body, err := json.Marshal(question)
	if err != nil {
		return fmt.Errorf("encode question: %w", err)
	}
	r, err := http.NewRequestWithContext(ctx, http.MethodPost, "http://heed"+path, bytes.NewReader(body))
	if err != nil {
		return fmt.Errorf("ask heed serve: %w", err)
	}
	client := socketClient(cfg.DataDir)
	client.Timeout = 0
	answer, err := client.Do(r)
	if err != nil {
		return fmt.Errorf("ask heed serve: %w", err)
	}
	defer answer.Body.Close()
	if answer.StatusCode != http.StatusOK {
		refusal := &schemas.Error{}
		if err := json.NewDecoder(io.LimitReader(answer.Body, maxAnswerBytes)).Decode(refusal); err != nil {
			return fmt.Errorf("ask heed serve: status %d", answer.StatusCode)
		}
		return errors.New(refusal.Message)
	}
	if _, err := io.Copy(p.stdout, answer.Body); err != nil {
		return fmt.Errorf("read answer of heed serve: %w", err)
	}
	if text := answer.Trailer.Get(errorTrailer); text != "" {
		return errors.New(text)
	}
	return nil
}

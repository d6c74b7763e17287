package load

import (
	"context"
	crand "crypto/rand"
	"errors"
	"math/rand/v2"
	"time"
)

// The first and the longest pause between two tries while ClickHouse does not answer.
const (
	firstPause = 100 * time.Millisecond
	maxPause   = 10 * time.Second
)

// retry calls try until it succeeds, with growing pauses, and tells failed of each error. It gives up only when ctx
// ends, or at once when another Loader has taken over.
func retry(ctx context.Context, try func() error, failed func(pause time.Duration, err error)) error {
	for pause := firstPause; ; pause = min(pause*2, maxPause) {
		err := try()
		if err == nil || errors.Is(err, ErrFenced) {
			return err
		}
		if ctx.Err() != nil {
			return ctx.Err()
		}
		failed(pause, err)
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(pause/2 + rand.N(pause)):
		}
	}
}

// retry tries a step with the batch in hand again and again.
func (l *Loader) retry(ctx context.Context, what string, try func() error) error {
	return l.repeatedly(ctx, what, func() error {
		err := try()
		l.disturbed = l.disturbed || err != nil
		return err
	})
}

// repeatedly tries a step with any batch.
func (l *Loader) repeatedly(ctx context.Context, what string, try func() error) error {
	return retry(ctx, try, func(pause time.Duration, err error) {
		l.metrics.failures.Inc()
		l.logger.Warn("a step did not succeed, will try again", "step", what, "pause", pause, "err", err)
	})
}

// repeat retries an insert whose rows may be stored twice. Its token keeps them from that where it can, but is used once:
// after a kill it can be remembered without its part.
func (l *Loader) repeat(ctx context.Context, what, token string, insert func(token string) error) error {
	used := l.recovering
	return l.retry(ctx, what, func() error {
		name := token
		if used {
			name += "/" + crand.Text()
		}
		used = true
		return insert(name)
	})
}

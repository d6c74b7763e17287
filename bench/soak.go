package main

import (
	"context"
	"errors"
	"time"
)

func (b bench) soak(ctx context.Context, program string, d time.Duration) error {
	return errors.New("not yet")
}

package main

import (
	"context"
	"sync"

	"heed/pipeline/erase"
)

// startErasing takes out of the store what visitors withdraw, from when it answers until the stop. Letters are the dead
// letters of the store, or nil.
func (h *host) startErasing(ctx context.Context, storage *storage, letters erase.Letters) *erase.Routine {
	routine := erase.New(storage.store, letters, h.logger)
	ctx, cancel := context.WithCancel(context.WithoutCancel(ctx))
	var working sync.WaitGroup
	working.Go(func() {
		select {
		case <-storage.ready:
			routine.Run(ctx) // it ends with ctx alone
		case <-ctx.Done():
		}
	})
	h.atStop(func(context.Context) error { cancel(); working.Wait(); return nil })
	return routine
}

package guard

import (
	"errors"
	"testing"
	"testing/synctest"
	"time"
)

// A body waits for a decoder that comes free in time, and not for ever for one that does not.
func TestExpandWaits(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		e := NewExpander(1)
		body := []byte{3, 0} // deflate's empty block
		used := <-e.idle
		start := time.Now()
		if _, err := e.Expand(nil, "deflate", body, 10); !errors.Is(err, ErrBusy) || time.Since(start) != maxWait {
			t.Errorf("Expand = %v after %v, want ErrBusy after %v", err, time.Since(start), maxWait)
		}
		go func() {
			time.Sleep(maxWait / 2)
			e.idle <- used
		}()
		if _, err := e.Expand(nil, "deflate", body, 10); err != nil {
			t.Errorf("Expand beside one that ends in time: %v", err)
		}
	})
}

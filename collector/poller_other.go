//go:build !linux

package collector

import (
	"errors"
	"time"
)

// poller is there on Linux only. Elsewhere connections rest where they are.
type poller struct{}

func newPoller() (*poller, error)             { return nil, errors.ErrUnsupported }
func (*poller) add(int) error                 { return errors.ErrUnsupported }
func (*poller) remove(int)                    {}
func (*poller) wait(time.Time) ([]int, error) { return nil, errors.ErrUnsupported }
func (*poller) stop()                         {}

//go:build !linux

package collector

import (
	"errors"
	"syscall"
	"time"
)

// poller is there on Linux only. Elsewhere connections rest where they are.
type poller struct{}

func newPoller() (*poller, error)             { return nil, errors.ErrUnsupported }
func (*poller) add(int) error                 { return errors.ErrUnsupported }
func (*poller) remove(int)                    {}
func (*poller) wait(time.Time) ([]int, error) { return nil, errors.ErrUnsupported }
func (*poller) stop()                         {}

// Elsewhere sockets are read through net.Conn only.
var errNothing = errors.ErrUnsupported

func rawSocket(syscall.Conn) syscall.RawConn  { return nil }
func readSocket(uintptr, []byte) (int, error) { return 0, errors.ErrUnsupported }

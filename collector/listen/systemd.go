package listen

import (
	"errors"
	"fmt"
	"net"
	"os"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"
)

// firstFD is the first of the sockets that systemd passes, SD_LISTEN_FDS_START.
const firstFD = 3

// maxPassed bounds what is believed of LISTEN_FDS.
const maxPassed = 1024

// systemdName returns the name in systemd:name, empty for plain systemd.
func systemdName(address string) (name string, ok bool) {
	scheme, name, _ := strings.Cut(address, ":")
	if scheme != systemdScheme {
		return "", false
	}
	if _, err := strconv.Atoi(name); err == nil {
		return "", false // a host of that name
	}
	return name, true
}

// openSystemd takes over the sockets of that name, or all, as sd_listen_fds(3) describes: LISTEN_PID is this process,
// LISTEN_FDS how many there are from descriptor 3 on, LISTEN_FDNAMES their names. A socket can be taken over once.
func openSystemd(name string, getenv func(string) string) ([]net.Listener, error) {
	if pid := getenv("LISTEN_PID"); pid != strconv.Itoa(os.Getpid()) {
		return nil, fmt.Errorf("systemd passed no sockets to this process (LISTEN_PID is %q); start it by its socket unit", pid)
	}
	count, err := strconv.Atoi(getenv("LISTEN_FDS"))
	if err != nil || count < 1 || count > maxPassed {
		return nil, fmt.Errorf("LISTEN_FDS is %q; want the number of sockets that systemd passed", getenv("LISTEN_FDS"))
	}
	names := strings.Split(getenv("LISTEN_FDNAMES"), ":")
	var lns []net.Listener
	for i := range count {
		if name != "" && (i >= len(names) || names[i] != name) {
			continue
		}
		ln, err := fromDescriptor(firstFD + i)
		if err != nil {
			closeAll(lns)
			return nil, err
		}
		lns = append(lns, ln)
	}
	if len(lns) == 0 {
		return nil, fmt.Errorf("none of the sockets %q that systemd passed has this name; set FileDescriptorName in the socket unit",
			getenv("LISTEN_FDNAMES"))
	}
	return lns, nil
}

// fromDescriptor makes a listener of an inherited descriptor, which it closes: the listener has its own, closed on exec.
func fromDescriptor(fd int) (net.Listener, error) {
	if listening, err := unix.GetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_ACCEPTCONN); err != nil || listening == 0 {
		return nil, fmt.Errorf("descriptor %d does not listen; set Accept=no in the socket unit, and take a socket over once", fd)
	}
	unix.CloseOnExec(fd)
	file := os.NewFile(uintptr(fd), fmt.Sprintf("descriptor %d", fd))
	ln, err := net.FileListener(file)
	if err != nil {
		return nil, errors.Join(fmt.Errorf("descriptor %d is not a stream socket: %w", fd, err), file.Close())
	}
	if err := file.Close(); err != nil {
		return nil, errors.Join(err, ln.Close())
	}
	return ln, nil
}

// Package listentest finds addresses for servers that cannot choose one themselves and say which.
package listentest

import (
	"fmt"
	"math/rand/v2"
	"net"
)

// The ports that FreeAddress chooses from are below those that Linux gives to outgoing connections
// (net.ipv4.ip_local_port_range, from 32768 unless it is set otherwise): a port of those can be taken by any connection
// between the look and the listening.
const lowest, highest = 10_000, 32_767

// FreeAddress returns a TCP address of the loopback on which nothing listened a moment ago.
func FreeAddress() (string, error) {
	var err error
	for range 100 {
		var ln net.Listener
		ln, err = net.Listen("tcp", fmt.Sprintf("127.0.0.1:%d", lowest+rand.IntN(highest-lowest+1)))
		if err == nil {
			return ln.Addr().String(), ln.Close()
		}
	}
	return "", fmt.Errorf("find a free port: %w", err)
}

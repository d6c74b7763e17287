package guard_test

import (
	"fmt"
	"net/netip"

	"heed/collector/guard"
)

func ExampleCheck() {
	_, err := guard.Check([]byte("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 4\r\nTransfer-Encoding: chunked\r\n\r\n"), 100)
	fmt.Println(err)
	// Output: Content-Length and Transfer-Encoding stand there together (RFC 9112, 6.3)
}

func ExampleExpander_Expand() {
	expander := guard.NewExpander(2)
	text, err := expander.Expand(nil, "deflate", []byte{0x4b, 0x4c, 0x24, 0x0e, 0x00, 0x00}, 100) // without zlib's frame
	fmt.Println(string(text), err)
	_, err = expander.Expand(nil, "gzip, br", nil, 10)
	fmt.Println(err)
	// Output:
	// aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa <nil>
	// content encoding is not gzip, deflate, br or zstd
}

func ExampleProxies_XForwardedFor() {
	trusted := guard.Proxies{netip.MustParsePrefix("10.0.0.0/8")}
	header := [][]byte{[]byte("203.0.113.9, 198.51.100.7, 10.0.0.2")} // the first was written by the client itself
	fmt.Println(trusted.XForwardedFor(netip.MustParseAddr("10.0.0.1"), header))
	// Output: 198.51.100.7
}

package listen_test

import (
	"context"
	"fmt"
	"log/slog"
	"net"
	"net/netip"

	"heed/collector/listen"
)

func ExampleOpen() {
	lns, err := listen.Open(context.Background(), listen.Config{
		Addresses: []string{"127.0.0.1:0"},
		ReusePort: 2,
		Proxy:     listen.Proxy{From: []netip.Prefix{netip.MustParsePrefix("10.0.0.0/8")}},
	}, slog.New(slog.DiscardHandler))
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println(len(lns), lns[0].Addr().(*net.TCPAddr).Port == lns[1].Addr().(*net.TCPAddr).Port)
	for _, ln := range lns {
		_ = ln.Close()
	}
	// Output: 2 true
}

func ExampleConfig_Validate() {
	err := listen.Config{
		Addresses: []string{"8080", "unix:heed.sock"},
		TLS:       listen.TLS{Certificate: "cert.pem"},
	}.Validate()
	fmt.Println(err)
	// Output:
	// addresses: "8080": want host:port, unix:/path, systemd or systemd:name
	// addresses: "unix:heed.sock": want an absolute path, as in unix:/run/heed.sock
	// tls: want both certificate and key, or neither
}

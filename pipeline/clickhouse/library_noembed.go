//go:build noembed

package clickhouse

import "fmt"

// loadLibrary refuses: a program built with the tag noembed is static and cannot load a library. It is meant for the
// parts of a cluster, which reach a ClickHouse server.
func loadLibrary(string) (*library, error) {
	return nil, fmt.Errorf("%w: this heed was built without it (tag noembed): set clickhouse.dsn to a server, or use the "+
		"program that has the engine", ErrNoLibrary)
}

package clickhouse

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"time"

	driver "github.com/ClickHouse/clickhouse-go/v2"
)

// Bundle is one site's script under the hash that its name carries: the same hash has the same bytes for ever.
type Bundle struct {
	Site, Hash          string
	Plain, Gzip, Brotli []byte // Gzip and Brotli are the same script compressed, or empty
}

// PutBundle keeps a script. It is durable, and any process can fetch it, when PutBundle returns nil; only then may a
// loader name it. To put it again changes nothing.
func (s *Store) PutBundle(ctx context.Context, b Bundle) error {
	if b.Site == "" || b.Hash == "" || len(b.Plain) == 0 {
		return fmt.Errorf("put bundle %q of site %q: site, hash and script are needed", b.Hash, b.Site)
	}
	if err := insertInRoom(ctx, s, target{table: "bundles"}, bundleColumns, []storedBundle{{b, time.Now()}}); err != nil {
		return fmt.Errorf("put bundle %q of site %q: %w", b.Hash, b.Site, err)
	}
	return nil
}

// Bundle fetches a script; false when there is none under that hash.
func (s *Store) Bundle(ctx context.Context, site, hash string) (Bundle, bool, error) {
	b := Bundle{Site: site, Hash: hash}
	row := s.conn.QueryRow(s.reading(ctx), statementText("bundle"), driver.Named("site", site), driver.Named("hash", hash))
	err := row.Scan(&b.Plain, &b.Gzip, &b.Brotli)
	if errors.Is(err, sql.ErrNoRows) {
		return Bundle{}, false, nil
	}
	if err != nil {
		return Bundle{}, false, fmt.Errorf("fetch bundle %q of site %q: %w", hash, site, err)
	}
	return b, true, nil
}

// BundleHashes lists the scripts that are kept of a site.
func (s *Store) BundleHashes(ctx context.Context, site string) (hashes []string, err error) {
	row := s.conn.QueryRow(s.reading(ctx), statementText("bundle_hashes"), driver.Named("site", site))
	if err := row.Scan(&hashes); err != nil {
		return nil, fmt.Errorf("list bundles of site %q: %w", site, err)
	}
	return hashes, nil
}

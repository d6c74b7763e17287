package clickhouse

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"

	driver "github.com/ClickHouse/clickhouse-go/v2"
)

// Bare returns a function that inserts the block that Insert would make of rows, made in advance: what a measurement of
// Insert is compared with. It works with the embedded engine only. The same token does not store twice.
func (s *Store) Bare(ctx context.Context, rows []Row) (insert func(ctx context.Context, token string) error, err error) {
	if s.transport == nil {
		return nil, errors.New("only the embedded engine takes bare blocks")
	}
	options, err := s.options()
	if err != nil {
		return nil, err
	}
	tape := &recorder{transport: s.transport}
	options.TransportFunc = func(*http.Transport) (http.RoundTripper, error) { return tape, nil }
	conn, err := driver.Open(options)
	if err != nil {
		return nil, fmt.Errorf("open store: %w", err)
	}
	defer conn.Close()
	if err := insertBlock(s.inserting(ctx, target{table: "events", token: "bare"}), conn, "events", insertion[Row]{columns: eventColumns, rows: rows}); err != nil {
		return nil, fmt.Errorf("make block: %w", err)
	}
	return func(ctx context.Context, token string) error {
		st := newStatement(tape.query)
		st.settings["insert_deduplication_token"] = token
		_, err := s.transport.run(ctx, st, tape.block)
		return err
	}, nil
}

// recorder keeps an insert for itself and lets all else pass.
type recorder struct {
	transport *transport
	query     url.Values
	block     []byte
}

func (r *recorder) RoundTrip(req *http.Request) (*http.Response, error) {
	query := req.URL.Query()
	if query.Get("query") == "" {
		return r.transport.RoundTrip(req)
	}
	defer req.Body.Close()
	block, err := io.ReadAll(req.Body)
	if err != nil {
		return nil, err
	}
	r.query, r.block = query, bytes.Clone(block)
	return answer(req, http.StatusOK, nil), nil
}

package clickhouse

import (
	"bytes"
	"compress/gzip"
	"compress/zlib"
	"errors"
	"fmt"
	"io"
	"net/http"
	"slices"
	"strings"

	"github.com/ClickHouse/ch-go/compress"
	"github.com/andybalholm/brotli"
)

// A client may compress in two ways: the whole body, as HTTP does, or the blocks in it, as ClickHouse does (decompress=1
// for what it sends, compress=1 for what it gets).

// uncompressed is the body of a request as the statement or data that it holds. It fails beyond limit bytes.
func uncompressed(r *http.Request, body io.Reader, limit int64) (io.Reader, error) {
	var err error
	switch encoding := r.Header.Get("Content-Encoding"); encoding {
	case "":
	case "gzip":
		body, err = gzip.NewReader(body)
	case "deflate":
		body, err = zlib.NewReader(body)
	case "br":
		body = brotli.NewReader(body)
	default:
		err = fmt.Errorf("content encoding %q is unknown", encoding)
	}
	if err != nil {
		return nil, err
	}
	if r.URL.Query().Get("decompress") == "1" {
		body = compress.NewReader(body)
	}
	return &limitReader{body, limit}, nil
}

// limitReader fails where io.LimitReader ends: a body cut short would be taken for a whole one.
type limitReader struct {
	r    io.Reader
	left int64
}

func (l *limitReader) Read(p []byte) (int, error) {
	n, err := l.r.Read(p)
	if errors.Is(err, io.EOF) {
		err = io.EOF // ch-go wraps it
	}
	if l.left -= int64(n); l.left < 0 {
		return 0, &http.MaxBytesError{}
	}
	return n, err
}

// compressedBlock is how many bytes of a result are compressed at once.
const compressedBlock = 1 << 20

// compressed is a result as the client wants it, and its content encoding.
func compressed(r *http.Request, data []byte) ([]byte, string, error) {
	query := r.URL.Query()
	if query.Get("compress") == "1" {
		method := compress.LZ4
		if strings.EqualFold(query.Get("network_compression_method"), "ZSTD") {
			method = compress.ZSTD
		}
		writer := compress.NewWriter(0, method)
		var out []byte
		for block := range slices.Chunk(data, compressedBlock) {
			if err := writer.Compress(block); err != nil {
				return nil, "", fmt.Errorf("compress result: %w", err)
			}
			out = append(out, writer.Data...)
		}
		return out, "", nil
	}
	var out bytes.Buffer
	var writer io.WriteCloser
	encoding := r.Header.Get("Accept-Encoding")
	switch encoding {
	case "gzip":
		writer = gzip.NewWriter(&out)
	case "deflate":
		writer = zlib.NewWriter(&out)
	default: // also for brotli, which costs more than it saves beside the engine
		return data, "", nil
	}
	if _, err := writer.Write(data); err != nil {
		return nil, "", fmt.Errorf("compress result: %w", err)
	}
	if err := writer.Close(); err != nil {
		return nil, "", fmt.Errorf("compress result: %w", err)
	}
	return out.Bytes(), encoding, nil
}

package clickhouse

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"regexp"
	"slices"
	"strings"
	"sync"
	"sync/atomic"

	chproto "github.com/ClickHouse/ch-go/proto"
	driver "github.com/ClickHouse/clickhouse-go/v2"
	chcolumn "github.com/ClickHouse/clickhouse-go/v2/lib/column"
	"github.com/ClickHouse/clickhouse-go/v2/lib/proto"
)

// transport answers clickhouse-go's HTTP requests from the engine in this process.
type transport struct {
	engine  *engine
	closed  atomic.Bool
	buffers buffers
}

// buffers are for the bodies of requests: a block is megabytes, and the next one as large.
type buffers struct{ pool sync.Pool }

func (b *buffers) get() *bytes.Buffer {
	if buffer, ok := b.pool.Get().(*bytes.Buffer); ok {
		buffer.Reset()
		return buffer
	}
	return new(bytes.Buffer)
}

func (b *buffers) put(buffer *bytes.Buffer) { b.pool.Put(buffer) }

var _ http.RoundTripper = (*transport)(nil)

// helloQuery is how the driver asks whom it talks to.
const helloQuery = "SELECT displayName(), version(), revision(), timezone()"

// formatClause is the end of an INSERT as the driver sends it; the engine wants the format apart.
var formatClause = regexp.MustCompile(`(?i)\s+FORMAT\s+(\w+)\s*$`)

// RoundTrip runs the statement that the request carries. An error of the engine is an answer with status 500; an error
// is returned only when there is no answer.
func (t *transport) RoundTrip(req *http.Request) (*http.Response, error) {
	if t.closed.Load() {
		return nil, ErrClosed
	}
	buffer := t.buffers.get()
	defer t.buffers.put(buffer)
	if req.Body != nil {
		defer req.Body.Close()
		if _, err := buffer.ReadFrom(req.Body); err != nil {
			return nil, fmt.Errorf("read request: %w", err)
		}
	}
	if t := req.Header.Get("Content-Type"); strings.HasPrefix(t, "multipart/") || req.Header.Get("Content-Encoding") != "" {
		return answer(req, http.StatusNotImplemented, []byte("the embedded engine takes neither external tables nor compressed requests")), nil
	}
	data, err := t.run(req.Context(), newStatement(req.URL.Query()), buffer.Bytes())
	if failed := (*engineError)(nil); errors.As(err, &failed) {
		return answer(req, http.StatusInternalServerError, []byte(failed.text)), nil
	}
	if err != nil {
		return nil, err
	}
	return answer(req, http.StatusOK, data), nil
}

// run runs a statement. An insert's data is the body; any other statement is the body itself.
func (t *transport) run(ctx context.Context, st statement, body []byte) ([]byte, error) {
	if st.sql != "" { // the statement is in the URL, so the body is an insert's data
		if clause := formatClause.FindStringSubmatchIndex(st.sql); clause != nil {
			st.format, st.sql = st.sql[clause[2]:clause[3]], st.sql[:clause[0]]
		}
		if len(body) == 0 { // the driver drops an encoding error and ends the body, which would pass for success
			return nil, errors.New("insert without data")
		}
		return nil, t.engine.insert(ctx, st, body)
	}
	st.sql = string(body)
	if st.sql == helloQuery {
		return t.hello()
	}
	return t.engine.query(ctx, st)
}

// hello is a block at the driver's own protocol revision that announces revision 0: from then on both sides speak
// plain Native without block headers, which is what the engine's formatter writes.
func (t *transport) hello() ([]byte, error) {
	block := proto.NewBlock()
	for _, c := range []struct {
		name, kind string
		value      any
	}{
		{"displayName()", "String", "embedded"},
		{"version()", "String", t.engine.version},
		{"revision()", "UInt32", uint32(0)},
		{"timezone()", "String", "UTC"},
	} {
		if err := block.AddColumn(c.name, chcolumn.Type(c.kind)); err != nil {
			return nil, fmt.Errorf("hello: %w", err)
		}
		if err := block.Columns[len(block.Columns)-1].AppendRow(c.value); err != nil {
			return nil, fmt.Errorf("hello: %w", err)
		}
	}
	var buf chproto.Buffer
	if err := block.Encode(&buf, driver.ClientTCPProtocolVersion); err != nil {
		return nil, fmt.Errorf("hello: %w", err)
	}
	return buf.Buf, nil
}

// protocolNames speak of the request and are no settings.
var protocolNames = []string{"client_protocol_version", "query_id", "quota_key", "wait_end_of_query", "user", "password",
	"compress", "decompress", "network_compression_method", "network_zstd_compression_level", "enable_http_compression"}

// newStatement reads the URL as ClickHouse's HTTP interface does: some names are its own, the rest are settings.
func newStatement(query url.Values) statement {
	st := statement{format: "Native", settings: map[string]string{}}
	for name := range query {
		value := query.Get(name)
		switch {
		case name == "query":
			st.sql = value
		case name == "database":
			st.database = value
		case name == "default_format":
			st.format = value
		case strings.HasPrefix(name, "param_"):
			st.params = append(st.params, parameter{strings.TrimPrefix(name, "param_"), value})
		case slices.Contains(protocolNames, name):
		default:
			st.settings[name] = value
		}
	}
	return st
}

func answer(req *http.Request, status int, body []byte) *http.Response {
	header := http.Header{}
	if status != http.StatusOK {
		header.Set(codeHeader, (&engineError{string(body)}).code())
	}
	return &http.Response{
		Status: http.StatusText(status), StatusCode: status, Proto: "HTTP/1.1", ProtoMajor: 1, ProtoMinor: 1,
		Header: header, Body: io.NopCloser(bytes.NewReader(body)), ContentLength: int64(len(body)), Request: req,
	}
}

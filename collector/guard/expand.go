package guard

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"slices"
	"time"

	"github.com/andybalholm/brotli"
	"github.com/klauspost/compress/flate"
	"github.com/klauspost/compress/gzip"
	"github.com/klauspost/compress/zlib"
	"github.com/klauspost/compress/zstd"
)

// What a decoder may hold besides its result. deflate never needs more than 32 KiB; the other two say what they want.
const (
	maxBrotliWindowBits = 22      // 4 MiB, what encoders use unless told otherwise; the format has up to 24
	maxZstdWindowBytes  = 8 << 20 // RFC 9659: no more may be asked of a receiver of zstd over HTTP
)

// maxWait is how long a body waits for a decoder. Each expands a body in milliseconds at most, so that who waits longer
// stands in a flood.
const maxWait = time.Second

// Errors of Expand. Callers compare with errors.Is; the text of the decoder is in their chain and repeats no content.
var (
	// ErrEncoding: the encoding is not known, there are several, or it wants more memory than a decoder may have.
	ErrEncoding = errors.New("content encoding is not gzip, deflate, br or zstd")
	// ErrExpanded: the body is longer than the limit when it is expanded.
	ErrExpanded = errors.New("expanded body is too long")
	// ErrCompressed: the body is not what its encoding says, was cut short, or is followed by something else.
	ErrCompressed = errors.New("compressed body is damaged")
	// ErrBusy: all decoders were in use for a second. Nothing is wrong with the body.
	ErrBusy = errors.New("too many compressed bodies at once")
)

// Expander expands compressed bodies. It holds a fixed number of decoders, so that a flood of compressed bodies costs
// time and never memory: at most about 5 MiB each, and 100 KiB until a body asks for it. Safe for concurrent use.
type Expander struct {
	idle chan *decoder // nil entries have not been needed yet
}

// decoder holds one decoder of each kind, made when it is first needed.
type decoder struct {
	source bytes.Reader
	gzip   *gzip.Reader
	zlib   io.ReadCloser
	flate  io.ReadCloser
	brotli *brotli.Reader
	zstd   *zstd.Decoder
	more   [1]byte
}

// NewExpander returns an Expander that expands at most parallel bodies at once; others wait, a second at most. More than there are
// processors gains nothing: the body is in memory already.
func NewExpander(parallel int) *Expander {
	e := &Expander{idle: make(chan *decoder, max(parallel, 1))}
	for range cap(e.idle) {
		e.idle <- nil
	}
	return e
}

// Expand appends what body expands to, at most limit bytes, to dst. encoding is the value of Content-Encoding: gzip,
// deflate (with or without zlib's frame, as clients disagree on it), br, zstd, or identity; letters of either case.
// dst grows by limit at once: give it back for the next call. With an error dst holds nothing of use.
func (e *Expander) Expand(dst []byte, encoding string, body []byte, limit int) ([]byte, error) {
	name, ok := encodingOf(encoding)
	if !ok {
		return dst, ErrEncoding
	}
	if name == "identity" {
		if len(body) > limit {
			return dst, ErrExpanded
		}
		return append(dst, body...), nil
	}
	d, err := e.take()
	if err != nil {
		return dst, err
	}
	defer func() { e.idle <- d }()
	if d == nil {
		d = &decoder{}
	}
	defer d.source.Reset(nil) // the body is the caller's again
	d.source.Reset(body)
	return d.expand(slices.Grow(dst, limit), name, body, limit)
}

// take waits for a decoder, which is nil where it has not been needed yet.
func (e *Expander) take() (*decoder, error) {
	select {
	case d := <-e.idle:
		return d, nil
	default:
	}
	timer := time.NewTimer(maxWait)
	defer timer.Stop()
	select {
	case d := <-e.idle:
		return d, nil
	case <-timer.C:
		return nil, ErrBusy
	}
}

// encodingOf returns the name of an encoding as Expand's switches know it.
func encodingOf(encoding string) (string, bool) {
	for _, known := range [...]string{"gzip", "deflate", "br", "zstd", "identity"} {
		if isName([]byte(encoding), known) {
			return known, true
		}
	}
	return "gzip", isName([]byte(encoding), "x-gzip") // RFC 9110, 8.4.1.3
}

func (d *decoder) expand(dst []byte, name string, body []byte, limit int) ([]byte, error) {
	if name == "zstd" {
		return d.expandZstd(dst, body, limit)
	}
	r, err := d.reader(name, body)
	if err != nil {
		return dst, err
	}
	end := len(dst) + limit
	for len(dst) < end {
		n, err := r.Read(dst[len(dst):end])
		dst = dst[:len(dst)+n]
		if err == io.EOF {
			return dst, d.rest()
		}
		if err != nil {
			return dst, damaged(err)
		}
	}
	for { // at the limit: the end must follow, after blocks that hold nothing at most
		switch n, err := r.Read(d.more[:]); {
		case n > 0:
			return dst, ErrExpanded
		case err == io.EOF:
			return dst, d.rest()
		case err != nil:
			return dst, damaged(err)
		}
	}
}

// rest reports what stands behind the end of the compressed data.
func (d *decoder) rest() error {
	if d.source.Len() > 0 {
		return damaged(errors.New("data follow its end"))
	}
	return nil
}

func damaged(err error) error { return fmt.Errorf("%w: %w", ErrCompressed, err) }

// reader makes one of the decoders read d.source.
func (d *decoder) reader(name string, body []byte) (io.Reader, error) {
	switch {
	case name == "gzip":
		return d.gzipReader()
	case name == "br":
		return d.brotliReader(body)
	case isZlib(body):
		return d.zlibReader()
	}
	if d.flate == nil {
		d.flate = flate.NewReader(&d.source)
		return d.flate, nil
	}
	if err := d.flate.(flate.Resetter).Reset(&d.source, nil); err != nil {
		return nil, damaged(err)
	}
	return d.flate, nil
}

func (d *decoder) gzipReader() (io.Reader, error) {
	if d.gzip == nil {
		d.gzip = new(gzip.Reader)
	}
	if err := d.gzip.Reset(&d.source); err != nil {
		return nil, damaged(err)
	}
	return d.gzip, nil
}

// isZlib tells zlib's frame from bare deflate: a multiple of 31 with method 8. Bare deflate cannot begin like that unless
// its encoder fills the padding of a stored block with ones.
func isZlib(body []byte) bool {
	return len(body) >= 2 && body[0]&0x0f == 8 && (uint(body[0])<<8|uint(body[1]))%31 == 0
}

func (d *decoder) zlibReader() (io.Reader, error) {
	if d.zlib == nil {
		r, err := zlib.NewReader(&d.source)
		if err != nil {
			return nil, damaged(err)
		}
		d.zlib = r
		return r, nil
	}
	if err := d.zlib.(zlib.Resetter).Reset(&d.source, nil); err != nil {
		return nil, damaged(err)
	}
	return d.zlib, nil
}

func (d *decoder) brotliReader(body []byte) (io.Reader, error) {
	if brotliWindowBits(body) > maxBrotliWindowBits {
		return nil, fmt.Errorf("%w: the window of br is larger than %d bits", ErrEncoding, maxBrotliWindowBits)
	}
	if d.brotli == nil {
		d.brotli = new(brotli.Reader)
	}
	if err := d.brotli.Reset(&d.source); err != nil {
		return nil, damaged(err)
	}
	return d.brotli, nil
}

// brotliWindowBits reads the first field of RFC 7932, 9.1 as far as large windows go.
func brotliWindowBits(body []byte) int {
	if len(body) == 0 || body[0]&1 == 0 || body[0]>>1&7 == 0 {
		return 17 // or less
	}
	return 17 + int(body[0]>>1&7)
}

func (d *decoder) expandZstd(dst, body []byte, limit int) ([]byte, error) {
	if len(body) == 0 {
		return dst, damaged(io.ErrUnexpectedEOF)
	}
	if d.zstd == nil {
		r, err := zstd.NewReader(nil, zstd.WithDecoderConcurrency(1), zstd.WithDecoderLowmem(true),
			zstd.WithDecoderMaxWindow(maxZstdWindowBytes), zstd.WithDecodeAllCapLimit(true))
		if err != nil {
			return dst, fmt.Errorf("make zstd decoder: %w", err)
		}
		d.zstd = r
	}
	out, err := d.zstd.DecodeAll(body, dst[:len(dst):len(dst)+limit])
	switch {
	case errors.Is(err, zstd.ErrDecoderSizeExceeded):
		return dst, ErrExpanded
	case errors.Is(err, zstd.ErrWindowSizeExceeded):
		return dst, fmt.Errorf("%w: %w", ErrEncoding, err)
	case err != nil:
		return dst, damaged(err)
	}
	return out, nil
}

package guard_test

import (
	"bytes"
	"compress/flate"
	"compress/gzip"
	"compress/zlib"
	"errors"
	"io"
	"math/rand/v2"
	"runtime"
	"strings"
	"sync"
	"testing"

	"github.com/andybalholm/brotli"
	"github.com/klauspost/compress/zstd"

	"heed/collector/guard"
)

const (
	expandLimit = 64 << 10
	bombBytes   = 4 << 20
)

// encoders compress a text with the library that is not the one under test, where there are two.
var encoders = map[string]func(io.Writer) io.WriteCloser{
	"gzip":    func(w io.Writer) io.WriteCloser { return gzip.NewWriter(w) },
	"deflate": func(w io.Writer) io.WriteCloser { return zlib.NewWriter(w) },
	"raw": func(w io.Writer) io.WriteCloser {
		fw, _ := flate.NewWriter(w, 6)
		return fw
	},
	"br": func(w io.Writer) io.WriteCloser { return brotli.NewWriter(w) },
	"zstd": func(w io.Writer) io.WriteCloser {
		zw, _ := zstd.NewWriter(w, zstd.WithEncoderConcurrency(1))
		return zw
	},
}

// encodingName returns what Content-Encoding calls an encoder of the table.
func encodingName(encoder string) string {
	if encoder == "raw" {
		return "deflate"
	}
	return encoder
}

func compress(t testing.TB, encoder string, text []byte) []byte {
	t.Helper()
	var buf bytes.Buffer
	w := encoders[encoder](&buf)
	if _, err := w.Write(text); err != nil {
		t.Fatalf("%s: %v", encoder, err)
	}
	if err := w.Close(); err != nil {
		t.Fatalf("%s: %v", encoder, err)
	}
	return buf.Bytes()
}

// texts of several kinds and lengths, the limit's own included.
func texts() map[string][]byte {
	random := make([]byte, expandLimit)
	source := rand.NewChaCha8([32]byte{1})
	_, _ = source.Read(random)
	return map[string][]byte{
		"empty":  {},
		"byte":   []byte("x"),
		"batch":  []byte(`{"v":1,"sent":1760000000010,"events":[]}`),
		"random": random[:10000],
		"limit":  random,
		"flat":   make([]byte, expandLimit),
	}
}

func TestExpandSuccess(t *testing.T) {
	e := guard.NewExpander(1)
	for encoder := range encoders {
		for name, text := range texts() {
			body := compress(t, encoder, text)
			for range 2 { // the second time with a decoder that has been used
				got, err := e.Expand([]byte("before"), encodingName(encoder), body, expandLimit)
				if err != nil || !bytes.Equal(got, append([]byte("before"), text...)) {
					t.Fatalf("Expand(%s, %s) = %d bytes, %v, want %d", encoder, name, len(got), err, len("before")+len(text))
				}
			}
		}
	}
}

func TestExpandNames(t *testing.T) {
	e := guard.NewExpander(1)
	body := compress(t, "gzip", []byte("x"))
	for _, name := range []string{"gzip", "GZip", "x-gzip", "X-GZIP"} {
		if got, err := e.Expand(nil, name, body, 1); err != nil || string(got) != "x" {
			t.Fatalf("Expand(%q) = %q, %v, want x", name, got, err)
		}
	}
	if got, err := e.Expand(nil, "Identity", []byte("x"), 1); err != nil || string(got) != "x" {
		t.Fatalf("Expand(identity) = %q, %v, want x", got, err)
	}
	for _, name := range []string{"", " gzip", "gzip, gzip", "gzip,br", "compress", "lzma", "dcb", "gzip\x00"} {
		if _, err := e.Expand(nil, name, body, 1); !errors.Is(err, guard.ErrEncoding) {
			t.Fatalf("Expand(%q): %v, want ErrEncoding", name, err)
		}
	}
}

func TestExpandOverLimit(t *testing.T) {
	e := guard.NewExpander(1)
	f := func(name, encoding string, body []byte, limit int) {
		t.Helper()
		got, err := e.Expand(nil, encoding, body, limit)
		if !errors.Is(err, guard.ErrExpanded) || len(got) > limit {
			t.Fatalf("Expand(%s) = %d bytes, %v, want ErrExpanded", name, len(got), err)
		}
	}
	f("identity", "identity", []byte("xx"), 1)
	for encoder := range encoders {
		name := encodingName(encoder)
		f(encoder+" one too many", name, compress(t, encoder, make([]byte, expandLimit+1)), expandLimit)
		bomb := compress(t, encoder, make([]byte, bombBytes))
		if ratio := bombBytes / len(bomb); ratio < 1000 {
			t.Fatalf("%s: the bomb expands only by %d", encoder, ratio)
		}
		f(encoder+" bomb", name, bomb, expandLimit)
		f(encoder+" nothing allowed", name, compress(t, encoder, []byte("x")), 0)
	}
	members := bytes.Repeat(compress(t, "gzip", make([]byte, expandLimit/2)), 3)
	f("three members", "gzip", members, expandLimit)
	f("three frames", "zstd", bytes.Repeat(compress(t, "zstd", make([]byte, expandLimit/2)), 3), expandLimit)
}

func TestExpandDamaged(t *testing.T) {
	e := guard.NewExpander(1)
	f := func(name, encoding string, body []byte) {
		t.Helper()
		if _, err := e.Expand(nil, encoding, body, expandLimit); !errors.Is(err, guard.ErrCompressed) {
			t.Fatalf("Expand(%s): %v, want ErrCompressed", name, err)
		}
	}
	text := texts()["random"]
	for encoder := range encoders {
		name := encodingName(encoder)
		body := compress(t, encoder, text)
		f(encoder+" empty", name, nil)
		for _, end := range []int{1, 2, 5, len(body) / 2, len(body) - 1} {
			f(encoder+" cut short", name, body[:end])
		}
		f(encoder+" with a byte behind", name, append(bytes.Clone(body), 0))
		f(encoder+" with a text behind", name, append(bytes.Clone(body), strings.Repeat("garbage", 20)...))
		f(encoder+" text", name, []byte("{\"v\":1,\"sent\":1760000000010}"))
	}
	for _, encoder := range []string{"gzip", "deflate", "zstd"} { // those with a checksum
		body := compress(t, encoder, text)
		body[len(body)-1] ^= 1
		f(encoder+" with a wrong checksum", encodingName(encoder), body)
	}
	f("zlib with a dictionary", "deflate", []byte{0x78, 0xbb, 1, 2, 3, 4, 3, 0})
}

func TestExpandTakesMembers(t *testing.T) {
	e := guard.NewExpander(1)
	for _, encoder := range []string{"gzip", "zstd"} { // RFC 1952, 2.2 and RFC 8878, 3: one behind the other are one text
		body := append(compress(t, encoder, []byte("ab")), compress(t, encoder, []byte("cd"))...)
		if got, err := e.Expand(nil, encoder, body, 4); err != nil || string(got) != "abcd" {
			t.Fatalf("Expand(%s twice) = %q, %v, want abcd", encoder, got, err)
		}
	}
}

// TestExpandBoundsMemory sends what asks for large windows, many times at once.
func TestExpandBoundsMemory(t *testing.T) {
	var big bytes.Buffer
	w := brotli.NewWriterOptions(&big, brotli.WriterOptions{Quality: 5, LGWin: 24})
	_, _ = w.Write(make([]byte, expandLimit))
	_ = w.Close()
	var wide bytes.Buffer
	zw, err := zstd.NewWriter(&wide, zstd.WithWindowSize(16<<20), zstd.WithEncoderConcurrency(1))
	if err != nil {
		t.Fatal(err)
	}
	_, _ = zw.Write(make([]byte, 5*bombBytes))
	_ = zw.Close()

	e := guard.NewExpander(2)
	for name, body := range map[string][]byte{"br": big.Bytes(), "zstd": wide.Bytes()} {
		if _, err := e.Expand(nil, name, body, expandLimit); !errors.Is(err, guard.ErrEncoding) {
			t.Fatalf("Expand(%s with a wide window): %v, want ErrEncoding", name, err)
		}
	}
	bombs := map[string][]byte{}
	for encoder := range encoders {
		bombs[encoder] = compress(t, encoder, make([]byte, bombBytes))
	}
	var before, after runtime.MemStats
	runtime.GC()
	runtime.ReadMemStats(&before)
	var wg sync.WaitGroup
	for range 8 {
		wg.Go(func() {
			dst := make([]byte, 0, expandLimit)
			for range 2 {
				for encoder, bomb := range bombs {
					if _, err := e.Expand(dst, encodingName(encoder), bomb, expandLimit); !errors.Is(err, guard.ErrExpanded) {
						t.Errorf("Expand(%s bomb): %v, want ErrExpanded", encoder, err)
					}
				}
			}
		})
	}
	wg.Wait()
	runtime.ReadMemStats(&after)
	// 8 senders with 5 kinds of bombs, 80 in all, which would be 320 MiB.
	if grown := after.Sys - before.Sys; grown > 64<<20 {
		t.Fatalf("80 bombs made the process %d MiB larger, want at most 64", grown>>20)
	}
	if made := after.TotalAlloc - before.TotalAlloc; made > 64<<20 {
		t.Fatalf("80 bombs allocated %d MiB, want at most 64", made>>20)
	}
}

func TestExpandReusesItsDecoders(t *testing.T) {
	text := []byte(strings.Repeat(`{"v":1,"events":[{"id":"0198c0de-0000-7000-8000-000000000001","kind":"page"}]}`, 30))
	e := guard.NewExpander(1)
	dst := make([]byte, 0, 2*expandLimit)
	for encoder := range encoders {
		body, name := compress(t, encoder, text), encodingName(encoder)
		allocs := testing.AllocsPerRun(50, func() {
			if _, err := e.Expand(dst, name, body, expandLimit); err != nil {
				t.Fatal(err)
			}
		})
		t.Logf("%s: %v allocations", encoder, allocs)
		if allocs > 4 {
			t.Errorf("Expand(%s) allocates %v times, want at most 4", encoder, allocs)
		}
	}
}

// FuzzExpand wants any body to end in a text within the limit or in one of the three errors, and the same again from a
// decoder that has been used.
func FuzzExpand(f *testing.F) {
	for encoder := range encoders {
		f.Add(encodingName(encoder), compress(f, encoder, []byte(`{"v":1}`)), 100)
		f.Add(encodingName(encoder), compress(f, encoder, make([]byte, 100000)), 1000)
	}
	f.Add("gzip", bytes.Repeat(compress(f, "gzip", nil), 10), 10)
	f.Add("identity", []byte("x"), 0)
	e := guard.NewExpander(2)
	f.Fuzz(func(t *testing.T, encoding string, body []byte, limit int) {
		limit = max(0, min(limit, expandLimit))
		got, err := e.Expand(nil, encoding, body, limit)
		if len(got) > limit {
			t.Fatalf("%d bytes, want at most %d", len(got), limit)
		}
		if err != nil && !errors.Is(err, guard.ErrEncoding) && !errors.Is(err, guard.ErrExpanded) && !errors.Is(err, guard.ErrCompressed) {
			t.Fatalf("error %v is none of the package's", err)
		}
		again, againErr := e.Expand(nil, encoding, body, limit)
		if (err == nil) != (againErr == nil) || err == nil && !bytes.Equal(got, again) {
			t.Fatalf("again: %q, %v, want %q, %v", again, againErr, got, err)
		}
	})
}

func BenchmarkExpand(b *testing.B) {
	text := []byte(strings.Repeat(`{"v":1,"events":[{"id":"0198c0de-0000-7000-8000-000000000001","kind":"page"}]}`, 30))
	e := guard.NewExpander(1)
	dst := make([]byte, 0, 2*expandLimit)
	for encoder := range encoders {
		body, name := compress(b, encoder, text), encodingName(encoder)
		b.Run(encoder, func(b *testing.B) {
			b.SetBytes(int64(len(text)))
			b.ReportAllocs()
			for b.Loop() {
				if _, err := e.Expand(dst, name, body, expandLimit); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

package snippet

import (
	"bytes"
	"compress/gzip"
	"io"

	"github.com/andybalholm/brotli"
)

// encode compresses once, as well as it can, what is then served many times. The same bytes give the same result.
func encode(plain []byte) (Encoded, error) {
	var zipped, brotlied bytes.Buffer
	gz, err := gzip.NewWriterLevel(&zipped, gzip.BestCompression)
	if err != nil {
		return Encoded{}, err
	}
	br := brotli.NewWriterLevel(&brotlied, brotli.BestCompression)
	for _, w := range []io.WriteCloser{gz, br} {
		if _, err := w.Write(plain); err != nil {
			return Encoded{}, err
		}
		if err := w.Close(); err != nil {
			return Encoded{}, err
		}
	}
	return Encoded{Plain: plain, Gzip: zipped.Bytes(), Brotli: brotlied.Bytes()}, nil
}

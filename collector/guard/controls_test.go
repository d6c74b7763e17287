package guard

import (
	"bytes"
	"testing"
)

// FuzzControls compares eight bytes at once with one at a time.
func FuzzControls(f *testing.F) {
	for c := range 256 {
		f.Add(bytes.Repeat([]byte{byte(c), 'x', byte(255 - c)}, 7))
	}
	f.Fuzz(func(t *testing.T, text []byte) {
		want := 0
		for _, c := range text {
			if c < ' ' || c == 0x7f {
				want++
			}
		}
		if got := controls(text); got != want {
			t.Fatalf("controls(%q) = %d, want %d", text, got, want)
		}
	})
}

package wal

import (
	"os"
	"testing"

	"heed/schemas"
)

// A record may end where its page has less room left than a fragment's header takes. The rest is padding: a reader that
// has caught up must not take it for damage.
func TestReaderPassesPaddingAtTheEnd(t *testing.T) {
	for room := range int64(headerSize) {
		dir := t.TempDir()
		l := openLog(t, Config{Dir: dir})
		r, err := l.Reader(Pos{})
		if err != nil {
			t.Fatalf("Reader: %v", err)
		}
		defer r.Close()
		appendOne(t, l, 1, 0)
		info, err := os.Stat(segmentPath(dir, 0))
		if err != nil {
			t.Fatal(err)
		}
		end := func(pad int) int64 {
			group := schemas.Group{Events: []*schemas.Envelope{event(2, pad)}}
			return info.Size() + headerSize + int64(group.SizeVT())
		}
		pad := 0
		for end(pad) < pageSize-room {
			pad++
		}
		appendOne(t, l, 2, pad)
		for want := range uint64(2) {
			if rec, err := r.Next(t.Context()); err != nil || rec.Pos.Record != want {
				t.Fatalf("%d bytes of room: Next = %v, %v, want record %d", room, rec.Pos, err, want)
			}
		}
		if _, err := r.step(); err != errWait {
			t.Errorf("%d bytes of room: step() = %v, want %v", room, err, errWait)
		}
		appendOne(t, l, 3, 0)
		if rec, err := r.Next(t.Context()); err != nil || rec.Pos != (Pos{Record: 2}) {
			t.Errorf("%d bytes of room: Next = %v, %v, want record 2 of segment 0", room, rec.Pos, err)
		}
	}
}

package kafka

import (
	"bytes"
	"testing"

	"heed/pipeline/wal"
	"heed/schemas"
)

// FuzzSplit: every byte of a group comes out again, whatever it is, and a sound group comes out as its events.
func FuzzSplit(f *testing.F) {
	group, _ := (&schemas.Group{Events: events(1, 3)}).MarshalVT()
	f.Add(group)
	f.Add(group[:len(group)-3])
	f.Add([]byte("\x0a\x03abc\x12\x00"))
	f.Add([]byte("\x0a\x80\x80\x80\x80\x80\x80\x80\x80\x80\x01"))
	f.Fuzz(func(t *testing.T, group []byte) {
		messages, err := split(group, idField)
		var values int
		for _, m := range messages {
			values += len(m.value)
			if !bytes.Contains(group, m.value) {
				t.Fatalf("split(%x) has %x, which is not there", group, m.value)
			}
		}
		if values > len(group) {
			t.Fatalf("split(%x) has %d bytes of values", group, values)
		}
		var g schemas.Group
		if err == nil && g.UnmarshalVT(group) == nil && len(g.Events) != len(messages) {
			t.Fatalf("split(%x) = %d messages, want %d", group, len(messages), len(g.Events))
		}
	})
}

// FuzzDecodePlan: whatever stands in a commit, the answer is a plan that can be written again, or an error.
func FuzzDecodePlan(f *testing.F) {
	f.Add(int64(7), "")
	f.Add(int64(-1), "x")
	f.Add(int64(3), `{"version":2,"log":"heed-events.1","from":{"Segment":0,"Record":3,"Event":0},"to":{"Segment":0,"Record":9,"Event":0}}`)
	f.Add(int64(3), `{"version":9}`)
	p := &Partition{topic: &Topic{cfg: Config{}.withDefaults()}}
	f.Fuzz(func(t *testing.T, offset int64, metadata string) {
		plan, err := p.decodePlan(offset, metadata)
		if err != nil {
			return
		}
		if offset >= 0 && metadata == "" && plan.From != (wal.Pos{Record: uint64(offset)}) {
			t.Fatalf("decodePlan(%d, %q) = %+v, want to begin there", offset, metadata, plan)
		}
		if _, err := plan.Encode(); err != nil {
			t.Fatalf("decodePlan(%d, %q) = %+v, which cannot be written: %v", offset, metadata, plan, err)
		}
	})
}

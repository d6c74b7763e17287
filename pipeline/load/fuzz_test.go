package load_test

import (
	"testing"
	"unicode/utf8"

	"google.golang.org/protobuf/encoding/protowire"

	"heed/pipeline/load"
	"heed/schemas"
)

// Whatever stands in the log, EachEvent comes to its end, and of an event as a collector writes it it reads what the
// decoder reads: the ledger counts by the one, the loader by the other.
func FuzzEachEvent(f *testing.F) {
	for _, ev := range []*schemas.Envelope{event(1), {Site: "demo"}, {}, {Site: "\xff"}} {
		raw, err := ev.MarshalVT()
		if err != nil {
			f.Fatal(err)
		}
		f.Add(raw)
		f.Add(append(raw, raw...)) // fields twice: the last one counts
		f.Add(raw[:len(raw)/2])
	}
	f.Fuzz(func(t *testing.T, raw []byte) {
		load.EachEvent(raw, func([]byte, int64) {})
		var ev schemas.Envelope
		if ev.UnmarshalVT(raw) == nil {
			raw, _ = ev.MarshalVT() // it has no way to fail
		}
		group := protowire.AppendBytes(protowire.AppendTag(nil, 1, protowire.BytesType), raw)
		events := 0
		load.EachEvent(group, func(site []byte, receivedMs int64) {
			events++
			if ev.UnmarshalVT(raw) != nil || !utf8.ValidString(ev.Site) {
				return
			}
			if string(site) != ev.Site || receivedMs != ev.ReceivedMs {
				t.Errorf("EachEvent(%x) = %q, %d, the decoder reads %q, %d", raw, site, receivedMs, ev.Site, ev.ReceivedMs)
			}
		})
		if events != 1 {
			t.Errorf("EachEvent(%x) finds %d events, want 1", raw, events)
		}
	})
}

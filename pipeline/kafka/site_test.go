package kafka

import (
	"fmt"
	"testing"

	"heed/pipeline/wal"
	"heed/schemas"
)

// A topic by site has all that a site sent in one partition, in order, and shares its dead letters with another topic.
func TestTopicBySite(t *testing.T) {
	cfg := config(t, 4)
	open(t, cfg)
	cfg.BySite, cfg.Dead, cfg.Topic = true, cfg.Topic+".dead", cfg.Topic+".consent"
	topic := open(t, cfg)
	for n := range uint64(40) {
		ev := event(n, 0)
		ev.Site = fmt.Sprintf("site-%d", n%8)
		if _, err := topic.Append(t.Context(), []*schemas.Envelope{ev}); err != nil {
			t.Fatal(err)
		}
	}
	last, parts := map[string]uint64{}, map[string]int{}
	for partition := range topic.Partitions() {
		eachRecord(t, bounded(t), topic, partition, func(rec wal.Record) {
			var group schemas.Group
			if err := group.UnmarshalVT(rec.Group); err != nil {
				t.Fatal(err)
			}
			site, n := group.Events[0].Site, number(t, rec)
			if before, seen := parts[site]; seen && (before != partition || n < last[site]) {
				t.Errorf("event %d of %s is in partition %d behind %d in %d", n, site, partition, last[site], before)
			}
			last[site], parts[site] = n, partition
		})
	}
	if len(parts) != 8 {
		t.Errorf("%d sites were read, want 8", len(parts))
	}
}

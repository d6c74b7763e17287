package kafka

import (
	"bytes"
	"crypto/rand"
	"fmt"
	"io"
	mathrand "math/rand/v2"
	"path/filepath"
	"testing"

	"github.com/google/uuid"
	"github.com/segmentio/kafka-go/compress"

	"heed/pipeline/wal"
	"heed/schemas"
)

// visit returns an event as a visitor who has agreed makes it: about 300 bytes, of which a third is random.
func visit(random *mathrand.Rand, i int) *schemas.Envelope {
	id, _ := uuid.NewV7()
	visitor, record, view := make([]byte, 16), make([]byte, 16), make([]byte, 16)
	rand.Read(visitor)
	rand.Read(record)
	rand.Read(view)
	pick := func(from ...string) string { return from[random.IntN(len(from))] }
	at := int64(1_760_000_000_000 + i*7)
	return &schemas.Envelope{
		Version: 1, Site: "shop", Id: id[:], Kind: pick("page", "page", "engagement", "custom"), ReceivedMs: at, TimeMs: at - 900,
		Jurisdiction: "eu", MatrixVersion: 3, Categories: 15, Notice: "5f3a9c01", Record: record, RetentionMonths: 13,
		Visitor: visitor, View: view, Host: "shop.example.com",
		Path:         pick("/", "/cart", "/products/") + fmt.Sprint(random.IntN(500)),
		ReferrerHost: pick("", "www.google.com", "shop.example.com", "news.example.org"), UtmSource: pick("", "", "", "newsletter"),
		Country: pick("DE", "FR", "NL", "AT"), Region: pick("Bavaria", "Hesse", "Île-de-France", "Tyrol"),
		Network: 3320, NetworkOwner: pick("Deutsche Telekom AG", "Orange S.A.", "KPN B.V."),
		Browser: pick("Chrome", "Safari", "Firefox"), Os: pick("Windows", "iOS", "Android"), Device: pick("desktop", "mobile"),
	}
}

// BenchmarkCompression compares what requests cost and how large they become. The batches are those of a busy
// partition (1,000 events) and of a quiet one (20).
func BenchmarkCompression(b *testing.B) {
	random := mathrand.New(mathrand.NewPCG(1, 2))
	for _, events := range []int{20, 1000} {
		var batch []byte
		for i := range events {
			ev := visit(random, i)
			raw, _ := ev.MarshalVT()
			batch = append(append(batch, ev.Id...), raw...)
		}
		for _, codec := range []compress.Codec{&compress.Lz4Codec, &compress.ZstdCodec, &compress.SnappyCodec} {
			b.Run(fmt.Sprintf("%s/%d", codec.Name(), events), func(b *testing.B) {
				var out bytes.Buffer
				for b.Loop() {
					out.Reset()
					w := codec.NewWriter(&out)
					w.Write(batch)
					w.Close()
				}
				b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N*events), "ns/event")
				b.ReportMetric(float64(out.Len())/float64(events), "bytes/event")
				b.ReportMetric(float64(len(batch))/float64(events), "raw-bytes/event")
			})
			b.Run(fmt.Sprintf("un%s/%d", codec.Name(), events), func(b *testing.B) {
				var out bytes.Buffer
				w := codec.NewWriter(&out)
				w.Write(batch)
				w.Close()
				for b.Loop() {
					r := codec.NewReader(bytes.NewReader(out.Bytes()))
					io.Copy(io.Discard, r)
					r.Close()
				}
				b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N*events), "ns/event")
			})
		}
	}
}

// BenchmarkRead reads a partition from its beginning, broker included.
func BenchmarkRead(b *testing.B) {
	const events = 200_000
	topic := open(b, config(b, 1))
	random := mathrand.New(mathrand.NewPCG(1, 2))
	for i := 0; i < events; i += 1000 {
		evs := make([]*schemas.Envelope, 1000)
		for k := range evs {
			evs[k] = visit(random, i+k)
		}
		if _, err := topic.Append(b.Context(), evs); err != nil {
			b.Fatal(err)
		}
	}
	p, err := topic.Partition(0)
	if err != nil {
		b.Fatal(err)
	}
	n := 0
	for b.Loop() {
		r, err := p.Reader(wal.Pos{})
		if err != nil {
			b.Fatal(err)
		}
		for range events {
			if _, err := r.Next(b.Context()); err != nil {
				b.Fatal(err)
			}
		}
		n += events
	}
	b.ReportMetric(float64(n)/b.Elapsed().Seconds(), "messages/s")
}

// BenchmarkShip ships a spool that is full, broker included.
func BenchmarkShip(b *testing.B) {
	const events = 200_000
	random := mathrand.New(mathrand.NewPCG(1, 2))
	n := 0
	for b.Loop() {
		b.StopTimer()
		cfg, dir := config(b, 4), b.TempDir()
		log, err := wal.Open(b.Context(), wal.Config{Dir: filepath.Join(dir, "wal")}, discard())
		if err != nil {
			b.Fatal(err)
		}
		for i := 0; i < events; i += 200 {
			evs := make([]*schemas.Envelope, 200)
			for k := range evs {
				evs[k] = visit(random, i+k)
			}
			if _, err := log.Append(b.Context(), evs); err != nil {
				b.Fatal(err)
			}
		}
		shut(b, open(b, cfg)) // makes the topic
		b.StartTimer()
		_, wait := ship(b, b.Context(), log, dir, cfg)
		closeSpool(b, log)
		if err := wait(); err != nil {
			b.Fatal(err)
		}
		n += events
	}
	b.ReportMetric(float64(n)/b.Elapsed().Seconds(), "events/s")
}

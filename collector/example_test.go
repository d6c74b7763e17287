package collector_test

import (
	"context"
	"fmt"
	"log"
	"log/slog"
	"net"
	"net/http"
	"os"
	"strings"
	"time"

	"github.com/valyala/fasthttp"

	"heed/collector"
	"heed/consent"
	"heed/pipeline/enrich"
	"heed/pipeline/wal"
	"heed/schemas"
)

// A fasthttp server of one's own serves the collector under /h and everything else itself.
func ExampleCollector_Handler() {
	ctx := context.Background()
	logger := slog.New(slog.DiscardHandler)
	dir, err := os.MkdirTemp("", "heed-example")
	if err != nil {
		log.Fatal(err)
	}
	defer os.RemoveAll(dir)

	// Where accepted events go, and what an address means. Without geo data every place is unknown.
	events, err := wal.Open(ctx, wal.Config{Dir: dir}, logger)
	if err != nil {
		log.Fatal(err)
	}
	defer events.Close(ctx)
	enricher, err := enrich.Open(ctx, enrich.Config{}, logger)
	if err != nil {
		log.Fatal(err)
	}
	defer enricher.Close()

	site := collector.Site{
		ID: "shop", Key: "k1", Origins: []string{"https://shop.example"},
		RetentionMonths: 14,
		VisitorKey:      []byte("32 bytes that only this host has"), // keep both secret and never change them
		SealKey:         []byte("32 other bytes that nobody knows"),
		Notice:          consent.NoticeID([]byte("who asks, for what, with whom, for how long")),
	}
	edge, err := collector.New(collector.Config{Prefix: "/h", Sites: []collector.Site{site}}, collector.Logs{Events: events}, enricher, logger)
	if err != nil {
		log.Fatal(err)
	}
	collect := edge.Handler()
	server := &fasthttp.Server{
		Handler: func(ctx *fasthttp.RequestCtx) {
			if strings.HasPrefix(string(ctx.Path()), "/h/") {
				collect(ctx)
				return
			}
			ctx.SetBodyString("a page of the shop")
		},
		MaxRequestBodySize: schemas.MaxBatchBytes,
		ReadTimeout:        10 * time.Second,
		WriteTimeout:       10 * time.Second,
	}
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		log.Fatal(err)
	}
	go server.Serve(ln)
	defer server.Shutdown()

	// What the snippet does in the browser after the visitor has allowed performance, and the collector has sealed that.
	choice := consent.Choice{
		Granted: consent.Essential | consent.Performance, Day: consent.DayOf(time.Now()), Notice: site.Notice,
	}.Seal(site.SealKey, site.ID, [16]byte{1})
	batch := fmt.Sprintf(`{"v":1,"sent":1760000000010,"choice":%q,"events":[{"id":"0198c0de-0000-7000-8000-000000000001",
		"kind":"page","created":1760000000000,"url":"https://shop.example/pricing"}]}`, choice)
	req, err := http.NewRequest(http.MethodPost, "http://"+ln.Addr().String()+"/h/k1/ordinary", strings.NewReader(batch))
	if err != nil {
		log.Fatal(err)
	}
	req.Header.Set("Origin", "https://shop.example")
	req.Header.Set("Content-Type", "text/plain")
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		log.Fatal(err)
	}
	resp.Body.Close()

	// A 202 means that the event is on disk.
	reader, err := events.Reader(wal.Pos{})
	if err != nil {
		log.Fatal(err)
	}
	defer reader.Close()
	record, err := reader.Next(ctx)
	if err != nil {
		log.Fatal(err)
	}
	var group schemas.Group
	if err := group.UnmarshalVT(record.Group); err != nil {
		log.Fatal(err)
	}
	fmt.Println(resp.Status, group.Events[0].Kind, group.Events[0].Path)
	// Output: 202 Accepted page /pricing
}

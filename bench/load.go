package main

import (
	"encoding/binary"
	"fmt"
	"math/rand/v2"
	"strconv"
	"sync"
	"sync/atomic"
	"time"

	"github.com/google/uuid"
	"github.com/valyala/fasthttp"

	"heed/consent"
)

// userAgent is what most requests of the web look like.
const userAgent = "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/143.0.0.0 Safari/537.36"

// load is what the generator sends: requests of batchSize events over connections, as fast as the answers come or at
// most rate a second.
type load struct {
	addr        string
	connections int
	requests    int
	batchSize   int
	seed        uint64
}

// outcome is what came back.
type outcome struct {
	elapsed time.Duration
	wrong   int64 // answers other than 2xx
}

// send sends the load and waits for every answer.
func (l load) send() (outcome, error) {
	var wrong atomic.Int64
	var first atomic.Pointer[error]
	var wg sync.WaitGroup
	start := time.Now()
	for i := range l.connections {
		wg.Go(func() {
			if err := l.connection(uint64(i), &wrong); err != nil {
				first.CompareAndSwap(nil, &err)
			}
		})
	}
	wg.Wait()
	if err := first.Load(); err != nil {
		return outcome{}, fmt.Errorf("send load: %w", *err)
	}
	return outcome{elapsed: time.Since(start), wrong: wrong.Load()}, nil
}

// connection sends one connection's share, one request after the other.
func (l load) connection(index uint64, wrong *atomic.Int64) error {
	client := &fasthttp.HostClient{Addr: l.addr, MaxConns: 1}
	defer client.CloseIdleConnections()
	random := rand.New(rand.NewPCG(l.seed, index))
	request, response := fasthttp.AcquireRequest(), fasthttp.AcquireResponse()
	defer fasthttp.ReleaseRequest(request)
	defer fasthttp.ReleaseResponse(response)
	request.SetRequestURI("http://" + l.addr + "/s/" + siteKey + "/ordinary")
	request.Header.SetMethod(fasthttp.MethodPost)
	request.Header.SetContentType("text/plain;charset=UTF-8")
	request.Header.Set("Origin", origin)
	request.Header.Set("User-Agent", userAgent)
	var body, address []byte
	for range l.requests / l.connections {
		body = appendBatch(body[:0], random, l.batchSize)
		request.SetBodyRaw(body)
		address = fmt.Appendf(address[:0], "%d.%d.%d.%d", 1+random.IntN(223), random.IntN(256), random.IntN(256), random.IntN(256))
		request.Header.SetBytesV("X-Forwarded-For", address)
		if err := client.Do(request, response); err != nil {
			return err
		}
		if code := response.StatusCode(); code < 200 || code > 299 || len(response.Body()) > 0 {
			wrong.Add(1)
		}
	}
	return nil
}

// choice is a sealed grant of every category, so that each event takes the whole way.
var choice = sync.OnceValue(func() string {
	c := consent.Choice{Granted: consent.Essential | consent.Functional | consent.Performance | consent.Advertising,
		Day: int(time.Now().Unix() / 86400), Notice: benchNotice}
	return c.Seal(benchSecret, siteKey, [16]byte{1}).String()
})

// appendBatch appends a batch of n page views with random ids to b.
func appendBatch(b []byte, random *rand.Rand, n int) []byte {
	now := time.Now().UnixMilli()
	b = append(b, `{"v":1,"sent":`...)
	b = strconv.AppendInt(b, now, 10)
	b = append(b, `,"choice":"`...)
	b = append(b, choice()...)
	b = append(b, `","visitor":"`...)
	b = fmt.Appendf(b, "%016x%016x", random.Uint64(), random.Uint64())
	b = append(b, `","events":[`...)
	for i := range n {
		if i > 0 {
			b = append(b, ',')
		}
		b = append(b, `{"id":"`...)
		b = append(b, newID(random, now).String()...)
		b = append(b, `","kind":"page","created":`...)
		b = strconv.AppendInt(b, now, 10)
		b = append(b, `,"url":"`+origin+`/articles/`...)
		b = strconv.AppendInt(b, random.Int64N(2000), 10)
		b = append(b, `?utm_source=news&utm_medium=email&utm_campaign=spring","referrer":"https://search.example/results"}`...)
	}
	return append(b, "]}"...)
}

// newID makes a UUIDv7 (RFC 9562 section 5.7) from a seeded source.
func newID(random *rand.Rand, ms int64) (id uuid.UUID) {
	binary.BigEndian.PutUint64(id[:8], uint64(ms)<<16|0x7000|random.Uint64N(1<<12))
	binary.BigEndian.PutUint64(id[8:], 1<<63|random.Uint64()>>2)
	return id
}

package main

import (
	"bytes"
	"encoding/binary"
	"encoding/hex"
	"fmt"
	"math/rand/v2"
	"net/netip"
	"strconv"
	"time"

	"github.com/google/uuid"
)

// headers are those that Chrome sends with a beacon, and the client's address as a proxy adds it.
const headers = "Host: collector.example\r\n" +
	"Connection: keep-alive\r\n" +
	"sec-ch-ua-platform: \"Windows\"\r\n" +
	"User-Agent: Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/143.0.0.0 Safari/537.36\r\n" +
	"sec-ch-ua: \"Google Chrome\";v=\"143\", \"Chromium\";v=\"143\", \"Not A(Brand\";v=\"24\"\r\n" +
	"sec-ch-ua-mobile: ?0\r\n" +
	"Accept: */*\r\n" +
	"Sec-Fetch-Site: cross-site\r\n" +
	"Sec-Fetch-Mode: cors\r\n" +
	"Sec-Fetch-Dest: empty\r\n" +
	"Accept-Encoding: gzip, deflate, br, zstd\r\n" +
	"Accept-Language: en-GB,en;q=0.9\r\n"

// target is where events go and what they must say to be accepted.
type target struct {
	address string   // host:port
	path    string   // of the batch endpoint
	origin  string   // of the pages
	choices []string // sealed grants, of which each visitor has one
	pixel   bool     // events travel in the query of a GET, as a log of pixels has it
}

// requestsPerVisit is how many requests a visitor sends before another one comes: a page or three, each with its view and
// what it was looked at.
const requestsPerVisit = 5

// maker makes requests of page views with random ids. It belongs to one connection.
type maker struct {
	target
	random *rand.Rand
	events int // per request
	visit
	ids  []uuid.UUID
	body []byte
	raw  []byte
}

// visit is what the requests of one visitor have in common.
type visit struct {
	left   int        // requests until the next visitor comes
	id     [2]uint64  // the visitor's, which the first answer sets as a cookie
	ip     netip.Addr // IPv4
	choice string
}

func newMaker(t target, events int, seed, connection uint64) *maker {
	return &maker{target: t, events: events, random: rand.New(rand.NewPCG(seed, connection))}
}

// next makes one request as it goes over the wire. It is good until the next call, and ids are those of its events.
func (m *maker) next() []byte {
	m.ids = m.ids[:0]
	if m.left == 0 {
		m.nextVisit()
	}
	m.left--
	if m.pixel {
		return m.nextPixel()
	}
	m.makeBody()
	return m.post()
}

// nextVisit lets another visitor come.
func (m *maker) nextVisit() {
	m.left = requestsPerVisit
	m.id = [2]uint64{m.random.Uint64(), m.random.Uint64()}
	var raw [4]byte
	binary.BigEndian.PutUint32(raw[:], m.random.Uint32())
	raw[0] = 1 + raw[0]%223
	m.ip = netip.AddrFrom4(raw)
	if len(m.choices) > 0 {
		m.choice = m.choices[m.random.IntN(len(m.choices))]
	}
}

// again makes the same request once more, as one whose answer was not a 2xx.
func (m *maker) again() []byte {
	m.body = append(bytes.TrimSuffix(bytes.TrimSuffix(m.body, retriedMark), []byte("}")), retriedMark...)
	return m.post()
}

var retriedMark = []byte(`,"retried":true}`)

func (m *maker) post() []byte {
	b := append(m.raw[:0], "POST "...)
	b = append(b, m.path...)
	b = append(b, " HTTP/1.1\r\n"+headers+"Content-Type: text/plain;charset=UTF-8\r\nOrigin: "...)
	b = append(b, m.origin...)
	b = append(b, "\r\nReferer: "...)
	b = append(b, m.origin...)
	b = append(b, "/\r\nX-Forwarded-For: "...)
	b = m.ip.AppendTo(b)
	if m.left < requestsPerVisit-1 {
		b = append(b, "\r\nCookie: heed_v_"+siteKey+"="...)
		b = m.appendVisitor(b)
	}
	b = append(b, "\r\nContent-Length: "...)
	b = strconv.AppendInt(b, int64(len(m.body)), 10)
	b = append(b, "\r\n\r\n"...)
	m.raw = append(b, m.body...)
	return m.raw
}

// nextPixel asks for the image and tells the same about a page view as a batch of one.
func (m *maker) nextPixel() []byte {
	b := append(m.raw[:0], "GET /p.gif?id="...)
	b = m.appendID(b, time.Now().UnixMilli())
	b = append(b, "&visitor="...)
	b = m.appendVisitor(b)
	b = append(b, "&url=https%3A%2F%2Fbench.example%2Farticles%2F"...)
	b = strconv.AppendInt(b, m.random.Int64N(2000), 10)
	b = append(b, "%3Futm_source%3Dnews%26utm_medium%3Demail%26utm_campaign%3Dspring&referrer=https%3A%2F%2Fsearch.example%2Fresults"...)
	b = append(b, " HTTP/1.1\r\n"+headers+"Referer: "...)
	b = append(b, m.origin...)
	b = append(b, "/\r\nX-Forwarded-For: "...)
	b = m.ip.AppendTo(b)
	m.raw = append(b, "\r\n\r\n"...)
	return m.raw
}

// makeBody makes a batch of page views.
func (m *maker) makeBody() {
	now := time.Now().UnixMilli()
	b := append(m.body[:0], `{"v":1,"sent":`...)
	b = strconv.AppendInt(b, now, 10)
	b = append(b, `,"choice":"`...)
	b = append(b, m.choice...)
	b = append(b, `","visitor":"`...)
	b = m.appendVisitor(b)
	b = append(b, `","events":[`...)
	for i := range m.events {
		if i > 0 {
			b = append(b, ',')
		}
		b = append(b, `{"id":"`...)
		b = m.appendID(b, now)
		b = append(b, `","kind":"page","created":`...)
		b = strconv.AppendInt(b, now, 10)
		b = append(b, `,"url":"`...)
		b = append(b, m.origin...)
		b = append(b, `/articles/`...)
		b = strconv.AppendInt(b, m.random.Int64N(2000), 10)
		b = append(b, `?utm_source=news&utm_medium=email&utm_campaign=spring","referrer":"https://search.example/results"}`...)
	}
	m.body = append(b, "]}"...)
}

// appendID appends a new UUIDv7 (RFC 9562 section 5.7) from the seeded source.
func (m *maker) appendID(b []byte, ms int64) []byte {
	var id uuid.UUID
	binary.BigEndian.PutUint64(id[:8], uint64(ms)<<16|0x7000|m.random.Uint64N(1<<12))
	binary.BigEndian.PutUint64(id[8:], 1<<63|m.random.Uint64()>>2)
	m.ids = append(m.ids, id)
	b = append(b, make([]byte, 36)...)
	text := b[len(b)-36:]
	hex.Encode(text, id[:4])
	hex.Encode(text[9:], id[4:6])
	hex.Encode(text[14:], id[6:8])
	hex.Encode(text[19:], id[8:10])
	hex.Encode(text[24:], id[10:])
	text[8], text[13], text[18], text[23] = '-', '-', '-', '-'
	return b
}

// appendVisitor appends the visitor's 128-bit id.
func (m *maker) appendVisitor(b []byte) []byte {
	return fmt.Appendf(b, "%016x%016x", m.id[0], m.id[1])
}

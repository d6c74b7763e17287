package main

import (
	"bytes"
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io"
	"io/fs"
	"log/slog"
	"net/http"
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/ClickHouse/clickhouse-go/v2/lib/driver"
	"github.com/google/uuid"

	"heed/consent"
	"heed/pipeline/clickhouse"
	"heed/pipeline/clickhouse/clickhousetest"
	"heed/schemas"
)

// What the visits of this test carry and what must not come to rest. The addresses are from ranges for documentation
// (RFC 5737, RFC 3849).
const (
	privateAgent   = "HeedPrivacyProbe/7.31 (X11; Linux x86_64)"
	privateIPv4    = "203.0.113.201"
	privateIPv6    = "2001:db8:4a3f:91c2:7e05:b8d1:66f0:23ab"
	refusedVisitor = "c0ffee11223344556677889900aabbcc"
	grantedVisitor = "decade99887766554433221100ffeedd"
	planted        = "planted-value-4711"
	privateOrigin  = "http://private.example"
	privateSites   = "sites:\n" +
		"  - {id: strict, origins: [" + privateOrigin + "]}\n" +
		"  - {id: counting, origins: [" + privateOrigin + "], anonymous_count: true,\n" +
		"     exemption: {basis: FR, since: 2026-01-02, note: own use}}\n"
)

// needle is a value to search for, in every form in which it could be kept.
type needle struct {
	name  string
	forms [][]byte
}

func textNeedle(name, text string, raw ...[]byte) needle {
	forms := [][]byte{[]byte(text), []byte(strings.ToUpper(text)), []byte(hex.EncodeToString([]byte(text)))}
	return needle{name, append(forms, raw...)}
}

func rawNeedle(name string, raw []byte) needle {
	return needle{name, [][]byte{raw, []byte(hex.EncodeToString(raw))}}
}

func (n needle) in(text []byte) bool {
	for _, form := range n.forms {
		if bytes.Contains(text, form) {
			return true
		}
	}
	return false
}

// Refused visits leave no visitor, and no visit at all leaves an address or a user agent: neither in the log's bytes,
// nor in any column of any table, nor in what the process prints. The same search finds a planted value.
func TestNothingRefusedComesToRest(t *testing.T) {
	dir := t.TempDir()
	config := filepath.Join(dir, "heed.yaml")
	if err := os.WriteFile(config, []byte(privateSites), 0o600); err != nil {
		t.Fatal(err)
	}
	data := filepath.Join(dir, "data")
	heed := startHeed(t, data, "--config", config, "--collector.trusted_proxies", "127.0.0.0/8", "--log.level", "debug")
	for _, site := range []string{"strict", "counting"} {
		sendPrivateVisits(t, heed, site)
	}
	printed := heed.stop()

	keys, err := openInstall(data, "", "")
	if err != nil {
		t.Fatal(err)
	}
	address4, address6 := netip.MustParseAddr(privateIPv4).As16(), netip.MustParseAddr(privateIPv6).As16()
	absent := []needle{
		textNeedle("user agent", privateAgent),
		textNeedle("user agent's product", "HeedPrivacyProbe"),
		textNeedle("IPv4 address", privateIPv4, address4[:]),
		textNeedle("IPv6 address", privateIPv6, address6[:]),
		textNeedle("granted visitor's id", grantedVisitor, unhex(t, grantedVisitor)),
		textNeedle("refused visitor's id", refusedVisitor, unhex(t, refusedVisitor)),
	}
	var present []needle
	for _, site := range []string{"strict", "counting"} {
		absent = append(absent, rawNeedle("refused visitor's hash", visitorHash(t, keys, site, refusedVisitor)))
		present = append(present, rawNeedle("granted visitor's hash", visitorHash(t, keys, site, grantedVisitor)))
	}
	present = append(present, textNeedle("planted value", planted))

	places := map[string][]byte{"log": readFolder(t, filepath.Join(data, "wal")), "tables": readTables(t, data)}
	for name, content := range places {
		checkNeedles(t, name, content, absent, present)
	}
	checkNeedles(t, "what heed prints", []byte(printed), append(absent, present...), nil)
}

func checkNeedles(t *testing.T, place string, content []byte, absent, present []needle) {
	t.Helper()
	for _, n := range absent {
		if n.in(content) {
			t.Errorf("%s: found the %s", place, n.name)
		}
	}
	for _, n := range present {
		if !n.in(content) {
			t.Errorf("%s: the search does not find the %s, so it proves nothing", place, n.name)
		}
	}
}

// privateVisit is one request and what it must come to.
type privateVisit struct {
	name     string
	accepts  bool // the grant is made in this very batch
	choice   string
	visitor  string
	headers  map[string]string
	gpc      bool
	kinds    []schemas.Kind
	accepted map[string]int // by site
}

// sendPrivateVisits sends every kind of visit without a performance grant, and at last one with it.
func sendPrivateVisits(t *testing.T, heed *process, site string) {
	t.Helper()
	notice := noticeOf(t, privateSites, site)
	choice := func(granted consent.Categories) string {
		return consent.Choice{Granted: granted, Day: consent.DayOf(time.Now()), Notice: notice}.String()
	}
	all := []schemas.Kind{schemas.Page, schemas.Engagement, schemas.Custom, schemas.Form}
	dnt, gpc := map[string]string{"DNT": "1"}, map[string]string{"Sec-GPC": "1"}
	counted := map[string]int{"counting": 1}
	for _, v := range []privateVisit{
		{name: "no answer", kinds: all, accepted: counted},
		{name: "refused", choice: choice(consent.Essential), kinds: all},
		{name: "other categories", choice: choice(consent.Functional | consent.Advertising), kinds: all},
		{name: "malformed choice", choice: "1.0f.x", kinds: all}, // it may have been a refusal
		{name: "forged seal", choice: choice(consent.All) + "." + strings.Repeat("0", 32) + "." + strings.Repeat("A", 22),
			kinds: all},
		{name: "GPC header, no answer", headers: gpc, kinds: all},
		{name: "GPC in the page, no answer", gpc: true, kinds: all},
		{name: "DNT, no answer", headers: dnt, kinds: all},
		{name: "DNT after a grant", choice: choice(consent.All), headers: dnt, kinds: all},
	} {
		v.visitor = refusedVisitor
		v.send(t, heed, site)
	}
	granted := privateVisit{name: "granted", choice: choice(consent.All), accepts: true, visitor: grantedVisitor, kinds: all,
		accepted: map[string]int{"strict": len(all), "counting": len(all)}}
	granted.send(t, heed, site)
}

// send sends the visit from an IPv4 and from an IPv6 address, and through the pixel.
func (v privateVisit) send(t *testing.T, heed *process, site string) {
	t.Helper()
	for _, address := range []string{privateIPv4, privateIPv6} {
		body, err := json.Marshal(v.batch(address))
		if err != nil {
			t.Fatal(err)
		}
		answer := v.request(t, http.MethodPost, heed.Collector+"/"+site+"/ordinary", address, site, body)
		var got schemas.Answer
		if err := json.Unmarshal(answer, &got); err != nil && len(answer) > 0 {
			t.Fatalf("%s: %v: %s", v.name, err, answer)
		}
		if got.Accepted != v.accepted[site] {
			t.Errorf("site %s, %s: %d events accepted, want %d: %s", site, v.name, got.Accepted, v.accepted[site], answer)
		}
		v.request(t, http.MethodGet, heed.Collector+"/"+site+"/view.gif?u="+privateOrigin+"/pixel", address, site, nil)
	}
}

func (v privateVisit) batch(address string) schemas.Batch {
	now := time.Now().UnixMilli()
	b := schemas.Batch{Version: 1, Sent: now, Choice: v.choice, Visitor: v.visitor, GPC: v.gpc}
	if v.accepts {
		b.Consent = acceptedNow(time.Now())
	}
	view := uuid.Must(uuid.NewV7()).String()
	for _, kind := range v.kinds {
		ev := schemas.Event{ID: uuid.Must(uuid.NewV7()).String(), Kind: kind, Created: now, View: view,
			// Values in a query are no campaign's, so they are not kept either.
			URL: privateOrigin + "/page?visitor=" + v.visitor + "&ip=" + address}
		switch kind {
		case schemas.Page:
			ev.View = ""
		case schemas.Engagement:
			ev.Engaged = 1000
		case schemas.Custom:
			ev.Name, ev.Props = "bought", map[string]string{"what": planted}
		case schemas.Form:
			ev.Form = "signup"
		}
		b.Events = append(b.Events, ev)
	}
	return b
}

func (v privateVisit) request(t *testing.T, method, address, client, site string, body []byte) []byte {
	t.Helper()
	request, err := http.NewRequest(method, address, bytes.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	for name, value := range map[string]string{
		"Content-Type": "text/plain", "Origin": privateOrigin, "User-Agent": privateAgent, "X-Forwarded-For": client,
		"Cookie": "heed_v_" + site + "=" + v.visitor + "; heed=" + v.choice,
	} {
		request.Header.Set(name, value)
	}
	for name, value := range v.headers {
		request.Header.Set(name, value)
	}
	answer, err := http.DefaultClient.Do(request)
	if err != nil {
		t.Fatal(err)
	}
	defer answer.Body.Close()
	text, err := io.ReadAll(answer.Body)
	if err != nil || answer.StatusCode/100 != 2 {
		t.Fatalf("site %s, %s: %s %s: %s %s", site, v.name, method, address, answer.Status, text)
	}
	return text
}

func unhex(t *testing.T, text string) []byte {
	t.Helper()
	raw, err := hex.DecodeString(text)
	if err != nil {
		t.Fatal(err)
	}
	return raw
}

// visitorHash is what is stored of a visitor, worked out from the design and not by the collector's code.
func visitorHash(t *testing.T, keys *install, site, visitor string) []byte {
	t.Helper()
	mac := hmac.New(sha256.New, keys.siteKey("visitor", site))
	mac.Write(unhex(t, visitor))
	return mac.Sum(nil)[:16]
}

// readFolder returns the bytes of every file below dir.
func readFolder(t *testing.T, dir string) (content []byte) {
	t.Helper()
	err := filepath.WalkDir(dir, func(path string, entry fs.DirEntry, err error) error {
		if err != nil || entry.IsDir() {
			return err
		}
		raw, err := os.ReadFile(path)
		content = append(content, raw...)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return content
}

// withTables calls fn with a connection to the tables of a heed that has ended.
func withTables(t *testing.T, data string, fn func(driver.Conn)) {
	t.Helper()
	cfg := clickhouse.Config{Path: filepath.Join(data, "clickhouse"), Library: libraryPath(t)}
	store, err := clickhouse.Open(t.Context(), cfg, slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	defer store.Close(context.Background())
	conn, err := clickhousetest.Connect(store)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	fn(conn)
}

// readTables returns every column of every row of every table and projection, as ClickHouse decompresses it.
func readTables(t *testing.T, data string) (content []byte) {
	t.Helper()
	withTables(t, data, func(conn driver.Conn) {
		tables := readStrings(t, conn, "SELECT name FROM system.tables WHERE database = currentDatabase()")
		for _, projection := range readStrings(t, conn, "SELECT name FROM system.projections WHERE database = currentDatabase()") {
			tables = append(tables, fmt.Sprintf("mergeTreeProjection(currentDatabase(), 'events', '%s')", projection))
		}
		if len(tables) < 5 {
			t.Fatalf("tables = %q, want events, dead letters, migrations and two projections", tables)
		}
		for _, table := range tables {
			for _, row := range readStrings(t, conn, "SELECT formatRow('RowBinary', *) FROM "+table) {
				content = append(content, row...)
			}
		}
	})
	return content
}

func readStrings(t *testing.T, conn driver.Conn, sql string) (texts []string) {
	t.Helper()
	rows, err := conn.Query(t.Context(), sql)
	if err != nil {
		t.Fatalf("%s: %v", sql, err)
	}
	defer rows.Close()
	for rows.Next() {
		var text string
		if err := rows.Scan(&text); err != nil {
			t.Fatal(err)
		}
		texts = append(texts, text)
	}
	if err := rows.Err(); err != nil {
		t.Fatal(err)
	}
	return texts
}

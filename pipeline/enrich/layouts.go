package enrich

import (
	"net/netip"
	"strings"
	"sync"
	"sync/atomic"

	"github.com/oschwald/geoip2-golang/v2"
	"github.com/oschwald/maxminddb-golang/v2"
)

var (
	_ table = ipv4Only{}
	_ table = flatFile{}
	_ table = maxmindPlaces{}
	_ table = maxmindNetworks{}
)

// ipv4Only keeps IPv6 addresses away from a file that would answer them with an error.
type ipv4Only struct{ table }

func (t ipv4Only) lookup(ip netip.Addr) (Place, error) {
	if !ip.Is4() {
		return Place{}, nil
	}
	return t.table.lookup(ip)
}

// flatFile is the layout of ip-location-db: country_code alone, or with state1 and city; or a network, in the two
// fields that MaxMind uses, as in the file that deploy/fetch makes. The city is not read.
type flatFile struct {
	r       *maxminddb.Reader
	records *sync.Pool // of *flatRecord, which the decoder would have to allocate for every lookup
	decoded *decoded
	named   bool // its records have regions
}

// decoded is what records said, each at a place that follows from where it lies in the file. Of random addresses seven in
// ten are of a record that is there, and reading one touches a dozen cold pieces of the file. It takes 0.6 MB when it is
// full. Readers and writers need no lock: an entry is never changed.
type decoded [8192]atomic.Pointer[decodedRecord]

type decodedRecord struct {
	offset uintptr
	place  Place
}

func (d *decoded) at(offset uintptr) *atomic.Pointer[decodedRecord] {
	return &d[uint64(offset)*0x9E3779B97F4A7C15>>(64-13)] // Fibonacci hashing: Knuth, The Art of Computer Programming, 6.4
}

type flatRecord struct {
	Country string `maxminddb:"country_code"`
	Region  string `maxminddb:"state1"`
	Number  uint32 `maxminddb:"autonomous_system_number"`
	Owner   string `maxminddb:"autonomous_system_organization"`
}

func newFlatFile(r *maxminddb.Reader, regions bool) flatFile {
	return flatFile{r, &sync.Pool{New: func() any { return new(flatRecord) }}, new(decoded), regions}
}

func (t flatFile) regions() bool { return t.named }

func (t flatFile) lookup(ip netip.Addr) (Place, error) {
	found := t.r.Lookup(ip)
	if !found.Found() {
		return Place{}, found.Err()
	}
	slot := t.decoded.at(found.Offset())
	if known := slot.Load(); known != nil && known.offset == found.Offset() {
		return known.place, nil
	}
	rec := t.records.Get().(*flatRecord)
	defer t.records.Put(rec)
	*rec = flatRecord{}
	if err := found.Decode(rec); err != nil {
		return Place{}, err
	}
	p := placeIn(rec.Country, rec.Region)
	p.Network, p.NetworkOwner = rec.Number, rec.Owner
	slot.Store(&decodedRecord{found.Offset(), p})
	return p, nil
}

// maxmindPlaces is GeoLite2 and GeoIP2 City, Country and Enterprise. The country is the one of the address, never the
// one where its block is registered: a wrong country would be worse for consent than none.
type maxmindPlaces struct{ r *geoip2.Reader }

func (t maxmindPlaces) lookup(ip netip.Addr) (Place, error) {
	rec, err := t.r.City(ip)
	if err != nil {
		return Place{}, err
	}
	region := ""
	if len(rec.Subdivisions) > 0 {
		region = rec.Subdivisions[0].Names.English
	}
	return placeIn(rec.Country.ISOCode, region), nil
}

// regions goes by the type: Country has no subdivisions, City and Enterprise do.
func (t maxmindPlaces) regions() bool {
	return !strings.Contains(t.r.Metadata().DatabaseType, "Country")
}

// maxmindNetworks is GeoLite2 ASN and GeoIP2 ISP.
type maxmindNetworks struct{ r *geoip2.Reader }

func (t maxmindNetworks) lookup(ip netip.Addr) (Place, error) {
	rec, err := t.r.ASN(ip)
	if err != nil {
		return Place{}, err
	}
	return Place{Network: uint32(rec.AutonomousSystemNumber), NetworkOwner: rec.AutonomousSystemOrganization}, nil
}

func (maxmindNetworks) regions() bool { return false }

// placeIn takes only what has the form of a country. ZZ is how some data says unknown; a region needs its country.
func placeIn(country, region string) Place {
	if len(country) != 2 || strings.EqualFold(country, "ZZ") {
		return Place{}
	}
	return Place{Country: strings.ToUpper(country), Region: region}
}

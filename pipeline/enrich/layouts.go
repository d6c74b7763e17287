package enrich

import (
	"net/netip"
	"strings"

	"github.com/oschwald/geoip2-golang/v2"
	"github.com/oschwald/maxminddb-golang/v2"
)

var (
	_ table = ipv4Only{}
	_ table = flatPlaces{}
	_ table = flatNetworks{}
	_ table = maxmindPlaces{}
	_ table = maxmindNetworks{}
)

// ipv4Only keeps IPv6 addresses away from a file that would answer them with an error.
type ipv4Only struct{ table }

func (t ipv4Only) lookup(ip netip.Addr, p *Place) error {
	if !ip.Is4() {
		return nil
	}
	return t.table.lookup(ip, p)
}

// flatPlaces is the layout of ip-location-db: country_code alone, or with state1 and city. The city is not kept.
type flatPlaces struct{ r *maxminddb.Reader }

func (t flatPlaces) lookup(ip netip.Addr, p *Place) error {
	var rec struct {
		Country string `maxminddb:"country_code"`
		Region  string `maxminddb:"state1"`
	}
	if err := t.r.Lookup(ip).Decode(&rec); err != nil {
		return err
	}
	p.setCountry(rec.Country, rec.Region)
	return nil
}

// flatNetworks is the layout of ip-location-db and of the file that deploy/fetch makes: MaxMind's two fields.
type flatNetworks struct{ r *maxminddb.Reader }

func (t flatNetworks) lookup(ip netip.Addr, p *Place) error {
	var rec struct {
		Number uint32 `maxminddb:"autonomous_system_number"`
		Owner  string `maxminddb:"autonomous_system_organization"`
	}
	if err := t.r.Lookup(ip).Decode(&rec); err != nil {
		return err
	}
	p.Network, p.NetworkOwner = rec.Number, rec.Owner
	return nil
}

// maxmindPlaces is GeoLite2 and GeoIP2 City, Country and Enterprise. The country is the one of the address, never the
// one where its block is registered: a wrong country would be worse for consent than none.
type maxmindPlaces struct{ r *geoip2.Reader }

func (t maxmindPlaces) lookup(ip netip.Addr, p *Place) error {
	rec, err := t.r.City(ip)
	if err != nil {
		return err
	}
	region := ""
	if len(rec.Subdivisions) > 0 {
		region = rec.Subdivisions[0].Names.English
	}
	p.setCountry(rec.Country.ISOCode, region)
	return nil
}

// maxmindNetworks is GeoLite2 ASN and GeoIP2 ISP.
type maxmindNetworks struct{ r *geoip2.Reader }

func (t maxmindNetworks) lookup(ip netip.Addr, p *Place) error {
	rec, err := t.r.ASN(ip)
	if err != nil {
		return err
	}
	p.Network, p.NetworkOwner = uint32(rec.AutonomousSystemNumber), rec.AutonomousSystemOrganization
	return nil
}

// setCountry takes only what has the form of a country. ZZ is how some data says unknown; a region needs its country.
func (p *Place) setCountry(country, region string) {
	if len(country) != 2 || strings.EqualFold(country, "ZZ") {
		return
	}
	p.Country, p.Region = strings.ToUpper(country), region
}

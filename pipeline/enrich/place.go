package enrich

import (
	"net/netip"
	"runtime/debug"

	"heed/consent"
)

// Place is where an address is used and by whose network, as far as the geo data knows. Empty fields are unknown.
type Place struct {
	Country      string // ISO 3166-1 alpha-2, upper case
	Region       string // the English name that the data gives to the largest subdivision: a state, a canton, a Land
	Network      uint32 // number of the autonomous system
	NetworkOwner string // who announces it
}

// Geo tells what the files in use know of places. Regions are known only where every file names them: an address is looked
// up in one after the other, and the first that knows its country has the last word.
func (e *Enricher) Geo() consent.Geo {
	g := consent.Geo{Countries: len(e.places) > 0, Regions: len(e.places) > 0}
	for _, s := range e.places {
		g.Regions = g.Regions && s.table().regions()
	}
	return g
}

// Place looks ip up. An address that is not on the public internet has no place; a 4-in-6 address is its IPv4 address.
func (e *Enricher) Place(ip netip.Addr) Place {
	var none Recent
	return e.PlaceAgain(ip, &none)
}

// Recent is where an address was that was looked up a moment ago. Like everything that is remembered here it has the
// address as a keyed hash only. Its zero value is of no address.
type Recent struct {
	key   cacheKey
	place Place
}

// PlaceAgain is Place for whoever mostly asks for the address that they asked for last: recent is of that one, and of
// this one afterwards. It is the caller's own.
func (e *Enricher) PlaceAgain(ip netip.Addr, recent *Recent) Place {
	ip = ip.Unmap().WithZone("")
	if !ip.IsGlobalUnicast() || ip.IsPrivate() {
		return Place{}
	}
	key := keyIn(e.known, seenAddress{ip.As16(), e.replaced.Load()})
	if recent.key == key {
		return recent.place
	}
	p, ok := e.known.get(key)
	if !ok {
		if p, ok = e.find(ip); !ok {
			return p
		}
		e.known.put(key, p)
	}
	*recent = Recent{key, p}
	return p
}

// find asks the files. It reports false where one of them could not be read, and the place may be known the next time.
func (e *Enricher) find(ip netip.Addr) (p Place, ok bool) {
	// The files are mapped into memory. Where one is cut short in place, reading it is a fault, which by default ends
	// the process; here it becomes a panic and the place unknown, until the next poll finds the new file.
	defer debug.SetPanicOnFault(debug.SetPanicOnFault(true))
	defer e.surviveFault(&p, &ok)

	ok = true
	for _, s := range e.places {
		if found := e.lookup(s, ip, &ok); found.Country != "" {
			p.Country, p.Region = found.Country, found.Region
			break
		}
	}
	for _, s := range e.networks {
		if found := e.lookup(s, ip, &ok); found.Network != 0 {
			p.Network, p.NetworkOwner = found.Network, found.NetworkOwner
			break
		}
	}
	return p, ok
}

// lookup counts an error and goes on without: a damaged record of one address is no reason to refuse its events.
func (e *Enricher) lookup(s *source, ip netip.Addr, ok *bool) Place {
	found, err := s.table().lookup(ip)
	if err != nil {
		e.metrics.lookupErrors.Inc()
		*ok = false
	}
	return found
}

// surviveFault must be deferred directly. Panics that are not memory faults go on.
func (e *Enricher) surviveFault(p *Place, ok *bool) {
	r := recover()
	if r == nil {
		return
	}
	if _, fault := r.(interface{ Addr() uintptr }); !fault {
		panic(r)
	}
	*p, *ok = Place{}, false
	e.metrics.lookupErrors.Inc()
}

package enrich

import (
	"errors"
	"fmt"
	"io/fs"
	"net/netip"
	"os"
	"sync/atomic"

	"github.com/oschwald/geoip2-golang/v2"
	"github.com/oschwald/maxminddb-golang/v2"
)

// kind is what a file is asked for.
type kind string

const (
	placeData   kind = "places"
	networkData kind = "networks"
)

// table is one open file. A table that was replaced is unmapped by the garbage collector once no lookup uses it
// (the reader registers that itself), so that a lookup needs neither a lock nor a reference count.
type table interface {
	// lookup returns what the file knows about ip; fields that it knows nothing about are empty.
	lookup(ip netip.Addr) (Place, error)
	// regions reports whether the file names regions of countries.
	regions() bool
}

// source is a file by its path, with what was last loaded from it.
type source struct {
	path string
	kind kind

	loaded  fs.FileInfo // of the file behind current; only the goroutine that loads may touch it and lastErr
	lastErr string
	current atomic.Pointer[table]
}

func (s *source) table() table { return *s.current.Load() }

// changed compares the file with what was loaded. Replacing it by a rename is seen also when size and time are equal.
func (s *source) changed() (bool, error) {
	now, err := os.Stat(s.path)
	if err != nil {
		return false, err
	}
	was := s.loaded
	return !os.SameFile(was, now) || was.Size() != now.Size() || !was.ModTime().Equal(now.ModTime()), nil
}

// load opens the file and puts it in the place of what was loaded before.
func (s *source) load() error {
	info, err := os.Stat(s.path) // before it is opened: a change in between is then seen by the next poll
	if err != nil {
		return s.explain(err)
	}
	t, err := openTable(s.path, s.kind)
	if err != nil {
		return s.explain(err)
	}
	s.current.Store(&t)
	s.loaded = info
	return nil
}

func (s *source) explain(err error) error {
	remedy := "put a MaxMind DB file there that knows " + string(s.kind)
	if errors.Is(err, fs.ErrNotExist) {
		remedy = "fetch the default data with `go run ./deploy/fetch`, or name another file"
	}
	return fmt.Errorf("open geo file %q: %w (%s)", s.path, err, remedy)
}

// openTable finds out from the file itself, not from its name, which layout its records have.
func openTable(path string, want kind) (table, error) {
	flat, err := maxminddb.Open(path)
	if err != nil {
		return nil, err
	}
	has, t, err := layoutOf(path, flat)
	if err != nil {
		return nil, err
	}
	if has != want {
		return nil, fmt.Errorf("database type %q has %s, not %s", flat.Metadata.DatabaseType, has, want)
	}
	if flat.Metadata.IPVersion == 4 {
		t = ipv4Only{t}
	}
	return t, nil
}

// layoutOf prefers MaxMind's layouts, which geoip2 recognises by the database type in the metadata. Anything else is
// judged by the fields of its first record.
func layoutOf(path string, flat *maxminddb.Reader) (kind, table, error) {
	if known, err := geoip2.Open(path); err == nil {
		return layoutOfMaxMind(known)
	}
	for first := range flat.Networks(maxminddb.SkipEmptyValues()) {
		var fields map[string]any
		if err := first.Decode(&fields); err != nil {
			return "", nil, fmt.Errorf("read the first record: %w", err)
		}
		if _, ok := fields["country_code"]; ok {
			return placeData, newFlatFile(flat, namesRegions(flat)), nil
		}
		if _, ok := fields["autonomous_system_number"]; ok {
			return networkData, newFlatFile(flat, false), nil
		}
		break
	}
	return "", nil, fmt.Errorf("database type %q has neither country_code nor autonomous_system_number",
		flat.Metadata.DatabaseType)
}

// maxProbed is how many records are looked at for a region; in DB-IP's data all but a few have one.
const maxProbed = 1000

// namesRegions reports whether any of the first records does.
func namesRegions(flat *maxminddb.Reader) bool {
	probed := 0
	for network := range flat.Networks(maxminddb.SkipEmptyValues()) {
		var rec flatRecord
		if network.Decode(&rec) == nil && rec.Region != "" {
			return true
		}
		if probed++; probed == maxProbed {
			break
		}
	}
	return false
}

func layoutOfMaxMind(r *geoip2.Reader) (kind, table, error) {
	anywhere := netip.IPv4Unspecified()
	if _, err := r.City(anywhere); !isWrongMethod(err) {
		return placeData, maxmindPlaces{r}, nil
	}
	if _, err := r.ASN(anywhere); !isWrongMethod(err) {
		return networkData, maxmindNetworks{r}, nil
	}
	return "", nil, fmt.Errorf("database type %q has neither countries nor networks", r.Metadata().DatabaseType)
}

func isWrongMethod(err error) bool {
	_, wrong := errors.AsType[geoip2.InvalidMethodError](err)
	return wrong
}

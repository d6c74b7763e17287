package collector_test

import (
	"net"
	"os"
	"path/filepath"
	"testing"

	"github.com/maxmind/mmdbwriter"
	"github.com/maxmind/mmdbwriter/mmdbtype"

	"heed/pipeline/enrich"
)

// Addresses that the test's geo data knows.
const (
	zurichIP  = "81.2.69.142"
	unknownIP = "9.9.9.9"
)

// geoData writes files that know one network each.
func geoData(t testing.TB) enrich.Config {
	t.Helper()
	const network = "81.2.69.0/24"
	return enrich.Config{
		City: []string{geoFile(t, "city", network, mmdbtype.Map{
			"country_code": mmdbtype.String("CH"), "state1": mmdbtype.String("Zurich"),
		})},
		Network: []string{geoFile(t, "asn", network, mmdbtype.Map{
			"autonomous_system_number":       mmdbtype.Uint32(3303),
			"autonomous_system_organization": mmdbtype.String("Bluewin"),
		})},
	}
}

func geoFile(t testing.TB, name, network string, record mmdbtype.Map) string {
	t.Helper()
	tree, err := mmdbwriter.New(mmdbwriter.Options{DatabaseType: name, RecordSize: 24})
	if err != nil {
		t.Fatal(err)
	}
	_, prefix, err := net.ParseCIDR(network)
	if err != nil {
		t.Fatal(err)
	}
	if err := tree.Insert(prefix, record); err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(t.TempDir(), name+".mmdb")
	f, err := os.Create(path)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	if _, err := tree.WriteTo(f); err != nil {
		t.Fatal(err)
	}
	return path
}

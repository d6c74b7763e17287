package main

import (
	"encoding/json"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/maxmind/mmdbwriter"
	"github.com/maxmind/mmdbwriter/mmdbtype"

	"heed/consent"
)

// matrixNetwork is the number of the network that every visit comes from.
const matrixNetwork = 64500

// matrixPlace is one place of a row of the matrix, and a visitor's address there.
type matrixPlace struct {
	row, code       string
	country, region string // as the geo data says
	address         string
	cells           map[string]any // the row's values by column, as the file has them
	class           string
}

// readMatrixPlaces takes the first place of each row from the file itself, without consent's own reading of it.
func readMatrixPlaces(t *testing.T) (places []matrixPlace) {
	t.Helper()
	type cells map[string]struct{ Value any }
	var m struct {
		Regions map[string]map[string]string
		Classes map[string]cells
		Rows    []struct {
			ID, Class string
			Places    []string
			Cells     cells
		}
	}
	text, err := os.ReadFile(filepath.Join("..", "..", "consent", "matrix.json"))
	if err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal(text, &m); err != nil {
		t.Fatal(err)
	}
	for i, row := range m.Rows {
		place := matrixPlace{row: row.ID, code: row.ID, class: row.Class, cells: map[string]any{}}
		switch {
		case row.ID == consent.Rest:
			place.country = "AR" // has no row
		case len(row.Places) > 0:
			place.code = row.Places[0]
			country, region, _ := strings.Cut(place.code, "-")
			place.country, place.region = country, "Testshire"
			for name, code := range m.Regions[country] {
				if code == region {
					place.region = name
				}
			}
		}
		place.address = fmt.Sprintf("81.2.%d.147", i)
		for _, of := range []cells{m.Classes[row.Class], row.Cells} {
			for column, cell := range of {
				place.cells[column] = cell.Value
			}
		}
		places = append(places, place)
	}
	return places
}

// oneOfEachClass keeps the first place of each class of rows.
func oneOfEachClass(places []matrixPlace) (kept []matrixPlace) {
	seen := map[string]bool{}
	for _, place := range places {
		if !seen[place.class] {
			seen[place.class] = true
			kept = append(kept, place)
		}
	}
	return kept
}

// writeMatrixGeo writes geo data that knows each place's address, but for that of the place that is not known, and says
// that all of them are in one network. It returns the names of both files.
func writeMatrixGeo(t *testing.T, dir string, places []matrixPlace) (city, network string) {
	t.Helper()
	at, owners := map[string]mmdbtype.Map{}, map[string]mmdbtype.Map{}
	for _, place := range places {
		if place.country != "" {
			at[place.address] = mmdbtype.Map{
				"country_code": mmdbtype.String(place.country), "state1": mmdbtype.String(place.region),
			}
		}
		owners[place.address] = mmdbtype.Map{
			"autonomous_system_number":       mmdbtype.Uint32(matrixNetwork),
			"autonomous_system_organization": mmdbtype.String("Test Network"),
		}
	}
	city, network = filepath.Join(dir, "city.mmdb"), filepath.Join(dir, "asn.mmdb")
	writeGeo(t, city, at)
	writeGeo(t, network, owners)
	return city, network
}

// writeGeo writes a MaxMind DB with a record for the /24 of each address.
func writeGeo(t *testing.T, path string, records map[string]mmdbtype.Map) {
	t.Helper()
	tree, err := mmdbwriter.New(mmdbwriter.Options{DatabaseType: "test", RecordSize: 24})
	if err != nil {
		t.Fatal(err)
	}
	for address, record := range records {
		_, prefix, err := net.ParseCIDR(address + "/24")
		if err != nil {
			t.Fatal(err)
		}
		if err := tree.Insert(prefix, record); err != nil {
			t.Fatal(err)
		}
	}
	file, err := os.Create(path)
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	if _, err := tree.WriteTo(file); err != nil {
		t.Fatal(err)
	}
}

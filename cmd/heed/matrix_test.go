package main

import (
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/ClickHouse/clickhouse-go/v2/lib/driver"

	"heed/consent"
)

// matrixVisit is what one page's rows in the events have in common, and which kinds there are, once each and in order.
type matrixVisit struct {
	path, kinds     string
	jurisdiction    string
	categories      consent.Categories
	anonymous       bool
	country, region string
	network         uint32
	visitor         string // as stored, in hexadecimal; zeros without one
	clickID         string
	recorded        bool // a consent record is named
}

const nobody = "00000000000000000000000000000000"

// Every cell of the matrix, driven in browsers through a real collector from an address of its place: what is stored is
// what the cell says, with each signal and without, before and after each choice. In each run one place of each class of
// rows; with HEED_MATRIX=all, as in make endure, Chromium visits every row.
func TestMatrix(t *testing.T) {
	places := readMatrixPlaces(t)
	if len(places) < 76 {
		t.Fatalf("the matrix has %d rows, want at least 76", len(places))
	}
	each := oneOfEachClass(places)
	drives := map[string][]matrixPlace{"chromium": each, "firefox": each, "webkit": each}
	if os.Getenv("HEED_MATRIX") == "all" {
		drives["chromium"] = places
	}

	m := startMatrix(t, drives["chromium"])
	t.Run("drive", func(t *testing.T) {
		for engine, places := range drives {
			t.Run(engine, func(t *testing.T) {
				t.Parallel()
				driveMatrix(t, m.site.URL, engine, places)
			})
		}
	})
	printed := m.heed.stop()
	if t.Failed() {
		return
	}
	got := m.readVisits(t)
	var want []matrixVisit
	for engine, places := range drives {
		for _, place := range places {
			want = append(want, m.check(t, got, engine, place)...)
		}
	}
	m.checkRecords(t, drives)
	m.search(t, want, printed)
}

// matrixRun is heed serve with one site, and that site.
type matrixRun struct {
	site *matrixSite
	heed *process
	data string
	keys *install
}

// matrixConfig declares something for each category, so that all can be chosen.
const matrixConfig = `sites:
  - id: matrix
    origins: [%[1]q]
    public_url: %[1]q
    anonymous_count: true
    purposes: [{id: directions, name: Directions, category: functional, data: [address], retention_days: 30}]
    recipients: [{id: mapco, name: Map Co, country: DE}]
    services: [{id: map, category: functional, purposes: [directions], recipient: mapco, lifetime_days: 7}]
`

func startMatrix(t *testing.T, places []matrixPlace) *matrixRun {
	t.Helper()
	dir := t.TempDir()
	m := &matrixRun{site: newMatrixSite(t, places), data: filepath.Join(dir, "data")}
	config := filepath.Join(dir, "heed.yaml")
	text := fmt.Sprintf(matrixConfig, m.site.URL)
	if err := os.WriteFile(config, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	city, network := writeMatrixGeo(t, dir, places)
	m.heed = startHeed(t, m.data, "--config", config, "--collector.prefix", matrixPrefix, "--geo.city", city, "--geo.network", network,
		"--collector.trusted_proxies", "127.0.0.0/8", "--log.level", "debug")
	m.site.toward(t, m.heed.Collector)
	var err error
	if m.keys, err = openInstall(m.data, "", ""); err != nil {
		t.Fatal(err)
	}
	return m
}

var matrixSignals = []string{"none", "gpc", "dnt"}

func driveMatrix(t *testing.T, site, engine string, places []matrixPlace) {
	t.Helper()
	var visitors [][]string // one for each place
	for _, place := range places {
		var visits []string
		for _, signal := range matrixSignals {
			visits = append(visits, fmt.Sprintf("/at/%s/%s/%s", engine, place.code, signal))
		}
		visitors = append(visitors, visits)
	}
	list, err := json.Marshal(visitors)
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.CommandContext(t.Context(), "node", filepath.Join("testdata", "browser", "matrix.mjs"), site, string(list))
	cmd.Env = append(os.Environ(), "HEED_ENGINE="+engine)
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Errorf("drive %s: %v (make browser installs it)\n%s", engine, err, out)
	}
}

// check compares what is stored of one place with what its cells say, which it returns.
func (m *matrixRun) check(t *testing.T, stored map[string]matrixVisit, engine string, place matrixPlace) (wants []matrixVisit) {
	t.Helper()
	for _, signal := range matrixSignals {
		for _, page := range []string{"before", "accept", "refuse", "custom"} {
			path := fmt.Sprintf("/at/%s/%s/%s/%s", engine, place.code, signal, page)
			want := m.expect(t, place, signal, page, path)
			got := stored[path]
			got.path = path // also where nothing is stored
			if got != want {
				t.Errorf("%s, row %s: stored is %+v, want %+v", path, place.row, got, want)
			}
			wants = append(wants, want)
		}
	}
	return wants
}

// expect reads from a row's cells what may be stored of a page.
func (m *matrixRun) expect(t *testing.T, place matrixPlace, signal, page, path string) matrixVisit {
	t.Helper()
	granted := grantedBy(place.cells, signal, page)
	visit := matrixVisit{path: path, jurisdiction: place.row, country: place.country, categories: granted, visitor: nobody}
	switch {
	case granted.Has(consent.Performance):
		visit.kinds = "custom page"
		visit.region, visit.network = place.region, matrixNetwork
		visit.visitor = fmt.Sprintf("%x", visitorHash(t, m.keys, "matrix", matrixVisitor(path)))
		visit.recorded = page != "before" && place.cells["advertising"] == "denied" // elsewhere no choice grants anything
		if granted.Has(consent.Advertising) {
			visit.clickID = "Click" + strings.ReplaceAll(path, "/", ".")
		}
	case page == "before" && signal == "none" && place.cells["anonymous_count"] != "exempt":
		visit.kinds, visit.anonymous = "page", true
	default:
		return matrixVisit{path: path}
	}
	return visit
}

// grantedBy reads from a row's cells what is granted on a page: its defaults before a choice, then the choice; and what a
// signal takes away, from the defaults everywhere, from a choice made in its sight only where it is an opt-out.
func grantedBy(cells map[string]any, signal, page string) consent.Categories {
	granted := consent.Essential
	switch page {
	case "before":
		for column, category := range map[string]consent.Categories{
			"functional": consent.Functional, "performance": consent.Performance, "advertising": consent.Advertising,
		} {
			if cells[column] == "granted" {
				granted |= category
			}
		}
	case "accept":
		granted = consent.All
	case "custom":
		granted |= consent.Performance
	}
	if signal == "none" || page != "before" && cells[signal] != "opt_out" {
		return granted
	}
	if signal == "dnt" && cells[signal] != "opt_out" {
		granted &^= consent.Performance
	}
	return granted &^ consent.Advertising
}

// readVisits returns what is stored by the path of the page.
func (m *matrixRun) readVisits(t *testing.T) map[string]matrixVisit {
	t.Helper()
	const question = `SELECT path, arrayStringConcat(arraySort(groupUniqArray(toString(kind))), ' '), any(jurisdiction), any(categories),
		any(anonymous), any(country), any(region), any(network), lower(hex(any(visitor))), any(click_id), any(record) != '',
		uniqExact(jurisdiction, categories, anonymous, country, region, network, visitor, click_id, record)
		FROM events WHERE site = 'matrix' AND kind != 'engagement' GROUP BY path`
	visits := map[string]matrixVisit{}
	withTables(t, m.data, func(conn driver.Conn) {
		rows, err := conn.Query(t.Context(), question)
		if err != nil {
			t.Fatal(err)
		}
		defer rows.Close()
		for rows.Next() {
			var path string
			var v matrixVisit
			var categories uint8
			var forms uint64
			if err := rows.Scan(&path, &v.kinds, &v.jurisdiction, &categories, &v.anonymous, &v.country, &v.region, &v.network,
				&v.visitor, &v.clickID, &v.recorded, &forms); err != nil {
				t.Fatal(err)
			}
			v.categories = consent.Categories(categories)
			if visits[path] = v; forms != 1 {
				t.Errorf("%s: its rows differ in %d ways", path, forms)
			}
		}
		if err := rows.Err(); err != nil {
			t.Fatal(err)
		}
	})
	return visits
}

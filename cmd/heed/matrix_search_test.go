package main

import (
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"testing"
)

// clickMark finds every click id that a visit of the matrix brought to a page that is looked at.
var clickMark = regexp.MustCompile(`Click\.at\.[a-z]+\.[\w-]+\.(none|gpc|dnt)\.(before|accept|refuse|custom)`)

// search looks for what must not be there: in every byte of every file under the data folder, in every row as ClickHouse
// decompresses it, and in what the process has printed. No address, user agent or visitor's own id may be anywhere, and of
// a visit without permission neither the visitor's hash nor the click id. Those of permitted visits must be found in the
// tables, or the search proves nothing.
func (m *matrixRun) search(t *testing.T, visits []matrixVisit, printed string) {
	t.Helper()
	places := map[string][]byte{"what heed prints": []byte(printed), "the tables": readTables(t, m.data)}
	for name, content := range filesUnder(t, m.data) {
		places[name] = content
	}
	nowhere := []needle{
		textNeedle("user agent", "HeedMatrixProbe"),
		rawNeedle("address", []byte("\x00\x00\x00\x00\xff\xff\x51\x02")), // 81.2.0.0/16 in 16 bytes
		rawNeedle("visitor's own id", []byte(visitorMark)),
	}
	clicks := map[string]bool{}
	for _, visit := range visits {
		if visit.clickID != "" {
			clicks[visit.clickID] = true
		}
		if visit.visitor == nobody || visit.visitor == "" {
			nowhere = append(nowhere, rawNeedle("visitor of "+visit.path, visitorHash(t, m.keys, "matrix", matrixVisitor(visit.path))))
		}
	}
	for name, content := range places {
		checkNeedles(t, name, content, nowhere, nil)
		if matrixAddress.Match(content) {
			t.Errorf("%s: found the address %s", name, matrixAddress.Find(content))
		}
		for _, click := range clickMark.FindAll(content, -1) {
			if !clicks[string(click)] {
				t.Errorf("%s: found the click id %s", name, click)
			}
		}
	}
	m.mustFind(t, visits, places["the tables"])
}

// matrixAddress is how an address of these visits is written.
var matrixAddress = regexp.MustCompile(`81\.2\.\d+\.147`)

// mustFind shows that the search finds what may be there.
func (m *matrixRun) mustFind(t *testing.T, visits []matrixVisit, tables []byte) {
	t.Helper()
	for _, visit := range visits {
		var present []needle
		if visit.visitor != nobody && visit.visitor != "" {
			present = append(present, rawNeedle("visitor of "+visit.path, unhex(t, visit.visitor)))
		}
		if visit.clickID != "" {
			present = append(present, textNeedle("click id of "+visit.path, visit.clickID))
		}
		checkNeedles(t, "the tables", tables, nil, present)
	}
}

// filesUnder returns the bytes of every file below dir by its name.
func filesUnder(t *testing.T, dir string) map[string][]byte {
	t.Helper()
	files := map[string][]byte{}
	err := filepath.WalkDir(dir, func(path string, entry fs.DirEntry, err error) error {
		if err != nil || !entry.Type().IsRegular() {
			return err
		}
		files[path], err = os.ReadFile(path)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return files
}

package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"heed/pipeline/records"
)

// Five sites' roots of five years are a folder that a running heed has to take; what is too much it says in words.
func TestConsentQuestionHoldsManyRoots(t *testing.T) {
	f := func(notes int, most int64, wantStatus int, wantMessage string) {
		t.Helper()
		body, err := json.Marshal(consentQuestion{Verb: consentVerify, Notes: slices.Repeat([]records.Note{{Name: "a.note", Text: make([]byte, 1000)}}, notes)})
		if err != nil {
			t.Fatal(err)
		}
		w := httptest.NewRecorder()
		q, ok := decodeConsentQuestion(w, httptest.NewRequest(http.MethodPost, consentPath, bytes.NewReader(body)), most)
		if w.Code != wantStatus || !strings.Contains(w.Body.String(), wantMessage) || ok && len(q.Notes) != notes {
			t.Errorf("decodeConsentQuestion of %d roots = %d, %v, %d %s; want %d %s", notes, len(q.Notes), ok, w.Code, w.Body, wantStatus, wantMessage)
		}
	}
	f(9000, maxConsentQuestionBytes, http.StatusOK, "")
	f(2000, 1<<20, http.StatusRequestEntityTooLarge, "more than the 1 MiB that a running heed takes; verify site by site, by --site")
}

// Of a folder of roots only those of the site that is asked for are sent, and what cannot be told.
func TestConsentQuestionLeavesOtherSitesOut(t *testing.T) {
	dir := t.TempDir()
	for name, text := range map[string]string{"a": "heed/shop\n3\n", "b": "heed/blog\n3\n", "c": "torn"} {
		if err := os.WriteFile(filepath.Join(dir, name+".note"), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	f := func(want string, args ...string) {
		t.Helper()
		cmd := consentRecordCommands()[0]
		flags, err := parseFlags(cmd, append(args, "--roots", dir))
		if err != nil {
			t.Fatal(err)
		}
		q, err := readConsentQuestion(flags, consentVerify)
		var got []string
		for _, note := range q.Notes {
			got = append(got, filepath.Base(note.Name))
		}
		if fmt.Sprint(got) != want || err != nil {
			t.Errorf("%q sends %v, %v; want %s", args, got, err, want)
		}
	}
	f("[a.note b.note c.note]")
	f("[a.note c.note]", "--site", "shop")
}

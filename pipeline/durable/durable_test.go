package durable_test

import (
	"io/fs"
	"os"
	"path/filepath"
	"testing"

	"heed/pipeline/durable"
)

func TestWriteFile(t *testing.T) {
	path := filepath.Join(t.TempDir(), "plan.json")
	for _, want := range []string{"a longer first text", "short", ""} {
		if err := durable.WriteFile(path, []byte(want)); err != nil {
			t.Fatal(err)
		}
		got, err := os.ReadFile(path)
		if err != nil || string(got) != want {
			t.Errorf("the file holds %q, %v, want %q", got, err, want)
		}
	}
	info, err := os.Stat(path)
	if err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("mode = %v, %v, want 0600", info.Mode(), err)
	}
	if entries, err := os.ReadDir(filepath.Dir(path)); err != nil || len(entries) != 1 {
		t.Errorf("the folder holds %v, %v, want the file alone", entries, err)
	}
}

// What cannot be replaced stays as it was.
func TestWriteFileFailure(t *testing.T) {
	dir := t.TempDir()
	taken := filepath.Join(dir, "folder")
	if err := os.MkdirAll(filepath.Join(taken, "full"), 0o700); err != nil {
		t.Fatal(err)
	}
	f := func(path string) {
		t.Helper()
		if err := durable.WriteFile(path, []byte("x")); err == nil {
			t.Errorf("WriteFile(%q): want error", path)
		}
	}
	f(taken)                                   // a folder is there
	f(filepath.Join(dir, "missing", "a.json")) // no folder
	if info, err := os.Stat(taken); err != nil || info.Mode()&fs.ModeDir == 0 {
		t.Errorf("the folder is gone: %v", err)
	}
}

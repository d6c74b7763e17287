package main

import (
	"errors"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// stubMaven puts a mvn first in the path that writes a jar into the folder it is told and then runs the script.
func stubMaven(t *testing.T, script string) {
	t.Helper()
	dir := t.TempDir()
	write(t, filepath.Join(dir, "mvn"), `#!/bin/sh
for a; do case $a in -DoutputDirectory=*) out=${a#-DoutputDirectory=};; esac; done
echo jar > "$out/some.jar"
`+script)
	if err := os.Chmod(filepath.Join(dir, "mvn"), 0o755); err != nil {
		t.Fatal(err)
	}
	t.Setenv("PATH", dir+":/usr/bin:/bin")
}

func TestInstallJarsOnlyWhenNeeded(t *testing.T) {
	lib := t.TempDir()
	jar, pom := filepath.Join(lib, "kafka", "some.jar"), filepath.Join(lib, "kafka", "pom.xml")
	stubMaven(t, "")
	f := func(what string, wantNew bool) {
		t.Helper()
		before, _ := os.Stat(jar)
		if err := installJars(t.Context(), lib, "kafka", newProgress(io.Discard, false, time.Now())); err != nil {
			t.Fatalf("%s: %v", what, err)
		}
		if isNew := before == nil || !os.SameFile(before, stat(t, jar)); isNew != wantNew {
			t.Errorf("%s: fetched = %v, want %v", what, isNew, wantNew)
		}
	}
	f("first", true)
	f("again", false)
	write(t, pom, "of an older heed")
	f("other versions", true)
	write(t, filepath.Join(lib, "kafka.new", "half.jar"), "left by a crash")
	write(t, pom, "of an older heed")
	f("after a crash", true)
	if _, err := os.Stat(filepath.Join(lib, "kafka", "half.jar")); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("what a crash left behind is among the jars: %v", err)
	}
}

func TestInstallJarsFailureLeavesNothing(t *testing.T) {
	lib := t.TempDir()
	stubMaven(t, `echo "[ERROR] Could not transfer artifact x: Connection refused"; exit 1`)
	err := installJars(t.Context(), lib, "kafka", newProgress(io.Discard, false, time.Now()))
	if err == nil || !strings.Contains(remedy(err), "Maven Central cannot be reached") {
		t.Errorf("installJars = %v, remedy %q, want that the network is at fault", err, remedy(err))
	}
	if left, _ := os.ReadDir(lib); len(left) > 0 {
		t.Errorf("left behind: %v", left)
	}
	t.Setenv("PATH", t.TempDir())
	err = installJars(t.Context(), lib, "kafka", newProgress(io.Discard, false, time.Now()))
	if !errors.Is(err, exec.ErrNotFound) || !strings.Contains(remedy(err), "apt-get") {
		t.Errorf("installJars without mvn = %v, remedy %q, want how to install it", err, remedy(err))
	}
}

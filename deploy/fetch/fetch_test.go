package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net/netip"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/oschwald/geoip2-golang/v2"
	"github.com/oschwald/maxminddb-golang/v2"
)

const (
	listIPv4 = `1.0.0.0,1.0.0.255,13335,"Cloudflare, Inc."
1.0.4.0,1.0.6.255,38803,Gtelecom Pty Ltd
8.8.8.0,8.8.8.255,15169,Google LLC
10.0.0.0,10.255.255.255,64512,"A ""private"" one"
`
	listIPv6 = `2001::,2001::ffff:ffff:ffff:ffff:ffff:ffff,6939,Hurricane Electric LLC
2001:4860::,2001:4860:ffff:ffff:ffff:ffff:ffff:ffff,15169,Google LLC
`
)

func TestBuildASN(t *testing.T) {
	var out bytes.Buffer
	if err := buildASN(&out, "a test", strings.NewReader(listIPv4), strings.NewReader(listIPv6)); err != nil {
		t.Fatal(err)
	}
	r, err := maxminddb.OpenBytes(out.Bytes())
	if err != nil {
		t.Fatal(err)
	}
	if err := r.Verify(); err != nil {
		t.Fatal(err)
	}
	f := func(ip string, want geoip2.ASN) {
		t.Helper()
		var got geoip2.ASN
		if err := r.Lookup(netip.MustParseAddr(ip)).Decode(&got); err != nil || got != want {
			t.Errorf("lookup of %s = %+v, %v, want %+v", ip, got, err, want)
		}
	}
	asn := func(number uint, owner string) geoip2.ASN {
		return geoip2.ASN{AutonomousSystemNumber: number, AutonomousSystemOrganization: owner}
	}
	f("1.0.0.1", asn(13335, "Cloudflare, Inc."))
	f("1.0.4.0", asn(38803, "Gtelecom Pty Ltd"))
	f("1.0.6.255", asn(38803, "Gtelecom Pty Ltd"))
	f("1.0.7.0", geoip2.ASN{}) // the range is no single prefix
	f("0.255.255.255", geoip2.ASN{})
	f("10.1.2.3", asn(64512, `A "private" one`))
	f("8.8.8.8", asn(15169, "Google LLC"))
	f("2001:4860:4860::8888", asn(15169, "Google LLC"))
	f("2001::1", asn(6939, "Hurricane Electric LLC"))
	f("2002:808:808::", geoip2.ASN{})
}

func TestBuildASNFailure(t *testing.T) {
	f := func(list, want string) {
		t.Helper()
		err := buildASN(io.Discard, "", strings.NewReader(list))
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("buildASN(%q) = %v, want %q in it", list, err, want)
		}
	}
	f("1.0.0.0,1.0.0.255,1\n", "wrong number of fields")
	f("1.0.0.0,1.0.0.255,1,A\n1.0.0.x,1.0.1.255,1,A\n", "line 2: read the first address")
	f("1.0.0.0,,1,A\n", "line 1: read the last address")
	f("1.0.0.9,1.0.0.1,1,A\n", "not a range")
	f("1.0.0.0,2001::,1,A\n", "not a range")
	f("1.0.0.0,1.0.0.255,AS1,A\n", "number")
	f("1.0.0.0,1.0.0.255,4294967296,A\n", "number")
}

// pkg writes an npm package of lists and returns its folder.
func pkg(t *testing.T, version string) string {
	t.Helper()
	dir := t.TempDir()
	for name, content := range map[string]string{
		"package.json": `{"version":"` + version + `"}`, "asn-ipv4.csv": listIPv4, "asn-ipv6.csv": listIPv6,
	} {
		write(t, filepath.Join(dir, name), content)
	}
	return dir
}

func write(t *testing.T, path, content string) {
	t.Helper()
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, []byte(content), 0o644); err != nil {
		t.Fatal(err)
	}
}

func stat(t *testing.T, path string) os.FileInfo {
	t.Helper()
	info, err := os.Stat(path)
	if err != nil {
		t.Fatal(err)
	}
	return info
}

func TestConvertASNOnlyWhenNeeded(t *testing.T) {
	lib, said := t.TempDir(), new(bytes.Buffer)
	target := filepath.Join(lib, "asn.mmdb")
	p := newProgress(said, false, time.Now())
	f := func(what, version string, wantNew bool) {
		t.Helper()
		before, _ := os.Stat(target)
		if err := convertASN(t.Context(), pkg(t, version), lib, p); err != nil {
			t.Fatalf("%s: %v", what, err)
		}
		if isNew := before == nil || !os.SameFile(before, stat(t, target)); isNew != wantNew {
			t.Errorf("%s: new file = %v, want %v", what, isNew, wantNew)
		}
	}
	f("first", "1", true)
	f("again", "1", false)
	f("new version", "2", true)
	if err := os.Remove(target); err != nil {
		t.Fatal(err)
	}
	f("removed", "2", true)
	if got := strings.Count(said.String(), "network owners converted"); got != 3 {
		t.Errorf("said %d times that it converted, want 3: %s", got, said)
	}
}

func TestConvertASNFailureLeavesTheOldFile(t *testing.T) {
	lib := t.TempDir()
	p := newProgress(io.Discard, false, time.Now())
	if err := convertASN(t.Context(), pkg(t, "1"), lib, p); err != nil {
		t.Fatal(err)
	}
	before := stat(t, filepath.Join(lib, "asn.mmdb"))
	f := func(ctx context.Context, dir string) {
		t.Helper()
		if err := convertASN(ctx, dir, lib, p); err == nil {
			t.Error("convertASN: want error")
		}
		if !os.SameFile(before, stat(t, filepath.Join(lib, "asn.mmdb"))) {
			t.Error("the old file was touched")
		}
		if left, _ := filepath.Glob(filepath.Join(lib, "*.new")); len(left) > 0 {
			t.Errorf("left behind: %v", left)
		}
	}
	broken := pkg(t, "2")
	write(t, filepath.Join(broken, "asn-ipv6.csv"), "2001::,2001::1,x,A\n")
	f(t.Context(), broken)
	f(t.Context(), t.TempDir()) // no package
	cancelled, cancel := context.WithCancel(t.Context())
	cancel()
	f(cancelled, pkg(t, "3"))
}

func TestPlace(t *testing.T) {
	dir := t.TempDir()
	from, to := filepath.Join(dir, "from"), filepath.Join(dir, "to")
	f := func(content string) {
		t.Helper()
		if err := os.RemoveAll(from); err != nil { // as npm does: the old link keeps the old content
			t.Fatal(err)
		}
		write(t, from, content)
		for range 2 {
			if err := place(from, to); err != nil {
				t.Fatal(err)
			}
		}
		if !os.SameFile(stat(t, from), stat(t, to)) {
			t.Errorf("%q: not the same file", content)
		}
	}
	f("one")
	write(t, to+".new", "left by a crash")
	f("two")
	if err := place(filepath.Join(dir, "absent"), to); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("place of an absent file = %v, want not exist", err)
	}
}

func TestCopyLooksUpToDate(t *testing.T) {
	dir := t.TempDir()
	from, to := filepath.Join(dir, "from"), filepath.Join(dir, "to")
	write(t, from, "content")
	old := time.Unix(500_000_000, 0)
	if err := os.Chtimes(from, old, old); err != nil {
		t.Fatal(err)
	}
	if err := copyFile(from, to, old); err != nil {
		t.Fatal(err)
	}
	if !sameContent(stat(t, from), stat(t, to)) {
		t.Error("a fresh copy does not look up to date")
	}
	write(t, from, "another content")
	if sameContent(stat(t, from), stat(t, to)) {
		t.Error("a stale copy looks up to date")
	}
}

func TestMissing(t *testing.T) {
	dir := t.TempDir()
	read := func(text string) lockFile {
		t.Helper()
		write(t, filepath.Join(dir, "lock"), text)
		lock, err := readLock(filepath.Join(dir, "lock"))
		if err != nil {
			t.Fatal(err)
		}
		return lock
	}
	want := read(`{"packages": {"": {"version": "0"}, "a": {"version": "1"}, "b": {"version": "1"},
		"dev": {"version": "1", "dev": true}, "mac": {"version": "1", "optional": true}}}`)
	f := func(have string, dev bool, n int) {
		t.Helper()
		if got := want.missing(read(have), dev); got != n {
			t.Errorf("missing(%s, %v) = %d, want %d", have, dev, got, n)
		}
	}
	f(`{}`, false, 2)
	f(`{}`, true, 3)
	f(`{"packages": {"a": {"version": "1"}, "b": {"version": "1"}}}`, false, 0)
	f(`{"packages": {"a": {"version": "1"}, "b": {"version": "2"}}}`, false, 1)
	f(`{"packages": {"a": {"version": "1"}, "b": {"version": "1"}, "dev": {"version": "1", "dev": true}}}`, true, 0)
}

// The locked packages of this repository, as installed for the tests.
func TestInstalledPackagesAreNotFetchedAgain(t *testing.T) {
	var said bytes.Buffer
	if err := installPackages(t.Context(), "../..", true, newProgress(&said, false, time.Now())); err != nil {
		t.Fatal(err)
	}
	if said.Len() > 0 {
		t.Errorf("said %q, want nothing", &said)
	}
}

// stubNPM puts a program named npm first in the path.
func stubNPM(t *testing.T, script string) {
	t.Helper()
	dir := t.TempDir()
	write(t, filepath.Join(dir, "npm"), "#!/bin/sh\n"+script)
	if err := os.Chmod(filepath.Join(dir, "npm"), 0o755); err != nil {
		t.Fatal(err)
	}
	t.Setenv("PATH", dir+":/usr/bin:/bin")
}

func repository(t *testing.T) string {
	t.Helper()
	root := t.TempDir()
	write(t, filepath.Join(root, "package-lock.json"), `{"packages": {"a": {"version": "1"}}}`)
	return root
}

func TestInstallRunsNPM(t *testing.T) {
	stubNPM(t, `echo "$@" > args`)
	root := repository(t)
	f := func(dev bool, want string) {
		t.Helper()
		if err := installPackages(t.Context(), root, dev, newProgress(io.Discard, false, time.Now())); err != nil {
			t.Fatal(err)
		}
		if got, _ := os.ReadFile(filepath.Join(root, "args")); strings.TrimSpace(string(got)) != want {
			t.Errorf("npm ran with %q, want %q", got, want)
		}
	}
	f(false, "ci --no-progress --omit=dev")
	f(true, "ci --no-progress")
	write(t, filepath.Join(root, "node_modules", ".package-lock.json"), `{"packages": {"d": {"version": "1", "dev": true}}}`)
	f(false, "ci --no-progress") // what was there for development stays
}

func TestInstallFailure(t *testing.T) {
	f := func(script, want string) {
		t.Helper()
		stubNPM(t, script)
		err := installPackages(t.Context(), repository(t), false, newProgress(io.Discard, false, time.Now()))
		if err == nil || !strings.Contains(remedy(err), want) {
			t.Errorf("npm that does %q: %v, remedy %q, want %q", script, err, remedy(err), want)
		}
	}
	f(`echo "npm error code ENOTFOUND" >&2; exit 1`, "registry cannot be reached")
	f(`echo "npm error code ENOSPC" >&2; exit 228`, "disk is full")
	f(`echo "npm error code EBADPLATFORM" >&2; exit 1`, "DSN")
	f(`echo "npm error code EINTEGRITY" >&2; exit 1`, "cache")
	f(`exit 1`, "")
}

func TestRemedy(t *testing.T) {
	f := func(err error, want string) {
		t.Helper()
		if got := remedy(fmt.Errorf("wrapped: %w", err)); !strings.Contains(got, want) || (want == "") != (got == "") {
			t.Errorf("remedy(%v) = %q, want %q in it", err, got, want)
		}
	}
	f(errPlatform, "DSN")
	f(errNoLock, "--root")
	f(&toolError{tool: "npm", err: exec.ErrNotFound}, "Node.js")
	f(&toolError{tool: "mvn", err: exec.ErrNotFound}, "Maven")
	f(&toolError{tool: "mvn", err: errors.New("exit status 1"), said: "Could not transfer artifact"}, "settings.xml")
	f(&os.PathError{Op: "write", Path: "x", Err: syscall.ENOSPC}, "disk is full")
	f(&os.PathError{Op: "open", Path: "x", Err: syscall.EROFS}, "writable")
	f(errors.New("something else"), "")
}

func TestInstallStopsWithItsContext(t *testing.T) {
	root := repository(t)
	started := filepath.Join(root, "started")
	if err := syscall.Mkfifo(started, 0o600); err != nil {
		t.Fatal(err)
	}
	stubNPM(t, `echo > started; exec sleep 60`)
	ctx, cancel := context.WithCancel(t.Context())
	result := make(chan error)
	go func() { result <- installPackages(ctx, root, false, newProgress(io.Discard, false, time.Now())) }()
	if _, err := os.ReadFile(started); err != nil { // waits until npm runs
		t.Fatal(err)
	}
	cancel()
	if err := <-result; err == nil || !strings.Contains(err.Error(), "interrupt") {
		t.Errorf("installPackages after its context was cancelled = %v, want npm interrupted", err)
	}
}

func TestProgress(t *testing.T) {
	start := time.Unix(0, 0)
	at := func(d time.Duration) time.Time { return start.Add(d) }
	f := func(terminal bool, want string) {
		t.Helper()
		var out strings.Builder
		p := newProgress(&out, terminal, start)
		p.show(at(50*time.Millisecond), "a")
		p.show(at(time.Second), "b")
		p.show(at(6*time.Second), "c")
		p.show(at(6*time.Second+time.Millisecond), "d")
		p.say("done")
		p.clear()
		if out.String() != want {
			t.Errorf("progress (terminal %v) = %q, want %q", terminal, &out, want)
		}
	}
	f(true, "\r\x1b[Kb\r\x1b[Kc\r\x1b[Kdone\n")
	f(false, "c\ndone\n")
}

func TestTail(t *testing.T) {
	if got := tail("a\nnpm notice x\n\nb\r\nc", 2); got != "b\nc" {
		t.Errorf("tail = %q, want the last two lines", got)
	}
}

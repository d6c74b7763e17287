package main

import (
	"bytes"
	"encoding/hex"
	"errors"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"heed/collector"
)

func TestOpenInstall(t *testing.T) {
	dir := t.TempDir()
	first, err := openInstall(dir, "", "")
	if err != nil {
		t.Fatal(err)
	}
	second, err := openInstall(dir, "", "")
	if err != nil {
		t.Fatal(err)
	}
	if first.Prefix != second.Prefix || checkPrefix(first.Prefix) != nil {
		t.Errorf("openInstall twice: prefixes %q and %q, want one good one", first.Prefix, second.Prefix)
	}
	if !bytes.Equal(first.siteKey("visitor", "a"), second.siteKey("visitor", "a")) {
		t.Error("siteKey differs after a second openInstall, want the same")
	}
	if bytes.Equal(first.siteKey("visitor", "a"), first.siteKey("seal", "a")) ||
		bytes.Equal(first.siteKey("visitor", "a"), first.siteKey("visitor", "b")) {
		t.Error("siteKey is the same for two purposes or sites, want its own for each")
	}
	info, err := os.Stat(filepath.Join(dir, secretFile))
	if err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("mode of the secret = %v, %v, want 0600", info.Mode(), err)
	}
}

func TestOpenInstallFailure(t *testing.T) {
	f := func(file, content string) {
		t.Helper()
		dir := t.TempDir()
		if err := os.WriteFile(filepath.Join(dir, file), []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
		if _, err := openInstall(dir, "", ""); err == nil || !strings.Contains(err.Error(), file) {
			t.Errorf("openInstall with %s = %q: error %v, want one that names the file", file, content, err)
		}
		if got, err := os.ReadFile(filepath.Join(dir, file)); err != nil || string(got) != content {
			t.Errorf("openInstall changed a damaged %s to %q, %v", file, got, err)
		}
	}
	f(secretFile, "short")
	f(installFile, "{")
	f(installFile, `{"prefix":"/a/../b"}`)
}

func TestLockDataFailure(t *testing.T) {
	dir := t.TempDir()
	unlock, err := lockData(dir)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := lockData(dir); !errors.Is(err, errDataLocked) {
		t.Errorf("second lockData: %v, want errDataLocked", err)
	}
	unlock()
	unlock, err = lockData(dir)
	if err != nil {
		t.Fatalf("lockData after unlock: %v", err)
	}
	unlock()
}

// TestReadSecret: collectors share a secret as bytes or as text, and two of them then have the same keys and prefix.
func TestReadSecret(t *testing.T) {
	f := func(content string) *install {
		t.Helper()
		path := filepath.Join(t.TempDir(), "secret")
		if err := os.WriteFile(path, []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
		dir := t.TempDir()
		in, err := openInstall(dir, path, "/shared")
		if err != nil {
			t.Fatalf("openInstall with the secret %q: %v", content, err)
		}
		if left, _ := os.ReadDir(dir); len(left) > 0 || in.Prefix != "/shared" {
			t.Errorf("openInstall made %v and has the prefix %s, want nothing of its own", left, in.Prefix)
		}
		return in
	}
	first, second := f("0123456789abcdef0123456789abcdef"), f(hex.EncodeToString([]byte("0123456789abcdef0123456789abcdef"))+"\n")
	if !bytes.Equal(first.siteKey("visitor", "a"), second.siteKey("visitor", "a")) {
		t.Error("the same secret as bytes and as hex digits makes different keys")
	}
}

// TestOldSecrets: what was sealed under a secret in use before is sealed under a key that is still known.
func TestOldSecrets(t *testing.T) {
	file := func(content string) string {
		t.Helper()
		path := filepath.Join(t.TempDir(), "secret")
		if err := os.WriteFile(path, []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
		return path
	}
	old, now := file(strings.Repeat("o", secretBytes)), file(strings.Repeat("n", secretBytes))
	before, err := openInstall(t.TempDir(), old, "/shared")
	if err != nil {
		t.Fatal(err)
	}
	after, err := openInstall(t.TempDir(), now, "/shared")
	if err != nil {
		t.Fatal(err)
	}
	if err := after.readOldSecrets([]string{old}); err != nil {
		t.Fatal(err)
	}
	keys := collectedSite(Site{ID: "shop"}, after).OldSealKeys
	if len(keys) != 1 || !bytes.Equal(keys[0], before.siteKey("seal", "shop")) || bytes.Equal(keys[0], after.siteKey("seal", "shop")) {
		t.Errorf("OldSealKeys = %x, want the one of before, %x", keys, before.siteKey("seal", "shop"))
	}
	if err := after.readOldSecrets([]string{file("short")}); err == nil || !strings.HasPrefix(err.Error(), "install.old_secret_files: ") {
		t.Errorf("readOldSecrets of a short one: %v, want an error that names the setting", err)
	}
}

// TestSocket uses a path longer than a socket's name may be, and the file of a process that was killed.
func TestSocket(t *testing.T) {
	dir := filepath.Join(t.TempDir(), strings.Repeat("long", 40))
	if err := os.Mkdir(dir, 0o700); err != nil {
		t.Fatal(err)
	}
	if _, err := socketClient(dir).Get("http://heed/"); !errors.Is(err, errNotRunning) {
		t.Errorf("ask without a process: %v, want errNotRunning", err)
	}
	if err := os.WriteFile(filepath.Join(dir, socketFile), nil, 0o600); err != nil {
		t.Fatal(err)
	}
	listener, err := listenSocket(dir)
	if err != nil {
		t.Fatal(err)
	}
	go func() { // ends when the listener is closed
		_ = http.Serve(listener, http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusTeapot) }))
	}()
	answer, err := socketClient(dir).Get("http://heed/")
	if err != nil || answer.StatusCode != http.StatusTeapot {
		t.Fatalf("ask over the socket: %v, %v, want the teapot", answer, err)
	}
	answer.Body.Close()
	info, err := os.Stat(filepath.Join(dir, socketFile))
	if err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("mode of the socket = %v, %v, want 0600", info.Mode(), err)
	}
	listener.Close()
	if _, err := os.Stat(filepath.Join(dir, socketFile)); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("the socket is still there after Close: %v", err)
	}
}

func TestCookieNames(t *testing.T) {
	site := func(key string, origins ...string) Site { return Site{ID: key, Key: key, Origins: origins} }
	got := strings.Join(cookieNames([]Site{
		site("alone", "https://alone.example"),
		site("shop", "https://shop.example.co.uk"), site("blog", "https://blog.example.co.uk:8443"),
		site("one", "http://127.0.0.1:1"), site("two", "http://127.0.0.1:2"),
		site("other", "https://other.co.uk"),
	}), " ")
	if want := "heed heed_shop heed_blog heed_one heed_two heed"; got != want {
		t.Errorf("cookieNames = %s, want %s", got, want)
	}
}

func TestWithDemoSite(t *testing.T) {
	address := &net.TCPAddr{IP: net.IPv4(127, 0, 0, 1), Port: 8080}
	got := withDemoSite([]Site{{ID: "shop"}}, address)
	if len(got) != 2 || strings.Join(got[1].Origins, " ") != "http://127.0.0.1:8080 http://localhost:8080" {
		t.Errorf("withDemoSite = %+v, want the demo with both of its origins", got)
	}
	if own := withDemoSite([]Site{{ID: demoSite}}, address); len(own) != 1 {
		t.Errorf("withDemoSite beside an own demo site = %+v, want it left alone", own)
	}
}

func TestKeepAssets(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "demo")
	bundle := func(digit string) []collector.Asset {
		name := strings.Repeat(digit, 20) + ".js"
		return []collector.Asset{{Name: name, Plain: []byte(digit), Gzip: []byte("g" + digit), Brotli: []byte("b" + digit)}}
	}
	if _, err := keepAssets(dir, bundle("1")); err != nil {
		t.Fatal(err)
	}
	got, err := keepAssets(dir, bundle("2"))
	if err != nil || len(got) != 2 {
		t.Fatalf("keepAssets = %d files, %v, want the new one and the old one", len(got), err)
	}
	old := got[1]
	if string(old.Plain) != "1" || string(old.Gzip) != "g1" || string(old.Brotli) != "b1" || old.CacheControl != bundleCache {
		t.Errorf("kept %+v, want the old bundle as it was", old)
	}
}

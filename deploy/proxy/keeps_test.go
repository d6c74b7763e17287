package proxy_test

import (
	"bytes"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"heed/schemas"
)

// nginx keeps no address, no agent and no body of a visitor, whatever goes wrong.
func TestNginxKeepsNothing(t *testing.T) {
	const agent, otherAgent, content = "Quuxbrowser/7", "Foobrowser/8", "wilhelmina"
	collector := startRecorder(t, accepted)
	n := startNginx(t, freePort(t), collector.address(), t.TempDir())
	client := n.from(t, visitorAddress)
	unused := touched(t, n.dir)
	send := func(path string, length int) {
		t.Helper()
		body := content + strings.Repeat("x", length-len(content))
		for _, reader := range []io.Reader{strings.NewReader(body), struct{ io.Reader }{strings.NewReader(body)}} {
			do(t, client, "POST", n.url+path, reader, "User-Agent", agent)
		}
	}
	send(prefix+"/shop/ordinary", 100)
	send(prefix+"/shop/ordinary", schemas.MaxBatchBytes)
	send(prefix+"/shop/ordinary", schemas.MaxBatchBytes+1)
	collector.Close()
	send(prefix+"/shop/ordinary", schemas.MaxBatchBytes)
	if now := touched(t, n.dir); !now.Equal(unused) {
		t.Errorf("a body was in a temporary file: their folder changed at %v, want %v", now, unused)
	}
	do(t, n.from(t, balancerAddress), "GET", n.url+"/", nil, "User-Agent", otherAgent)
	n.stop() // after which its logs are complete
	logged := false
	for _, file := range files(t, n.dir) {
		data, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		logged = logged || bytes.Contains(data, []byte(otherAgent))
		for _, planted := range []string{visitorAddress, agent, content} {
			if at := bytes.Index(data, []byte(planted)); at >= 0 {
				t.Errorf("%s holds %q: %s", filepath.Base(file), planted, data[max(0, at-200):min(len(data), at+200)])
			}
		}
	}
	if !logged {
		t.Error("the site's own page is in no log: this search finds nothing")
	}
}

// touched tells when nginx last made or removed a temporary file for a body: it removes each when the answer is out.
func touched(t *testing.T, dir string) time.Time {
	t.Helper()
	info, err := os.Stat(filepath.Join(dir, "body"))
	if err != nil {
		t.Fatal(err)
	}
	return info.ModTime()
}

// files are all those below dir, the configuration aside.
func files(t *testing.T, dir string) (paths []string) {
	t.Helper()
	err := filepath.WalkDir(dir, func(path string, entry os.DirEntry, err error) error {
		if err == nil && entry.Type().IsRegular() && filepath.Ext(path) != ".conf" {
			paths = append(paths, path)
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return paths
}

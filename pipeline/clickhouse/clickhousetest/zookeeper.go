package clickhousetest

import (
	"bytes"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"
)

// zooKeeperHost is another address of the loopback than the one on which StartZooKeeper keeps the port for itself.
const zooKeeperHost = "127.0.0.2"

// StartZooKeeper starts a ZooKeeper server for the test, which kills it, and returns its address. The test fails when
// Java or the jars are missing.
func StartZooKeeper(t testing.TB) (host, port string) {
	t.Helper()
	jars := filepath.Join(root(), "bin", "lib", "zookeeper")
	if found, _ := filepath.Glob(filepath.Join(jars, "zookeeper-*.jar")); len(found) == 0 {
		t.Fatalf("there is no ZooKeeper in %s: go run ./deploy/fetch -dev brings it", jars)
	}
	dir := t.TempDir()
	kept, err := net.Listen("tcp", "127.0.0.1:0") // as long as it listens, nobody else is given its port
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { kept.Close() })
	_, port, err = net.SplitHostPort(kept.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	config := filepath.Join(dir, "zoo.cfg")
	text := fmt.Sprintf("tickTime=2000\ndataDir=%s\nclientPort=%s\nclientPortAddress=%s\nadmin.enableServer=false\n", dir, port, zooKeeperHost)
	if err := os.WriteFile(config, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	var printed bytes.Buffer
	server := exec.Command("java", "-Xmx128m", "-cp", filepath.Join(jars, "*"), "org.apache.zookeeper.server.quorum.QuorumPeerMain", config)
	server.Stdout, server.Stderr = &printed, &printed
	if err := server.Start(); err != nil {
		t.Fatalf("start ZooKeeper: %v (it needs Java 17)", err)
	}
	kill := sync.OnceFunc(func() {
		server.Process.Kill()
		server.Wait() // killed is what it was asked to be
	})
	t.Cleanup(kill)
	for deadline := time.Now().Add(time.Minute); time.Now().Before(deadline); time.Sleep(50 * time.Millisecond) {
		if serves(net.JoinHostPort(zooKeeperHost, port)) {
			return zooKeeperHost, port
		}
	}
	kill()
	t.Fatalf("ZooKeeper did not come up in a minute: %s", printed.String())
	return "", ""
}

// serves asks a ZooKeeper for its state: it listens before it takes sessions.
func serves(address string) bool {
	conn, err := net.DialTimeout("tcp", address, time.Second)
	if err != nil {
		return false
	}
	defer conn.Close()
	if err := conn.SetDeadline(time.Now().Add(time.Second)); err != nil {
		return false
	}
	io.WriteString(conn, "srvr")
	answer, _ := io.ReadAll(conn)
	return strings.Contains(string(answer), "Mode: ")
}

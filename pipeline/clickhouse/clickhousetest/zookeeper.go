package clickhousetest

import (
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// StartZooKeeper starts a ZooKeeper server for the test, which kills it, and returns its port on the loopback. The test
// fails when Java or the jars are missing.
func StartZooKeeper(t testing.TB) (port int) {
	t.Helper()
	jars := filepath.Join(root(), "bin", "lib", "zookeeper")
	if found, _ := filepath.Glob(filepath.Join(jars, "zookeeper-*.jar")); len(found) == 0 {
		t.Fatalf("there is no ZooKeeper in %s: go run ./deploy/fetch -dev brings it", jars)
	}
	dir := t.TempDir()
	free, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	port = free.Addr().(*net.TCPAddr).Port
	free.Close()
	config := filepath.Join(dir, "zoo.cfg")
	text := fmt.Sprintf("tickTime=2000\ndataDir=%s\nclientPort=%d\nclientPortAddress=127.0.0.1\nadmin.enableServer=false\n", dir, port)
	if err := os.WriteFile(config, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	server := exec.Command("java", "-Xmx128m", "-cp", filepath.Join(jars, "*"), "org.apache.zookeeper.server.quorum.QuorumPeerMain", config)
	if err := server.Start(); err != nil {
		t.Fatalf("start ZooKeeper: %v (it needs Java 17)", err)
	}
	t.Cleanup(func() {
		server.Process.Kill()
		server.Wait() // killed is what it was asked to be
	})
	for deadline := time.Now().Add(time.Minute); time.Now().Before(deadline); time.Sleep(50 * time.Millisecond) {
		if serves(fmt.Sprintf("127.0.0.1:%d", port)) {
			return port
		}
	}
	t.Fatal("ZooKeeper did not come up in a minute")
	return 0
}

// serves asks a ZooKeeper for its state: it listens before it takes sessions.
func serves(address string) bool {
	conn, err := net.Dial("tcp", address)
	if err != nil {
		return false
	}
	defer conn.Close()
	io.WriteString(conn, "srvr")
	answer, _ := io.ReadAll(conn)
	return strings.Contains(string(answer), "Mode: ")
}

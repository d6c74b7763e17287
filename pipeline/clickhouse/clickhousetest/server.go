package clickhousetest

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"log/slog"
	"net"
	"os"
	"os/exec"
	"strings"
	"testing"

	"heed/pipeline/clickhouse"
)

// serveFolder is the variable that turns a test program into a server on that folder.
const serveFolder, servePort, serveConfig = "HEED_CLICKHOUSETEST_FOLDER", "HEED_CLICKHOUSETEST_PORT", "HEED_CLICKHOUSETEST_CONFIG"

// access is the same for all servers of tests: they listen on the loopback and hold nothing.
var access = clickhouse.ServerConfig{User: "heed", Password: "a test's password"}

// Server is the embedded engine in a process of its own, served by DSN as heed clickhouse serve does.
type Server struct {
	// DSN names the server with user, password and the database "heed", which the first Migrate makes.
	DSN string
	// Process may be stopped, continued and killed.
	Process *os.Process

	t      testing.TB
	folder string
	config string
	port   string
	child  *exec.Cmd
	stdin  io.Closer
}

// StartServer starts a server for the test, which stops it. The package's TestMain must call Run or RunServers.
func StartServer(t testing.TB) *Server {
	t.Helper()
	return StartServerWith(t, "")
}

// StartServerWith starts a server that reads a configuration file of ClickHouse.
func StartServerWith(t testing.TB, configFile string) *Server {
	t.Helper()
	s := &Server{t: t, folder: t.TempDir(), config: configFile, port: "0"}
	t.Cleanup(s.Kill)
	s.start()
	return s
}

// Restart kills the server, if it runs, and starts it again on the same folder and port.
func (s *Server) Restart() {
	s.t.Helper()
	s.Kill()
	s.start()
}

// Kill ends the server as kill -9 does and waits until it is gone.
func (s *Server) Kill() {
	if s.child != nil {
		s.child.Process.Kill()
		s.child.Wait() // killed is what it was asked to be
		s.stdin.Close()
		s.child = nil
	}
}

// start runs the test program once more, as a server that ends when its standard input does, hence with the test.
func (s *Server) start() {
	s.t.Helper()
	child := exec.Command(os.Args[0])
	child.Env = append(os.Environ(), serveFolder+"="+s.folder, servePort+"="+s.port, serveConfig+"="+s.config)
	child.Stderr = os.Stderr
	stdin, err := child.StdinPipe()
	if err != nil {
		s.t.Fatal(err)
	}
	stdout, err := child.StdoutPipe()
	if err != nil {
		s.t.Fatal(err)
	}
	if err := child.Start(); err != nil {
		s.t.Fatalf("start a server: %v", err)
	}
	s.child, s.stdin, s.Process = child, stdin, child.Process
	line, err := bufio.NewReader(stdout).ReadString('\n')
	address, ok := strings.CutPrefix(strings.TrimSpace(line), "serving ")
	if err != nil || !ok {
		s.t.Fatalf("the server said %q, %v; does TestMain call clickhousetest.Run or RunServers?", line, err)
	}
	_, s.port, _ = net.SplitHostPort(address)
	s.DSN = fmt.Sprintf("http://%s:%s@%s/heed", access.User, strings.ReplaceAll(access.Password, " ", "%20"), address)
}

// RunServers runs the tests of a package that start servers and open no store themselves, for TestMain.
func RunServers(m *testing.M) int {
	if folder := os.Getenv(serveFolder); folder != "" {
		return serve(folder)
	}
	return m.Run()
}

// serve is the child's whole program.
func serve(folder string) int {
	ctx, cancel := context.WithCancel(context.Background())
	go func() { // the parent's death ends the server, however it died
		io.Copy(io.Discard, os.Stdin)
		cancel()
	}()
	cfg := clickhouse.Config{Path: folder, Library: Library(), ConfigFile: os.Getenv(serveConfig)}
	store, err := clickhouse.Open(ctx, cfg, slog.New(slog.NewTextHandler(os.Stderr, nil)))
	if err != nil {
		fmt.Println("open:", err)
		return 1
	}
	listener, err := net.Listen("tcp", "127.0.0.1:"+os.Getenv(servePort))
	if err != nil {
		fmt.Println("listen:", err)
		return 1
	}
	fmt.Println("serving", listener.Addr())
	if err := store.Serve(ctx, listener, access); err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	store.Close(context.Background())
	return 0
}

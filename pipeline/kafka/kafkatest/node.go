package kafkatest

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
)

// processIP is where the processes listen.
const processIP = "127.0.0.2"

// maxLineBytes cuts what Kafka says: it likes to print whole requests.
const maxLineBytes = 300

// Node is one process of a cluster. Its methods may be called from any goroutine.
type Node struct {
	ID int

	dir     string
	jars    string
	proxies map[listener]*proxy

	mu      sync.Mutex
	process *exec.Cmd
	exited  chan struct{} // closed when the process has ended, after exit was set
	exit    error
}

// newNode takes ports for a node: those of its proxies, which have them as long as the node lives. The process listens
// on the same ports of another loopback address, where nothing else does. It is not started.
func newNode(id int, dir, jars string) (*Node, error) {
	n := &Node{ID: id, dir: dir, jars: jars, proxies: map[listener]*proxy{}}
	for _, l := range listeners {
		p, err := newProxy(processIP)
		if err != nil {
			return nil, errors.Join(err, n.closeProxies())
		}
		n.proxies[l] = p
	}
	return n, nil
}

// Start starts the process, again after Kill or Stop. It does not wait until the node takes part; WaitReady does.
func (n *Node) Start() error {
	n.mu.Lock()
	defer n.mu.Unlock()
	log, err := os.OpenFile(n.logFile(), os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		return err
	}
	defer log.Close()                                                                                 // the process has its own handle
	cmd := exec.Command("java", "-Xmx320m", "-Xms64m", "-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1", // quick to start
		"-Dlog4j2.configurationFile="+filepath.Join(n.dir, "log4j2.yaml"), "-cp", n.jars,
		"kafka.Kafka", filepath.Join(n.dir, "server.properties"))
	cmd.Dir = n.dir
	cmd.Stdout, cmd.Stderr = log, log
	cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL} // no node outlives its test
	if err := cmd.Start(); err != nil {
		return fmt.Errorf("start node %d, which needs Java 17: %w", n.ID, err)
	}
	exited := make(chan struct{})
	n.process, n.exited, n.exit = cmd, exited, nil
	go func() {
		err := cmd.Wait()
		n.mu.Lock()
		n.exit = err
		n.mu.Unlock()
		close(exited)
	}()
	return nil
}

// Kill ends the process with SIGKILL, in the middle of whatever it does, and returns when it is gone.
func (n *Node) Kill() error { return n.end(syscall.SIGKILL) }

// Stop ends the process in good order and returns when it is gone.
func (n *Node) Stop() error { return n.end(syscall.SIGTERM) }

// Pause stops the process in its tracks (SIGSTOP): its connections stay open, and nothing answers.
func (n *Node) Pause() error { return n.signal(syscall.SIGSTOP) }

// Resume lets a paused process go on.
func (n *Node) Resume() error { return n.signal(syscall.SIGCONT) }

// Cut closes every connection to the node, of clients and of other nodes, and refuses new ones until Heal. What the
// node itself opens to others is not touched: so it goes on to lead, and what it leads cannot be written meanwhile.
func (n *Node) Cut() {
	for _, p := range n.proxies {
		p.cut()
	}
}

// CutClients does so for clients alone: the cluster stays whole, and they are outside.
func (n *Node) CutClients() {
	for l, p := range n.proxies {
		if l != controller && l != internal {
			p.cut()
		}
	}
}

// Heal undoes Cut and CutClients.
func (n *Node) Heal() {
	for _, p := range n.proxies {
		p.heal()
	}
}

// LogTail returns the last lines that the node has logged.
func (n *Node) LogTail(lines int) string {
	text, err := os.ReadFile(n.logFile())
	if err != nil {
		return err.Error()
	}
	all := strings.Split(strings.TrimSpace(string(text)), "\n")
	all = all[max(0, len(all)-lines):]
	for i, line := range all {
		all[i] = line[:min(len(line), maxLineBytes)]
	}
	return strings.Join(all, "\n")
}

func (n *Node) logFile() string { return filepath.Join(n.dir, "node.log") }

func (n *Node) end(sig syscall.Signal) error {
	if err := n.signal(sig); err != nil {
		return err
	}
	n.mu.Lock()
	exited := n.exited
	n.mu.Unlock()
	<-exited
	return nil
}

func (n *Node) signal(sig syscall.Signal) error {
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.process == nil {
		return fmt.Errorf("node %d was not started", n.ID)
	}
	if err := n.process.Process.Signal(sig); err != nil && !errors.Is(err, os.ErrProcessDone) {
		return fmt.Errorf("signal node %d: %w", n.ID, err)
	}
	return nil
}

// ended says how the process has ended, nil while it runs.
func (n *Node) ended() error {
	n.mu.Lock()
	defer n.mu.Unlock()
	select {
	case <-n.exited:
		return errors.Join(errors.New("the process is gone"), n.exit)
	default:
		return nil
	}
}

func (n *Node) close() {
	n.mu.Lock()
	started := n.process != nil
	n.mu.Unlock()
	if started {
		_ = n.Kill()
	}
	_ = n.closeProxies()
}

func (n *Node) closeProxies() error {
	var err error
	for _, p := range n.proxies {
		err = errors.Join(err, p.close())
	}
	return err
}

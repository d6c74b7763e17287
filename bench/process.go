package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"time"
)

// process is a measured system that runs. Stopping it removes its folder.
type process struct {
	address string
	cmd     *exec.Cmd
	folder  string

	orders  io.WriteCloser // nil for what takes none
	answers *bufio.Reader
}

// startSystem starts one of the bench's systems, or nginx, in a process and a folder of its own below dir.
func startSystem(ctx context.Context, name, dir string) (*process, error) {
	folder, err := os.MkdirTemp(dir, name+"-")
	if err != nil {
		return nil, fmt.Errorf("make folder: %w", err)
	}
	if name == "nginx" {
		return startNginx(ctx, folder)
	}
	p := &process{folder: folder, cmd: exec.CommandContext(ctx, os.Args[0], "-serve", name, "-dir", folder)}
	if p.orders, err = p.cmd.StdinPipe(); err != nil {
		return nil, fmt.Errorf("pipe: %w", err)
	}
	stdout, err := p.cmd.StdoutPipe()
	if err != nil {
		return nil, fmt.Errorf("pipe: %w", err)
	}
	p.answers = bufio.NewReader(stdout)
	if err := p.start(); err != nil {
		return nil, err
	}
	line, err := p.answers.ReadString('\n')
	if err != nil {
		return nil, errors.Join(fmt.Errorf("read address of %s: %w", name, err), p.stop())
	}
	p.address = strings.TrimSpace(line)
	return p, nil
}

// stopTime is what a process gets for its own way to stop, once the bench was told to.
const stopTime = 10 * time.Second

// start starts the process in a group of its own: Ctrl-C is for the bench, which then ends its processes.
func (p *process) start() error {
	p.cmd.Stderr = os.Stderr
	p.cmd.Cancel = func() error { return p.cmd.Process.Signal(syscall.SIGTERM) }
	p.cmd.WaitDelay = stopTime
	p.cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	if err := p.cmd.Start(); err != nil {
		return fmt.Errorf("start %s: %w", p.cmd.Path, err)
	}
	return nil
}

// ask gives a child an order and returns its answer.
func (p *process) ask(order ...string) (string, error) {
	if _, err := fmt.Fprintln(p.orders, strings.Join(order, " ")); err != nil {
		return "", fmt.Errorf("order %s: %w", order[0], err)
	}
	answer, err := p.answers.ReadString('\n')
	if err != nil {
		return "", fmt.Errorf("order %s: %w", order[0], err)
	}
	return answer, nil
}

// stop ends the process in its own way, waits for it and removes its folder.
func (p *process) stop() error {
	var asked error
	if p.orders != nil {
		asked = p.orders.Close()
	} else {
		asked = p.cmd.Process.Signal(syscall.SIGTERM)
	}
	return errors.Join(asked, p.cmd.Wait(), os.RemoveAll(p.folder))
}

// usage is what a process has used since its start.
type usage struct {
	cpu       time.Duration // user and system, with its children
	allocated int64         // bytes; 0 for what does not say
	objects   int64
	groups    int64 // fsyncs
}

func (p *process) usage() (usage, error) {
	var u usage
	pid := p.cmd.Process.Pid
	children, err := childrenOf(pid)
	if err != nil {
		return u, err
	}
	for _, id := range append(children, pid) {
		cpu, err := cpuOf(id)
		if err != nil {
			return u, err
		}
		u.cpu += cpu
	}
	if p.orders == nil {
		return u, nil
	}
	answer, err := p.ask(orderCount)
	if err != nil {
		return u, err
	}
	if _, err := fmt.Sscan(answer, &u.allocated, &u.objects, &u.groups); err != nil {
		return u, fmt.Errorf("read counts: %w", err)
	}
	return u, nil
}

// memory is what a process, with its children, holds of the machine's memory, in bytes.
type memory struct {
	resident int64
	peak     int64 // the most that was resident
	files    int64 // the part that is pages of mapped files, which the kernel may take back
}

func (p *process) memory() (memory, error) {
	var m memory
	pid := p.cmd.Process.Pid
	children, err := childrenOf(pid)
	if err != nil {
		return m, err
	}
	for _, id := range append(children, pid) {
		raw, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", id))
		if err != nil {
			return m, fmt.Errorf("read memory: %w", err)
		}
		for line := range strings.Lines(string(raw)) {
			var name string
			var kib int64
			if n, _ := fmt.Sscan(line, &name, &kib); n < 2 {
				continue
			}
			switch name {
			case "VmRSS:":
				m.resident += kib << 10
			case "VmHWM:":
				m.peak += kib << 10
			case "RssFile:":
				m.files += kib << 10
			}
		}
	}
	return m, nil
}

// childrenOf returns the processes that a process has started.
func childrenOf(pid int) ([]int, error) {
	lists, err := filepath.Glob(fmt.Sprintf("/proc/%d/task/*/children", pid))
	if err != nil || len(lists) == 0 {
		return nil, fmt.Errorf("find children of process %d: %w", pid, err)
	}
	var children []int
	for _, list := range lists {
		raw, err := os.ReadFile(list)
		if err != nil {
			continue // the thread has ended
		}
		for _, field := range strings.Fields(string(raw)) {
			child, err := strconv.Atoi(field)
			if err != nil {
				return nil, fmt.Errorf("read %s: %w", list, err)
			}
			children = append(children, child)
		}
	}
	return children, nil
}

// cpuOf reads the user and system time of a process from its stat file (proc(5)), in ticks of 10 ms.
func cpuOf(pid int) (time.Duration, error) {
	raw, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if err != nil {
		return 0, fmt.Errorf("read CPU time: %w", err)
	}
	_, rest, _ := strings.Cut(string(raw), ") ")
	fields := strings.Fields(rest)
	if len(fields) < 13 {
		return 0, fmt.Errorf("read CPU time: %q", raw)
	}
	var ticks time.Duration
	for _, field := range fields[11:13] {
		n, err := strconv.Atoi(field)
		if err != nil {
			return 0, fmt.Errorf("read CPU time: %w", err)
		}
		ticks += time.Duration(n)
	}
	return ticks * 10 * time.Millisecond, nil
}

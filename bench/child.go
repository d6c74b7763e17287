package main

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"path/filepath"
	"runtime"
	"runtime/pprof"
	"strings"
)

// The child is one measured system in a process of its own. It prints its address, then answers orders, one line
// each, until its standard input ends: so it never outlives the bench.
const (
	orderCount   = "count"   // answered with bytes and objects allocated, and groups made durable, since the start
	orderProfile = "profile" // begin to profile; answered with an empty line
	orderFinish  = "finish"  // followed by a folder: write the profiles there; answered with an empty line
)

// Sampling while profiling: one mutex contention in so many, one blocking event per so many ns blocked.
const (
	mutexFraction = 10
	blockRate     = 10_000
)

// serveSystem is the child process.
func serveSystem(ctx context.Context, name, dir string) error {
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return fmt.Errorf("listen: %w", err)
	}
	open, ok := openers[name]
	if !ok {
		return fmt.Errorf("no system is called %q", name)
	}
	s, err := open(ctx, dir)
	if err != nil {
		return err
	}
	ctx, stop := context.WithCancel(ctx)
	defer stop()
	fmt.Println(ln.Addr())
	obeyed := make(chan error, 1)
	go func() { // ends with the orders, or with the process when the system fails
		defer stop()
		obeyed <- s.obey(os.Stdin, os.Stdout)
	}()
	if err := s.run(ctx, ln); err != nil {
		return err
	}
	return <-obeyed
}

// obey carries out orders until there are no more.
func (s served) obey(orders io.Reader, answers io.Writer) error {
	var cpu bytes.Buffer // the CPU profile, until its folder is known
	for lines := bufio.NewScanner(orders); lines.Scan(); {
		order, folder, _ := strings.Cut(lines.Text(), " ")
		var answer string
		var err error
		switch order {
		case orderCount:
			var m runtime.MemStats
			runtime.ReadMemStats(&m)
			answer = fmt.Sprint(m.TotalAlloc, m.Mallocs, s.groups())
		case orderProfile:
			err = startProfiles(&cpu)
		case orderFinish:
			pprof.StopCPUProfile()
			err = writeProfiles(folder, cpu.Bytes())
		default:
			err = fmt.Errorf("unknown order %q", order)
		}
		if err != nil {
			return err
		}
		if _, err := fmt.Fprintln(answers, answer); err != nil {
			return fmt.Errorf("answer order: %w", err)
		}
	}
	return nil
}

func startProfiles(cpu io.Writer) error {
	runtime.SetMutexProfileFraction(mutexFraction)
	runtime.SetBlockProfileRate(blockRate)
	return pprof.StartCPUProfile(cpu)
}

// writeProfiles writes CPU, allocation, mutex and block profiles into the folder.
func writeProfiles(folder string, cpu []byte) error {
	err := os.WriteFile(filepath.Join(folder, "cpu.pprof"), cpu, 0o644)
	for _, name := range []string{"allocs", "mutex", "block"} {
		f, createErr := os.Create(filepath.Join(folder, name+".pprof"))
		if createErr != nil {
			return errors.Join(err, createErr)
		}
		err = errors.Join(err, pprof.Lookup(name).WriteTo(f, 0), f.Close())
	}
	return err
}

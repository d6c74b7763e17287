package main

import (
	"bufio"
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
	orderMemory  = "memory"  // answered with bytes and objects allocated since the start
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
	s, err := findSystem(name)
	if err != nil {
		return err
	}
	ctx, stop := context.WithCancel(ctx)
	defer stop()
	fmt.Println(ln.Addr())
	obeyed := make(chan error, 1)
	go func() { // ends with the orders, or with the process when the system fails
		defer stop()
		obeyed <- obey(os.Stdin, os.Stdout)
	}()
	if err := s.serve(ctx, ln, dir); err != nil {
		return err
	}
	return <-obeyed
}

// obey carries out orders until there are no more.
func obey(orders io.Reader, answers io.Writer) error {
	for lines := bufio.NewScanner(orders); lines.Scan(); {
		order, folder, _ := strings.Cut(lines.Text(), " ")
		var answer string
		var err error
		switch order {
		case orderMemory:
			var m runtime.MemStats
			runtime.ReadMemStats(&m)
			answer = fmt.Sprint(m.TotalAlloc, m.Mallocs)
		case orderProfile:
			err = startProfiles()
		case orderFinish:
			err = writeProfiles(folder)
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

// cpuProfile is where the CPU profile is written until its folder is known.
var cpuProfile strings.Builder

func startProfiles() error {
	runtime.SetMutexProfileFraction(mutexFraction)
	runtime.SetBlockProfileRate(blockRate)
	return pprof.StartCPUProfile(&cpuProfile)
}

// writeProfiles writes CPU, allocation, mutex and block profiles into the folder.
func writeProfiles(folder string) error {
	pprof.StopCPUProfile()
	err := os.WriteFile(filepath.Join(folder, "cpu.pprof"), []byte(cpuProfile.String()), 0o644)
	for _, name := range []string{"allocs", "mutex", "block"} {
		f, createErr := os.Create(filepath.Join(folder, name+".pprof"))
		if createErr != nil {
			return errors.Join(err, createErr)
		}
		err = errors.Join(err, pprof.Lookup(name).WriteTo(f, 0), f.Close())
	}
	return err
}

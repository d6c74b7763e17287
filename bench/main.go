package main

import (
	"bufio"
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/exec"
	"os/signal"
	"runtime"
	"slices"
	"strings"
	"syscall"
	"time"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	if err := run(ctx, os.Args[1:], os.Stdout); err != nil {
		fmt.Fprintln(os.Stderr, "bench:", err)
		os.Exit(1)
	}
}

func run(ctx context.Context, args []string, out io.Writer) error {
	flags := flag.NewFlagSet("bench", flag.ContinueOnError)
	events := flags.Int("events", 200_000, "events sent to each system in each round")
	batch := flags.Int("batch", 1, "events a request, with -profile")
	connections := flags.Int("connections", 64, "connections of the load generator")
	rounds := flags.Int("rounds", 3, "rounds; a figure is their median")
	seed := flags.Uint64("seed", 1, "seed of ids and pages")
	serve := flags.String("serve", "", "used by bench itself: the system that this process is")
	dir := flags.String("dir", "", "folder for the logs; default: a temporary one")
	profiled := flags.String("profile", "", "profile this system alone and write cpu, allocs, mutex and block .pprof into -out")
	folder := flags.String("out", ".", "folder for the profiles")
	if err := flags.Parse(args); err != nil {
		return err
	}
	if *serve != "" {
		return serveSystem(context.WithoutCancel(ctx), *serve, *dir)
	}
	if *dir == "" {
		temporary, err := os.MkdirTemp("", "heed-bench-")
		if err != nil {
			return fmt.Errorf("make folder: %w", err)
		}
		defer os.RemoveAll(temporary)
		*dir = temporary
	}
	if *profiled != "" {
		l := load{connections: *connections, requests: *events, batchSize: *batch, seed: *seed}
		r, err := measure(ctx, *profiled, l, *dir, *folder)
		fmt.Fprintf(out, "%s: CPU %v a request, %.0f events/s, %d bytes and %d objects allocated a request\n",
			*profiled, r.cpu, r.perSec, r.allocated, r.objects)
		return err
	}
	fmt.Fprintf(out, "%s, %d cores, %s; %d connections, %d events, %d rounds, seed %d\n",
		runtime.Version(), runtime.NumCPU(), geoText(), *connections, *events, *rounds, *seed)
	for _, batchSize := range []int{1, 10} {
		load := load{connections: *connections, requests: *events / batchSize, batchSize: batchSize, seed: *seed}
		results, err := compare(ctx, load, *rounds, *dir)
		if err != nil {
			return err
		}
		printTable(out, batchSize, results)
	}
	return nil
}

// result is what one system did in one round.
type result struct {
	cpu    time.Duration // of the server's process, user and system, per request
	perSec float64       // events
	rss    int64         // bytes, at the end

	allocated, objects int64 // by the server, per request
}

// compare lets the systems take turns under the same load and returns each one's median.
func compare(ctx context.Context, l load, rounds int, dir string) ([]result, error) {
	all := make([][]result, len(systems))
	for round := range rounds {
		for i, s := range systems {
			r, err := measure(ctx, s.name, l, dir, "")
			if err != nil {
				return nil, fmt.Errorf("measure %s, round %d: %w", s.name, round+1, err)
			}
			all[i] = append(all[i], r)
		}
	}
	medians := make([]result, len(systems))
	for i, results := range all {
		slices.SortFunc(results, func(a, b result) int { return int(a.cpu - b.cpu) })
		medians[i] = results[len(results)/2]
	}
	return medians, nil
}

// measure starts a system in a process of its own, warms it up, sends the load and reads the process's CPU time. It
// writes profiles of it into the folder profiles, unless that is empty.
func measure(ctx context.Context, system string, l load, dir, profiles string) (r result, err error) {
	folder, err := os.MkdirTemp(dir, system+"-")
	if err != nil {
		return r, fmt.Errorf("make folder: %w", err)
	}
	defer os.RemoveAll(folder)
	server := exec.CommandContext(ctx, os.Args[0], "-serve", system, "-dir", folder)
	server.SysProcAttr = &syscall.SysProcAttr{Setpgid: true} // Ctrl-C is for the bench, which then ends its child
	server.Stderr = os.Stderr
	stdout, err := server.StdoutPipe()
	if err != nil {
		return r, fmt.Errorf("pipe: %w", err)
	}
	orders, err := server.StdinPipe()
	if err != nil {
		return r, fmt.Errorf("pipe: %w", err)
	}
	if err := server.Start(); err != nil {
		return r, fmt.Errorf("start: %w", err)
	}
	defer func() {
		err = errors.Join(err, orders.Close(), server.Wait())
	}()
	answers := bufio.NewReader(stdout)
	ask := func(order ...string) (answer string, err error) {
		if _, err := fmt.Fprintln(orders, strings.Join(order, " ")); err != nil {
			return "", err
		}
		return answers.ReadString('\n')
	}
	addr, err := answers.ReadString('\n')
	if err != nil {
		return r, fmt.Errorf("read address: %w", err)
	}
	l.addr = strings.TrimSpace(addr)
	warmUp := l
	warmUp.requests /= 10
	warmUp.seed += 1 << 32
	if _, err := warmUp.send(); err != nil {
		return r, err
	}
	if profiles != "" {
		if _, err := ask(orderProfile); err != nil {
			return r, err
		}
	}
	allocatedBefore, err := ask(orderMemory)
	if err != nil {
		return r, err
	}
	before, err := readProcess(server.Process.Pid)
	if err != nil {
		return r, err
	}
	out, err := l.send()
	if err != nil {
		return r, err
	}
	after, err := readProcess(server.Process.Pid)
	if err != nil {
		return r, err
	}
	allocatedAfter, err := ask(orderMemory)
	if err != nil {
		return r, err
	}
	var b0, o0, b1, o1 int64
	if _, err := fmt.Sscan(allocatedBefore+allocatedAfter, &b0, &o0, &b1, &o1); err != nil {
		return r, fmt.Errorf("read memory: %w", err)
	}
	if profiles != "" {
		if _, err := ask(orderFinish, profiles); err != nil {
			return r, err
		}
	}
	if out.wrong > 0 {
		return r, fmt.Errorf("%d answers were not an empty 2xx", out.wrong)
	}
	sent := l.requests / l.connections * l.connections
	return result{
		cpu:    (after.cpu - before.cpu) / time.Duration(sent),
		perSec: float64(sent*l.batchSize) / out.elapsed.Seconds(),
		rss:    after.rss,

		allocated: (b1 - b0) / int64(sent),
		objects:   (o1 - o0) / int64(sent),
	}, nil
}

// process is what the kernel says of a process.
type process struct {
	cpu time.Duration
	rss int64
}

// readProcess reads /proc/<pid>/stat (proc(5)): utime and stime in ticks of 10 ms, rss in pages.
func readProcess(pid int) (process, error) {
	raw, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if err != nil {
		return process{}, fmt.Errorf("read process: %w", err)
	}
	_, rest, _ := strings.Cut(string(raw), ") ")
	fields := strings.Fields(rest)
	var user, system, pages int64
	if _, err := fmt.Sscan(fields[11]+" "+fields[12]+" "+fields[21], &user, &system, &pages); err != nil {
		return process{}, fmt.Errorf("read process: %w", err)
	}
	return process{time.Duration(user+system) * 10 * time.Millisecond, pages * int64(os.Getpagesize())}, nil
}

func printTable(out io.Writer, batchSize int, results []result) {
	fmt.Fprintf(out, "\n%d events a request\n%-8s %10s %8s %10s %10s %8s\n", batchSize,
		"", "CPU µs per", "×", "CPU µs per", "events", "RSS")
	fmt.Fprintf(out, "%-8s %10s %8s %10s %10s %8s\n", "", "request", "floor", "event", "per s", "MB")
	floor := results[1].cpu
	for i, r := range results {
		micros := float64(r.cpu.Nanoseconds()) / 1000
		fmt.Fprintf(out, "%-8s %10.1f %8.2f %10.1f %10.0f %8d  %s\n", systems[i].name, micros,
			float64(r.cpu)/float64(floor), micros/float64(batchSize), r.perSec, r.rss>>20, systems[i].about)
	}
}

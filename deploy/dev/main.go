// Dev starts Apache Kafka in KRaft mode on free ports of this machine, to try a cluster of heed by hand:
//
//	go run ./deploy/fetch -dev      # once: brings Kafka's jars
//	go run ./deploy/dev -nodes 3
//
// It prints what to set, and ends the brokers and removes their data when it is interrupted. Tests start theirs in the
// same way, by package kafkatest.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
	"strings"
	"syscall"

	"heed/pipeline/kafka/kafkatest"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	if err := run(ctx, os.Args[1:], os.Stdout); err != nil {
		fmt.Fprintln(os.Stderr, "dev:", err)
		os.Exit(1)
	}
}

func run(ctx context.Context, args []string, out io.Writer) (err error) {
	f := flag.NewFlagSet("dev", flag.ContinueOnError)
	nodes := f.Int("nodes", 1, "how many nodes, each broker and controller; three have min.insync.replicas=2")
	if err := f.Parse(args); errors.Is(err, flag.ErrHelp) {
		return nil
	} else if err != nil {
		return err
	}
	if *nodes < 1 || *nodes > 9 {
		return fmt.Errorf("-nodes %d: want 1 to 9; each takes some 320 MB", *nodes)
	}
	fmt.Fprintf(out, "starting %d of Kafka …\n", *nodes)
	cluster, err := kafkatest.Open(kafkatest.Config{Nodes: *nodes})
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, cluster.Close()) }()
	fmt.Fprintf(out, "  --kafka.brokers %s --kafka.replication %d\nCtrl-C ends it and removes its data.\n",
		strings.Join(cluster.Brokers(), ","), min(*nodes, 3))
	<-ctx.Done()
	return nil
}

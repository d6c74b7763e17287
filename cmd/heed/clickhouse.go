package main

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"os"
	"path/filepath"
	"strings"

	"heed/pipeline/clickhouse"
)

// servePassword is the variable that holds the password: a flag would be seen by everyone on the machine.
const servePassword = "HEED_CLICKHOUSE_PASSWORD"

func clickhouseServeCommand() command {
	return command{
		name: "clickhouse serve", args: "[settings]", summary: "Serve the embedded ClickHouse to other processes by DSN.",
		detail: "It opens the engine of the data folder and answers as a ClickHouse server's HTTP interface does, so that " +
			"heed collect, heed load and heed report can be tried as processes of their own without a server. It is made " +
			"for tests and for one machine. The password stands in the variable " + servePassword + " or in a file.",
		example: "heed clickhouse serve --password-file password.txt",
		own: func(f *flags) {
			f.set.String("address", "127.0.0.1:8123", "Where it listens: a loopback `address`; port 0 picks one.")
			f.set.String("user", "heed", "The `name` that clients give.")
			f.set.String("password-file", "", "`File` that holds the password, instead of the variable.")
		},
		run: runClickhouseServe,
	}
}

func runClickhouseServe(ctx context.Context, p *program, f *flags) (err error) {
	cfg, err := loadConfig(p, f)
	if err != nil {
		return err
	}
	access, err := serverAccess(p, f)
	if err != nil {
		return err
	}
	if cfg.DataDir, err = filepath.Abs(cfg.DataDir); err != nil {
		return fmt.Errorf("find data folder: %w", err)
	}
	unlock, err := lockData(cfg.DataDir)
	if err != nil {
		return err
	}
	defer unlock()
	ctx, stop := interruptible(ctx, p.stderr, fromTheLog)
	defer stop()
	cfg.ClickHouse.DSN = "" // the engine's own, whatever the other processes are told
	store, err := openStore(ctx, cfg, cfg.logger(p.stderr))
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, store.Close(context.WithoutCancel(ctx))) }()
	listener, err := net.Listen("tcp", f.text("address"))
	if err != nil {
		return fmt.Errorf("listen: %w", err)
	}
	fmt.Fprintf(p.stdout, "ClickHouse  http://%s:***@%s/heed\n", access.User, listener.Addr())
	return store.Serve(ctx, listener, access)
}

// serverAccess reads who may use the engine, and refuses to show it to a network: neither it nor HTTP was made for that.
func serverAccess(p *program, f *flags) (clickhouse.ServerConfig, error) {
	access := clickhouse.ServerConfig{User: f.text("user"), Password: p.getenv(servePassword)}
	if name := f.text("password-file"); name != "" {
		text, err := os.ReadFile(name)
		if err != nil {
			return access, fmt.Errorf("read password: %w", err)
		}
		access.Password = strings.TrimRight(string(text), "\r\n")
	}
	if err := access.Validate(); err != nil {
		return access, &usageError{fmt.Sprintf("%v (set %s or --password-file)", err, servePassword)}
	}
	address, err := netip.ParseAddrPort(strings.Replace(f.text("address"), "localhost:", "127.0.0.1:", 1))
	if err != nil || !address.Addr().IsLoopback() {
		return access, &usageError{fmt.Sprintf("--address %q is not a loopback address with a port; for a network run a ClickHouse server",
			f.text("address"))}
	}
	return access, nil
}

package main

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"net"
	"net/http"
	"slices"
	"strings"
)

func readyCommand() command {
	return command{
		name: "ready", args: "[settings]", summary: "Ask the process that runs here whether it is ready.",
		detail: "It asks /readyz at api.address, as a health check of a container without a shell must. The exit status is 0 " +
			"when every check passes, and 1 otherwise, with what failed.",
		example: "heed ready --api.address 127.0.0.1:8082",
		run:     runReady,
	}
}

// maxReadyBytes bounds the answer of whatever listens at api.address.
const maxReadyBytes = 64 << 10

func runReady(ctx context.Context, p *program, f *flags) error {
	cfg, err := loadConfig(p, f)
	if err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(ctx, 2*checkTimeout)
	defer cancel()
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://"+localAddress(cfg.API.Address)+"/readyz", nil)
	if err != nil {
		return fmt.Errorf("ask %s: %w", cfg.API.Address, err)
	}
	answer, err := http.DefaultClient.Do(request)
	if err != nil {
		return fmt.Errorf("ask whether heed is ready: %w (is it running, with this api.address?)", err)
	}
	defer answer.Body.Close()
	var body struct {
		Checks map[string]string `json:"checks"`
	}
	if err := json.NewDecoder(io.LimitReader(answer.Body, maxReadyBytes)).Decode(&body); err != nil {
		return fmt.Errorf("read the answer of %s: %w (is it heed's?)", cfg.API.Address, err)
	}
	if answer.StatusCode != http.StatusOK {
		return fmt.Errorf("not ready: %s", strings.Join(failedChecks(body.Checks), "; "))
	}
	fmt.Fprintln(p.stdout, "ready")
	return nil
}

func failedChecks(checks map[string]string) []string {
	var failed []string
	for _, name := range slices.Sorted(maps.Keys(checks)) {
		if checks[name] != "ok" {
			failed = append(failed, name+": "+checks[name])
		}
	}
	return failed
}

// localAddress is how this machine reaches a listener that may listen on all of its addresses.
func localAddress(address string) string {
	host, port, err := net.SplitHostPort(address)
	if err != nil {
		return address // the settings let only host:port pass
	}
	if ip := net.ParseIP(host); host == "" || ip != nil && ip.IsUnspecified() {
		host = "127.0.0.1"
	}
	return net.JoinHostPort(host, port)
}

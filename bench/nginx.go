package main

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"time"

	"heed/collector/listen/listentest"
)

// nginxConfig is a log of pixels as nginx writes it: one line a request, with one write each, fsynced never.
const nginxConfig = `daemon off;
worker_processes auto;
pid FOLDER/pid;
error_log stderr error;
events { worker_connections 1024; }
http {
  log_format pixel '$http_x_forwarded_for [$time_iso8601] "$request" $status "$http_referer" "$http_user_agent" '
    '"$http_sec_ch_ua" "$http_accept_language"';
  access_log FOLDER/access.log pixel;
  keepalive_requests 1000000000;
  client_body_temp_path FOLDER/body; proxy_temp_path FOLDER/proxy; fastcgi_temp_path FOLDER/fastcgi;
  uwsgi_temp_path FOLDER/uwsgi; scgi_temp_path FOLDER/scgi;
  server {
    listen ADDRESS;
    location = /p.gif { empty_gif; }
  }
}
`

// nginxStart bounds how long nginx may take until it listens.
const nginxStart = 10 * time.Second

// startNginx starts Debian's nginx with a configuration of its own on a port of loopback.
func startNginx(ctx context.Context, folder string) (*process, error) {
	address, err := listentest.FreeAddress()
	if err != nil {
		return nil, err
	}
	config := filepath.Join(folder, "nginx.conf")
	text := strings.NewReplacer("FOLDER", folder, "ADDRESS", address).Replace(nginxConfig)
	if err := os.WriteFile(config, []byte(text), 0o600); err != nil {
		return nil, fmt.Errorf("write nginx.conf: %w", err)
	}
	p := &process{address: address, folder: folder}
	p.cmd = exec.CommandContext(ctx, "nginx", "-p", folder, "-c", config, "-e", "stderr")
	if err := p.start(); err != nil {
		return nil, err
	}
	for deadline := time.Now().Add(nginxStart); ; time.Sleep(10 * time.Millisecond) {
		conn, err := net.Dial("tcp", address)
		if err == nil {
			return p, conn.Close()
		}
		if time.Now().After(deadline) {
			return nil, errors.Join(fmt.Errorf("nginx does not listen: %w", err), p.stop())
		}
	}
}

package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"path/filepath"
	"slices"
	"sync"
	"sync/atomic"
	"time"
)

// role is a command that runs until it is stopped.
type role struct {
	name  string
	check func(*Config) problems // what it asks of the settings beyond what each must be by itself
	parts func(*host) []step     // what it consists of, in the order in which it is opened
}

// step opens one part and leaves behind, with atStop, how it ends.
type step func(context.Context) error

// roles are the commands that heed config --check knows by name.
func roles() []role { return []role{serveRole(), collectRole(), loadRole(), reportRole()} }

// host is what every role stands on: the data folder, the listeners of the web, and the order of a stop.
type host struct {
	cfg    *Config
	p      *program
	logger *slog.Logger

	api, socket net.Listener
	bound       []net.Listener                // all of the web
	stops       []func(context.Context) error // the last one first
	web         []*http.Server
	running     sync.WaitGroup
	failed      chan error  // the first part that stopped without being asked to
	stopping    atomic.Bool // no more events are accepted
}

// runRole validates everything before it touches anything.
func runRole(ctx context.Context, p *program, f *flags, r role) error {
	cfg, err := loadConfig(p, f)
	if err != nil {
		return err
	}
	if bad := r.check(cfg); len(bad) > 0 {
		return bad
	}
	if n := len(cfg.remarks()); n > 0 {
		sayAll(p.stderr, []string{fmt.Sprintf("%d remarks on the sites; heed config --check says them", n)})
	}
	ctx, stop := interruptible(ctx, p.stderr, fromTheLog)
	defer stop()
	h := &host{cfg: cfg, p: p, logger: cfg.logger(p.stderr), failed: make(chan error, 1)}
	err = h.open(ctx, r.parts(h))
	if err == nil {
		err = h.wait(ctx)
	}
	return errors.Join(err, h.close(context.WithoutCancel(ctx)))
}

// open runs the steps. On an error close ends what was opened.
func (h *host) open(ctx context.Context, steps []step) error {
	for _, open := range append([]step{h.openFolder}, steps...) {
		if err := open(ctx); err != nil {
			return err
		}
		if ctx.Err() != nil {
			return errors.New("stopped before everything had started")
		}
	}
	return nil
}

// atStop leaves behind how something that was opened ends. Ends come in the reverse order.
func (h *host) atStop(stop func(context.Context) error) { h.stops = append(h.stops, stop) }

// close ends everything that was opened. ctx is fresh: nothing could be stored under one that has ended.
func (h *host) close(ctx context.Context) error {
	var errs []error
	for _, stop := range slices.Backward(h.stops) {
		errs = append(errs, stop(ctx))
	}
	return errors.Join(errs...)
}

// openFolder takes the data folder for this process alone.
func (h *host) openFolder(context.Context) (err error) {
	if h.cfg.DataDir, err = filepath.Abs(h.cfg.DataDir); err != nil {
		return fmt.Errorf("find data folder: %w", err)
	}
	unlock, err := lockData(h.cfg.DataDir)
	if err != nil {
		return err
	}
	h.atStop(func(context.Context) error { unlock(); return nil })
	return nil
}

// listen binds the API and the data folder's socket. At a stop they answer until all that was opened later has ended,
// so that /readyz and questions are answered during a drain.
func (h *host) listen(context.Context) (err error) {
	h.atStop(h.stopWeb)
	if h.api, err = h.bind("api.address", h.cfg.API.Address); err != nil {
		return err
	}
	if h.socket, err = listenSocket(h.cfg.DataDir); err == nil {
		h.bound = append(h.bound, h.socket)
	}
	return err
}

// bind listens at the address of a setting, until stopWeb.
func (h *host) bind(setting, address string) (net.Listener, error) {
	listener, err := net.Listen("tcp", address)
	if err != nil {
		return nil, fmt.Errorf("%s: %w (stop what uses the port, or choose another with --%s)", setting, err, setting)
	}
	h.bound = append(h.bound, listener)
	return listener, nil
}

// stopWeb lets the web servers finish what they answer, and waits for everything that runs.
func (h *host) stopWeb(ctx context.Context) error {
	var errs []error
	for _, web := range h.web {
		errs = append(errs, bounded(ctx, web.Shutdown))
	}
	closeAll(h.bound)
	h.running.Wait()
	return errors.Join(errs...)
}

// closeAll closes those that no server has closed. A second Close does no harm.
func closeAll(listeners []net.Listener) {
	for _, listener := range listeners {
		listener.Close()
	}
}

// serveAPI answers on the API's listener and on the socket.
func (h *host) serveAPI(a *api) {
	a.token = h.cfg.API.Token
	h.serveWeb("api", h.api, a.public())
	h.serveWeb("socket", h.socket, a.private())
}

// Limits of the listeners that are not the collector's.
const (
	webReadTimeout  = 10 * time.Second
	webWriteTimeout = time.Minute // longer than the longest query
	webHeaderBytes  = 16 << 10
)

func (h *host) serveWeb(name string, listener net.Listener, handler http.Handler) {
	web := &http.Server{
		Handler: handler, ReadTimeout: webReadTimeout, WriteTimeout: webWriteTimeout, IdleTimeout: webWriteTimeout,
		MaxHeaderBytes: webHeaderBytes, ErrorLog: slog.NewLogLogger(h.logger.Handler(), slog.LevelDebug),
	}
	h.web = append(h.web, web)
	h.run("serve "+name, func() error {
		if err := web.Serve(listener); !errors.Is(err, http.ErrServerClosed) {
			return err
		}
		return nil
	})
}

// run runs a part until it ends. When it ends with an error, the whole process stops.
func (h *host) run(what string, part func() error) {
	h.running.Go(func() {
		if err := part(); err != nil {
			select {
			case h.failed <- fmt.Errorf("%s: %w", what, err):
			default: // the first one is the cause
			}
		}
	})
}

// wait returns when the process is asked to stop, or a part has ended.
func (h *host) wait(ctx context.Context) error {
	select {
	case <-ctx.Done():
		return nil
	case err := <-h.failed:
		return err
	}
}

// checkStopping tells a load balancer to send nobody any more.
func (h *host) checkStopping(context.Context) error {
	if h.stopping.Load() {
		return errors.New("stopping")
	}
	return nil
}

// reachable is a listener's address as a browser on this machine would write it.
func reachable(address net.Addr) string {
	tcp, ok := address.(*net.TCPAddr)
	if ok && tcp.IP.IsUnspecified() {
		return fmt.Sprintf("127.0.0.1:%d", tcp.Port)
	}
	return address.String()
}

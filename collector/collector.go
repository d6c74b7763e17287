package collector

import (
	"bufio"
	"bytes"
	"context"
	"fmt"
	"log/slog"
	"net"
	"runtime"
	"runtime/debug"
	"sync"
	"sync/atomic"
	"time"

	"github.com/valyala/fasthttp"

	"heed/collector/guard"
	"heed/collector/limit"
	"heed/pipeline/enrich"
	"heed/pipeline/wal"
	"heed/schemas"
)

// Log is where accepted events go; *wal.Log is one.
//
// Append returns nil only when all events are durable. It may be called by many goroutines at once, honours ctx, and
// does not touch the events after it has returned, whatever it returned: their memory is used again.
// An error that wraps wal.ErrFull makes clients wait longer before they send again.
type Log interface {
	Append(ctx context.Context, evs []*schemas.Envelope) (wal.Pos, error)
}

// Starter is what a Log may also be: one whose Append has two halves. Start encodes the events, whose memory is used again
// while Wait waits. Wait must not panic.
type Starter interface {
	Start(evs []*schemas.Envelope) (wal.Pending, error)
}

var (
	_ Log     = (*wal.Log)(nil)
	_ Starter = (*wal.Log)(nil)
)

// Logs are the two streams of a collector. They never meet: a record is chained in the order in which Consent has it.
type Logs struct {
	Events Log
	// Consent takes consent records, each before the events of the batch that brings it. Without one, a batch with a
	// consent event is answered 503.
	Consent Log
}

// Collector is the HTTP edge. Its methods may be called by many goroutines at once.
type Collector struct {
	cfg      Config
	prefix   []byte // Config.Prefix with a slash at its end
	sites    map[string]*site
	order    []*site // as configured
	logs     Logs
	enricher *enrich.Enricher
	logger   *slog.Logger
	metrics  *collectorMetrics
	server   *fasthttp.Server
	visits   sync.Pool
	watches  sync.Pool // of *watch
	lanes    sync.Pool // of *lane
	answers  sync.Pool // of *[]byte: of lanes that were given back
	recalls  sync.Pool
	rooms    sync.Pool // of *[schemas.MaxBatchBytes]byte, for bodies that are expanded
	lot      *lot
	receipts *receipts

	deadlines deadlines      // of Log.Append, both logs
	settling  sync.WaitGroup // batches whose outcome the log does not know yet
	shedder   *shedder
	limiter   *limit.Limiter // nil: nobody is
	expander  *guard.Expander
	stopping  atomic.Bool
	open      atomic.Int64 // connections
	bodies    atomic.Int64 // bytes that connections are charged with
	warnings  struct{ append, consent, receipt, accept quiet }
}

// New makes a collector that hands what it accepts to logs. It opens nothing; logs and enricher stay the caller's to
// close, after Shutdown.
func New(cfg Config, logs Logs, enricher *enrich.Enricher, logger *slog.Logger) (*Collector, error) {
	if err := cfg.Validate(); err != nil {
		return nil, fmt.Errorf("configure collector: %w", err)
	}
	cfg.Limits = cfg.Limits.withDefaults()
	if cfg.Now == nil {
		cfg.Now = time.Now
	}
	c := &Collector{
		cfg:      cfg,
		prefix:   []byte(cfg.Prefix + "/"),
		sites:    make(map[string]*site, len(cfg.Sites)),
		logs:     logs,
		enricher: enricher,
		logger:   logger.With("component", "collector"),
		metrics:  newMetrics(),
		receipts: newReceipts(),
		shedder:  newShedder(logs.Events),
		expander: guard.NewExpander(runtime.GOMAXPROCS(0)),
	}
	c.deadlines.timeout = cfg.Limits.AppendTimeout
	c.rooms.New = func() any { return new([schemas.MaxBatchBytes]byte) }
	c.visits.New = func() any { return new(visit) }
	c.lanes.New = func() any { return new(lane) }
	c.watches.New = func() any {
		w := new(watch)
		w.ready = w.isReady
		return w
	}
	c.answers.New = func() any { return new([]byte) }
	c.recalls.New = func() any { return new(recall) }
	if err := c.addSites(); err != nil {
		return nil, fmt.Errorf("configure collector: %w", err)
	}
	c.server = c.newServer()
	c.lot = newLot(c.server.ServeConn, max(cfg.Limits.IdleTimeout-restAfter, 0))
	c.metrics.set.NewGauge("heed_collector_connections", func() float64 { return float64(c.open.Load()) })
	c.metrics.set.NewGauge("heed_collector_connections_parked", func() float64 { return float64(c.lot.size()) })
	return c, nil
}

// addSites makes the sites ready for requests.
func (c *Collector) addSites() (err error) {
	if c.cfg.Rates != nil {
		if c.limiter, err = limit.New(*c.cfg.Rates); err != nil {
			return err
		}
	}
	for _, cfg := range c.cfg.Sites {
		s := newSite(cfg, c.metrics.newLedger(cfg.ID))
		if c.limiter != nil {
			if s.quota, err = c.limiter.Site(cfg.Rate); err != nil {
				return fmt.Errorf("site %q: %w", cfg.ID, err)
			}
		}
		c.sites[cfg.Key] = s
		c.order = append(c.order, s)
	}
	return nil
}

// newServer bounds what a connection can cost before the handler sees it.
func (c *Collector) newServer() *fasthttp.Server {
	l := c.cfg.Limits
	return &fasthttp.Server{
		Handler:            c.handle,
		HeaderReceived:     c.headerReceived,
		ErrorHandler:       c.unreadable,
		Logger:             serverLogger{c.logger},
		ReadBufferSize:     l.HeaderBytes,
		MaxRequestBodySize: schemas.MaxBatchBytes,
		ReadTimeout:        l.ReadTimeout,
		WriteTimeout:       l.WriteTimeout,
		IdleTimeout:        min(restAfter, l.IdleTimeout),
		Concurrency:        l.Connections + 1, // never reached: bound refuses before, and in JSON

		CloseOnShutdown:              true,
		DisablePreParseMultipartForm: true,
		NoDefaultContentType:         true,
		NoDefaultServerHeader:        true,
		SecureErrorLogMessage:        true,
	}
}

// Handler returns the collector as a handler for a fasthttp server of the caller's own. The limits of the connection
// are then that server's: set its MaxRequestBodySize to schemas.MaxBatchBytes or more, and its timeouts.
func (c *Collector) Handler() fasthttp.RequestHandler { return c.handle }

// Serve answers requests on ln until Shutdown, and then returns nil. It closes ln.
func (c *Collector) Serve(ln net.Listener) error {
	if err := c.server.Serve(c.bound(ln)); err != nil {
		return fmt.Errorf("serve on %s: %w", ln.Addr(), err)
	}
	return nil
}

// Shutdown stops accepting, lets requests that have begun finish, and returns when they have, and the ledger knows what
// became of every event, or when ctx ends. It may be called again.
func (c *Collector) Shutdown(ctx context.Context) error {
	c.stopping.Store(true)
	c.lot.close()
	if err := c.server.ShutdownWithContext(ctx); err != nil {
		return fmt.Errorf("wait for open requests: %w", err)
	}
	if err := waitFor(ctx, &c.lot.serving); err != nil {
		return fmt.Errorf("wait for connections at rest: %w", err)
	}
	c.deadlines.stop()
	// A log whose disk hangs tells what became of events when it is closed, and that is the caller's to do.
	if err := waitFor(ctx, &c.settling); err != nil {
		return fmt.Errorf("wait for the log to say what became of events: %w", err)
	}
	return nil
}

// waitFor waits until all of group are done, or ctx ends. What waits then goes on until they are.
func waitFor(ctx context.Context, group *sync.WaitGroup) error {
	done := make(chan struct{})
	go func() {
		group.Wait()
		close(done)
	}()
	select {
	case <-done:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// handle is the root of every request.
func (c *Collector) handle(ctx *fasthttp.RequestCtx) {
	defer c.finish(ctx)
	t, err := c.route(&ctx.Request.Header, isMarkedShed(ctx))
	if err != nil {
		c.refuseTarget(ctx, t, err)
		lingerThenClose(ctx) // a body may stand unread behind the headers, and must not be taken for the next request
		return
	}
	switch t.to {
	case toBatch:
		c.serveBatch(ctx, t)
	case toPixel:
		c.servePixel(ctx, t)
	case toPreflight:
		answerPreflight(ctx, t)
	case toAsset:
		serveAsset(ctx, t.asset)
	case toLoader:
		c.serveLoader(ctx, t.site)
	case toGPC:
		c.serveGPC(ctx, t.site)
	case toDNT:
		c.serveDNT(ctx, t)
	case toReceipt:
		c.serveReceipt(ctx, t)
	case toOverlay:
		c.serveOverlay(ctx, t)
	}
}

// headerReceived runs before a body is read. A request that will be refused is told to have none: the handler then
// answers at once and ends the connection, behind which the body is thrown away.
func (c *Collector) headerReceived(h *fasthttp.RequestHeader) fasthttp.RequestConfig {
	h.Del(shedMark)
	if _, err := c.route(h, false); err != nil {
		h.SetContentLength(0)
		h.Del(fasthttp.HeaderExpect)
		if err == errShed {
			h.Set(shedMark, "1")
		}
	}
	return fasthttp.RequestConfig{}
}

// unreadable answers what never became a request: garbage, headers or bodies that are too long, too slow or cut short.
func (c *Collector) unreadable(ctx *fasthttp.RequestCtx, err error) {
	h := &ctx.Request.Header
	if head := guard.HeadOf(ctx.Conn()); head != nil { // the server has lost the headers with the body
		_ = h.Read(bufio.NewReaderSize(bytes.NewReader(head), len(head))) // as it has read them before
	}
	t, _ := c.route(h, false)
	c.refuseTarget(ctx, t, readingError(err))
	lingerThenClose(ctx)
}

// refuseTarget refuses a request and, where it was a batch of a known site, enters it into the site's ledger.
func (c *Collector) refuseTarget(ctx *fasthttp.RequestCtx, t target, err *schemas.Error) {
	if t.to == toBatch && ctx.IsPost() {
		t.site.ledger.refuse(err.Code)
	}
	c.refuse(ctx, t, err)
}

// finish ends the handling of every request. It turns a mistake of ours into a 500. The panic's own text may hold what a
// visitor sent, so only a runtime error's is logged.
func (c *Collector) finish(ctx *fasthttp.RequestCtx) {
	r := recover()
	if own := ours(ctx); own != nil {
		own.settle()
	}
	if r == nil {
		return
	}
	cause := fmt.Sprintf("%T", r)
	if err, ok := r.(runtime.Error); ok {
		cause = err.Error()
	}
	c.metrics.panics.Inc()
	c.logger.Error("request panicked", "cause", cause, "stack", string(debug.Stack()))
	ctx.Response.Reset()
	c.refuse(ctx, target{}, errInternal)
	ctx.SetConnectionClose()
}

// serverLogger takes what fasthttp wants to log: addresses of peers and pieces of requests. Only that something was
// said is passed on, and its constant format.
type serverLogger struct{ *slog.Logger }

// Printf implements fasthttp.Logger.
func (l serverLogger) Printf(format string, _ ...any) { l.Debug("http server", "format", format) }

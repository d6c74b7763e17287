package clickhouse

import (
	"bytes"
	"context"
	"crypto/sha256"
	"crypto/subtle"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"strconv"
	"time"
)

// ServerConfig says who may use a Handler, and bounds what requests take.
type ServerConfig struct {
	// User and Password that every request must bring; both are needed.
	User, Password string
	// MaxBody is the most bytes of a statement or of an insert's data, after decompression; default 64 MiB.
	MaxBody int64
	// MaxRequests is how many are held at once, those included that wait for a connection of the engine; default 32.
	// One more is answered 503 at once. Memory for bodies is bounded by MaxRequests × MaxBody.
	MaxRequests int
	// MaxTime is how long a request may wait and run together; default 10 minutes.
	MaxTime time.Duration
}

// The least password, and the defaults of ServerConfig.
const (
	minPasswordBytes   = 12
	defaultMaxBody     = 64 << 20
	defaultMaxRequests = 32
	defaultMaxTime     = 10 * time.Minute
)

// Validate reports all problems of the configuration. It never repeats the password.
func (c ServerConfig) Validate() error {
	var problems []error
	if c.User == "" {
		problems = append(problems, errors.New("user: a name is needed"))
	}
	if len(c.Password) < minPasswordBytes {
		problems = append(problems, fmt.Errorf("password: at least %d bytes are needed", minPasswordBytes))
	}
	if c.MaxBody < 0 || c.MaxRequests < 0 || c.MaxTime < 0 {
		problems = append(problems, errors.New("limits: negative"))
	}
	return errors.Join(problems...)
}

// Handler lets other processes use the embedded engine by DSN, http://user:password@host:port/database, as they would
// use a ClickHouse server: clickhouse-go's HTTP protocol with its parameters, settings, compression and errors, no more:
// no sessions and no external tables. GET /ping answers without a password. It ends with the store.
func (s *Store) Handler(cfg ServerConfig) (http.Handler, error) {
	if err := cfg.Validate(); err != nil {
		return nil, err
	}
	if s.transport == nil {
		return nil, errors.New("only the embedded engine can be served: this store is a server's already")
	}
	if cfg.MaxBody == 0 {
		cfg.MaxBody = defaultMaxBody
	}
	if cfg.MaxRequests == 0 {
		cfg.MaxRequests = defaultMaxRequests
	}
	if cfg.MaxTime == 0 {
		cfg.MaxTime = defaultMaxTime
	}
	return &server{cfg: cfg, transport: s.transport, metrics: s.metrics, held: make(chan struct{}, cfg.MaxRequests),
		user: sha256.Sum256([]byte(cfg.User)), password: sha256.Sum256([]byte(cfg.Password))}, nil
}

// Serve answers on the listener as Handler does until ctx ends, and then waits for requests in hand, for stopTimeout
// at most. It closes the listener.
func (s *Store) Serve(ctx context.Context, listener net.Listener, cfg ServerConfig) error {
	handler, err := s.Handler(cfg)
	if err != nil {
		return errors.Join(err, listener.Close())
	}
	web := &http.Server{
		Handler:           handler,
		ReadHeaderTimeout: 10 * time.Second, // parameters stand in the head, at most a megabyte
		ReadTimeout:       time.Minute,
		IdleTimeout:       2 * time.Minute,
		ErrorLog:          slog.NewLogLogger(s.log.Handler(), slog.LevelWarn),
	}
	failed := make(chan error, 1)
	go func() { failed <- web.Serve(listener) }() // ends with Shutdown or Close below
	select {
	case err := <-failed:
		return fmt.Errorf("serve: %w", err)
	case <-ctx.Done():
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), stopTimeout)
	defer cancel()
	if err := web.Shutdown(ctx); err != nil {
		return errors.Join(fmt.Errorf("stop serving: %w", err), web.Close())
	}
	return nil
}

// stopTimeout is for requests in hand when a server stops.
const stopTimeout = 20 * time.Second

// server is the transport behind a listener.
type server struct {
	cfg            ServerConfig
	transport      *transport
	metrics        storeMetrics
	held           chan struct{} // one for each request in hand; full means 503
	user, password [sha256.Size]byte
}

// ServeHTTP implements http.Handler.
func (s *server) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	switch {
	case r.URL.Path == "/ping":
		io.WriteString(w, "Ok.\n")
	case !s.knows(r):
		s.metrics.denied.Inc()
		fail(w, http.StatusForbidden, codeAuthentication, "user or password is wrong (AUTHENTICATION_FAILED)")
	case r.URL.Path != "/" || r.Method != http.MethodPost:
		fail(w, http.StatusNotFound, codeUnsupported, "only POST / and GET /ping are served (UNSUPPORTED_METHOD)")
	default:
		s.admit(w, r)
	}
}

// knows compares in constant time, whichever of the two is wrong.
func (s *server) knows(r *http.Request) bool {
	name, secret, ok := r.BasicAuth()
	if !ok { // the driver's way under TLS
		name, secret = r.Header.Get("X-ClickHouse-User"), r.Header.Get("X-ClickHouse-Key")
	}
	user, password := sha256.Sum256([]byte(name)), sha256.Sum256([]byte(secret))
	return subtle.ConstantTimeCompare(user[:], s.user[:])&subtle.ConstantTimeCompare(password[:], s.password[:]) == 1
}

// admit holds no more requests than there is room for: one that would only wait in a crowd is better asked again.
func (s *server) admit(w http.ResponseWriter, r *http.Request) {
	select {
	case s.held <- struct{}{}:
		defer func() { <-s.held }()
	default:
		s.metrics.busy.Inc()
		w.Header().Set("Retry-After", "1")
		fail(w, http.StatusServiceUnavailable, codeTooManyQueries, "too many requests at once (TOO_MANY_SIMULTANEOUS_QUERIES)")
		return
	}
	ctx, cancel := context.WithTimeout(r.Context(), s.cfg.MaxTime)
	defer cancel()
	s.metrics.served.Inc()
	s.answer(ctx, w, r)
}

func (s *server) answer(ctx context.Context, w http.ResponseWriter, r *http.Request) {
	if s.transport.closed.Load() {
		fail(w, http.StatusServiceUnavailable, codeTooManyQueries, "the engine stops")
		return
	}
	body := s.transport.buffers.get()
	defer s.transport.buffers.put(body)
	if err := s.read(w, r, body); err != nil {
		if tooLarge := (*http.MaxBytesError)(nil); errors.As(err, &tooLarge) {
			fail(w, http.StatusRequestEntityTooLarge, codeTooLarge, "the body is larger than %d bytes", s.cfg.MaxBody)
			return
		}
		// The client went away, or sent what is no request: nothing was run.
		fail(w, http.StatusBadRequest, codeIncomplete, "read body: %v", err)
		return
	}
	st := newStatement(r.URL.Query())
	for name, bound := range map[string]int{
		"max_result_bytes":   maxResultBytes,
		"max_execution_time": int(s.cfg.MaxTime.Seconds()) + 1, // when nobody waits any more the connection is wanted
	} {
		if _, set := st.settings[name]; !set {
			st.settings[name] = strconv.Itoa(bound)
		}
	}
	data, err := s.transport.run(ctx, st, body.Bytes())
	if err == nil {
		err = write(w, r, data)
	}
	failed := (*engineError)(nil)
	switch {
	case err == nil:
	case errors.As(err, &failed):
		w.Header().Set(codeHeader, failed.code())
		w.WriteHeader(http.StatusInternalServerError)
		io.WriteString(w, failed.text)
	case errors.Is(err, errNotStarted):
		fail(w, http.StatusServiceUnavailable, codeTooManyQueries, "no connection was free in time")
	default:
		fail(w, http.StatusGatewayTimeout, codeTimeout, "%v", err)
	}
}

// maxResultBytes is the most that a statement may answer, unless it sets its own bound: answers are held in memory.
const maxResultBytes = 512 << 20

// read reads the whole body: an insert is run with all of its data or not at all.
func (s *server) read(w http.ResponseWriter, r *http.Request, into *bytes.Buffer) error {
	body, err := uncompressed(r, http.MaxBytesReader(w, r.Body, s.cfg.MaxBody), s.cfg.MaxBody)
	if err != nil {
		return err
	}
	_, err = into.ReadFrom(body)
	return err
}

// write answers with the result. An error means that nothing was answered yet.
func write(w http.ResponseWriter, r *http.Request, data []byte) error {
	data, encoding, err := compressed(r, data)
	if err != nil {
		return err
	}
	if encoding != "" {
		w.Header().Set("Content-Encoding", encoding)
	}
	w.Header().Set("Content-Length", strconv.Itoa(len(data)))
	w.Write(data) // whoever hung up needs no answer
	return nil
}

// ClickHouse's numbers for what the server itself finds wrong, so that clients need no other way to tell.
const (
	codeUnsupported    = 48
	codeTimeout        = 159
	codeTooManyQueries = 202
	codeTooLarge       = 307
	codeIncomplete     = 33
	codeAuthentication = 516

	codeHeader = "X-ClickHouse-Exception-Code"
)

// fail answers as the engine words errors.
func fail(w http.ResponseWriter, status, code int, format string, args ...any) {
	w.Header().Set(codeHeader, strconv.Itoa(code))
	w.WriteHeader(status)
	fmt.Fprintf(w, "Code: %d. DB::Exception: %s", code, fmt.Sprintf(format, args...))
}

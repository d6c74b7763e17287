package clickhouse

import (
	"errors"
	"runtime"
	"strconv"
	"strings"
	"unsafe"
)

// library is libchdb's C interface, as far as it is used here. A conn is a chdb_connection, a result a chdb_result and
// a stream a chdb_insert_stream: opaque, and owned by libchdb until they are closed or destroyed.
type library struct {
	setSignalHandlers func(enabled int32)
	connect           func(argc int32, argv **byte) *unsafe.Pointer
	closeConn         func(conn *unsafe.Pointer)

	query         func(conn unsafe.Pointer, sql *byte, sqlLen uint, format *byte, formatLen uint, names **byte, nameLens *uint, values **byte, valueLens *uint, count uint) unsafe.Pointer
	resultBuffer  func(result unsafe.Pointer) *byte
	resultLength  func(result unsafe.Pointer) uint
	resultError   func(result unsafe.Pointer) string
	destroyResult func(result unsafe.Pointer)

	insert        func(conn unsafe.Pointer, sql *byte, sqlLen uint, format *byte, formatLen uint) unsafe.Pointer
	insertAppend  func(stream unsafe.Pointer, data *byte, dataLen uint) int32
	insertDone    func(stream unsafe.Pointer) unsafe.Pointer
	insertCancel  func(stream unsafe.Pointer)
	insertError   func(stream unsafe.Pointer) string
	destroyInsert func(stream unsafe.Pointer)
}

// connection is one session of the engine. It runs one statement at a time and keeps database and settings between them.
type connection struct {
	lib      *library
	handle   *unsafe.Pointer
	database string
	settings map[string]string
}

// open connects with the given arguments, which the first connection of the process boots the engine with.
func (l *library) open(args []string) (*connection, error) {
	var pins runtime.Pinner
	defer pins.Unpin()
	argv := make([]*byte, 0, len(args)+2)
	for _, arg := range append([]string{"heed"}, args...) {
		b := append([]byte(arg), 0)
		pins.Pin(&b[0])
		argv = append(argv, &b[0])
	}
	argv = append(argv, nil)
	// Go turns SIGSEGV and its kin into panics that can be recovered; with libchdb's handlers they end the process.
	l.setSignalHandlers(0)
	handle := l.connect(int32(len(argv)-1), &argv[0])
	if handle == nil {
		return nil, errors.New("the engine refused to start; it has written the reason to stderr")
	}
	return &connection{lib: l, handle: handle, database: "default", settings: map[string]string{}}, nil
}

func (c *connection) close() { c.lib.closeConn(c.handle) }

// parameter is a bound query parameter. Its value is text, escaped as in TSV.
type parameter struct{ name, value string }

// query runs one statement and returns its whole result in the given format.
func (c *connection) query(sql, format string, params ...parameter) ([]byte, error) {
	var pins runtime.Pinner
	defer pins.Unpin()
	n := len(params)
	names, values := make([]*byte, n+1), make([]*byte, n+1)
	nameLens, valueLens := make([]uint, n+1), make([]uint, n+1)
	for i, p := range params {
		names[i], nameLens[i] = pinned(&pins, p.name)
		values[i], valueLens[i] = pinned(&pins, p.value)
	}
	sqlPtr, sqlLen := pinned(&pins, sql)
	formatPtr, formatLen := pinned(&pins, format)
	result := c.lib.query(*c.handle, sqlPtr, sqlLen, formatPtr, formatLen, &names[0], &nameLens[0], &values[0], &valueLens[0], uint(n))
	return c.lib.take(result)
}

// pinned returns s for C, which must not keep it. The empty string has a pointer as well.
func pinned(pins *runtime.Pinner, s string) (*byte, uint) {
	b := append([]byte(s), 0)
	pins.Pin(&b[0])
	return &b[0], uint(len(s))
}

// take copies what a result holds and frees it.
func (l *library) take(result unsafe.Pointer) ([]byte, error) {
	if result == nil {
		return nil, errors.New("the engine gave no result")
	}
	defer l.destroyResult(result)
	if text := l.resultError(result); text != "" {
		return nil, newEngineError(text)
	}
	length := l.resultLength(result)
	if length == 0 {
		return nil, nil
	}
	data := make([]byte, length)
	copy(data, unsafe.Slice(l.resultBuffer(result), length))
	return data, nil
}

// insert runs an INSERT without FORMAT clause over data in the given format.
func (c *connection) insert(sql, format string, data []byte) error {
	var pins runtime.Pinner
	defer pins.Unpin()
	sqlPtr, sqlLen := pinned(&pins, sql)
	formatPtr, formatLen := pinned(&pins, format)
	stream := c.lib.insert(*c.handle, sqlPtr, sqlLen, formatPtr, formatLen)
	defer c.lib.destroyInsert(stream)
	if text := c.lib.insertError(stream); text != "" {
		return newEngineError(text)
	}
	if len(data) > 0 && c.lib.insertAppend(stream, &data[0], uint(len(data))) != 0 {
		text := c.lib.insertError(stream)
		c.lib.insertCancel(stream)
		return newEngineError(text)
	}
	_, err := c.lib.take(c.lib.insertDone(stream))
	return err
}

// engineError is an error as the engine words it, from "Code:" on.
type engineError struct{ text string }

func newEngineError(text string) error {
	if at := strings.Index(text, "Code: "); at > 0 {
		text = text[at:]
	}
	return &engineError{text}
}

func (e *engineError) Error() string { return e.text }

// code is the number at the start of the text, or "" when there is none.
func (e *engineError) code() string {
	number, _, _ := strings.Cut(strings.TrimPrefix(e.text, "Code: "), ".")
	if _, err := strconv.Atoi(number); err != nil {
		return ""
	}
	return number
}

//go:build !noembed

package clickhouse

import (
	"debug/elf"
	"errors"
	"fmt"
	"io/fs"

	"github.com/ebitengine/purego"
)

// loadLibrary opens libchdb at path. It is never closed again: its threads may outlive the last connection.
func loadLibrary(path string) (*library, error) {
	if err := checkLibrary(path); err != nil {
		return nil, err
	}
	handle, err := purego.Dlopen(path, purego.RTLD_NOW|purego.RTLD_LOCAL)
	if err != nil {
		return nil, fmt.Errorf("%w: load %q: %w", ErrNoLibrary, path, err)
	}
	lib := new(library)
	for name, fn := range map[string]any{
		"chdb_set_signal_handlers_enabled": &lib.setSignalHandlers,
		"chdb_connect":                     &lib.connect,
		"chdb_close_conn":                  &lib.closeConn,
		"chdb_query_with_params_n":         &lib.query,
		"chdb_result_buffer":               &lib.resultBuffer,
		"chdb_result_length":               &lib.resultLength,
		"chdb_result_error":                &lib.resultError,
		"chdb_destroy_query_result":        &lib.destroyResult,
		"chdb_stream_insert_n":             &lib.insert,
		"chdb_stream_append":               &lib.insertAppend,
		"chdb_stream_done":                 &lib.insertDone,
		"chdb_stream_cancel_insert":        &lib.insertCancel,
		"chdb_stream_insert_error":         &lib.insertError,
		"chdb_destroy_insert_stream":       &lib.destroyInsert,
	} {
		symbol, err := purego.Dlsym(handle, name)
		if err != nil {
			return nil, fmt.Errorf("%w: %q has no %s: is it 26.7 or newer? %w", ErrNoLibrary, path, name, err)
		}
		purego.RegisterFunc(fn, symbol)
	}
	return lib, nil
}

// checkLibrary finds a library that is missing or was fetched in part; loading the latter would end the process.
func checkLibrary(path string) error {
	file, err := elf.Open(path) // reads the table at the end of the file
	if errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("%w: there is none at %q; `make run` fetches it, or name its place", ErrNoLibrary, path)
	}
	if err != nil {
		return fmt.Errorf("%w: %q is damaged or incomplete (%w): delete it and let `make run` fetch it again", ErrNoLibrary, path, err)
	}
	return file.Close()
}

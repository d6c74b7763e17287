// Command generate writes every *.gen.* file of package schemas: the Go code of event.proto, and from event.go and
// errors.go the JSON Schema and the TypeScript types of the wire format. It runs in the folder of package schemas.
package main

import (
	"context"
	"flag"
	"fmt"
	"os"
	"path/filepath"
)

func main() {
	out := flag.String("out", ".", "folder to write to")
	flag.Parse()
	if err := generate(context.Background(), *out); err != nil {
		fmt.Fprintln(os.Stderr, "generate:", err)
		os.Exit(1)
	}
}

// output is one file to be written.
type output struct {
	name string
	text []byte
}

func generate(ctx context.Context, out string) error {
	files, err := generateProto(ctx)
	if err != nil {
		return err
	}
	wire, err := parseContract("event.go", "errors.go")
	if err != nil {
		return err
	}
	schema, err := wire.jsonSchema()
	if err != nil {
		return err
	}
	files = append(files, schema, wire.typeScript())
	for _, file := range files {
		if err := os.WriteFile(filepath.Join(out, file.name), file.text, 0o644); err != nil {
			return err
		}
	}
	return nil
}

// Command generate writes every *.gen.* file of package schemas from event.proto and event.go.
package main

import (
	"context"
	"fmt"
	"os"
)

func main() {
	if err := generateProto(context.Background()); err != nil {
		fmt.Fprintln(os.Stderr, "generate:", err)
		os.Exit(1)
	}
}

package main

import (
	"context"
	"errors"

	"heed/snippet"
)

func checkTag(context.Context, *program, *flags, snippet.Site) error { return errors.New("not yet") }

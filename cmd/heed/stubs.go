package main

import "context"

func serveCommand() command {
	return command{name: "serve", args: "[settings]", summary: "x", run: func(context.Context, *program, *flags) error { return nil }}
}
func statsCommand() command {
	return command{name: "stats", run: func(context.Context, *program, *flags) error { return nil }}
}
func migrateCommand() command {
	return command{name: "migrate", run: func(context.Context, *program, *flags) error { return nil }}
}
func (c *Config) checkServable() error { return nil }

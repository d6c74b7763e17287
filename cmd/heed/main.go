package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
	"time"
	_ "time/tzdata" // a small machine has no zones of its own, and a question may name any
)

// Exit statuses. A usage mistake differs from work that went wrong, so that a script can tell them apart.
const (
	exitOK    = 0
	exitError = 1
	exitUsage = 2
)

func main() {
	os.Exit(run(context.Background(), os.Args[1:], os.Getenv, os.Stdin, os.Stdout, os.Stderr))
}

// run is the whole program: everything it touches of the world comes in through its parameters.
func run(ctx context.Context, args []string, getenv func(string) string, stdin io.Reader, stdout, stderr io.Writer) int {
	p := &program{getenv: getenv, stdin: stdin, stdout: stdout, stderr: stderr, now: time.Now}
	return p.run(ctx, args)
}

// program is what a command may touch of the world around it.
type program struct {
	getenv         func(string) string
	stdin          io.Reader
	stdout, stderr io.Writer
	now            func() time.Time // the collector's clock; a test runs it across a month's end
}

// command is one subcommand; each has a file of its own.
type command struct {
	name    string
	args    string // what help shows behind the name
	summary string // one line for the list of commands
	detail  string // what help says before the flags
	example string
	operand bool                                          // it takes one name beside its flags
	own     func(*flags)                                  // the command's own flags; nil when it has none
	run     func(context.Context, *program, *flags) error // after the flags are parsed
}

// commands in the order in which help lists them.
func commands() []command {
	return slices.Concat([]command{
		serveCommand(), collectCommand(), loadCommand(), reportCommand(), statsCommand(), ledgerCommand(),
		configCommand(), migrateCommand(), readyCommand(), capacityCommand(), clickhouseServeCommand(),
		clickhouseCheckCommand(), classifyCommand(), consentCommand(), consentGPCCommand(), tagCommand(), hostsCommand(), cookiesCommand(), overlayCommand(),
	}, wallCommands(), consentRecordCommands(), deadletterCommands(), []command{replayCommand(), versionCommand(), helpCommand()})
}

// usageError is a mistake in how the program was called.
type usageError struct{ message string }

func (e *usageError) Error() string { return e.message }

func (p *program) run(ctx context.Context, args []string) int {
	if len(args) == 0 {
		printOverview(p.stderr)
		return exitUsage
	}
	name, rest := args[0], args[1:]
	if len(rest) > 0 {
		if _, ok := findCommand(name + " " + rest[0]); ok { // a name of two words
			name, rest = name+" "+rest[0], rest[1:]
		}
	}
	switch name {
	case "-h", "-help", "--help":
		name = "help"
	case "-version", "--version":
		name = "version"
	}
	cmd, ok := findCommand(name)
	if !ok {
		fmt.Fprintf(p.stderr, "heed: there is no command %q%s; heed help lists them\n", name, didYouMean(name, commandNames()))
		return exitUsage
	}
	return p.status(p.runCommand(ctx, cmd, rest))
}

func (p *program) runCommand(ctx context.Context, cmd command, args []string) error {
	f, err := parseFlags(cmd, args)
	if errors.Is(err, errHelp) {
		printHelp(p.stdout, cmd)
		return nil
	}
	if err != nil {
		return err
	}
	return cmd.run(ctx, p, f)
}

// status prints err, when there is one, and says what to exit with.
func (p *program) status(err error) int {
	var usage *usageError
	var bad problems
	switch {
	case err == nil:
		return exitOK
	case errors.As(err, &usage):
		fmt.Fprintf(p.stderr, "heed: %s\n", usage.message)
		return exitUsage
	case errors.As(err, &bad):
		fmt.Fprintln(p.stderr, bad.Error()) // one per line, each starting with its place: no prefix of ours
		return exitError
	}
	fmt.Fprintf(p.stderr, "heed: %v\n", err)
	return exitError
}

func findCommand(name string) (command, bool) {
	for _, cmd := range commands() {
		if cmd.name == name {
			return cmd, true
		}
	}
	return command{}, false
}

func commandNames() []string {
	var names []string
	for _, cmd := range commands() {
		names = append(names, cmd.name)
	}
	return names
}

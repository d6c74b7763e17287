package main

import (
	"context"
	"flag"
	"fmt"
	"io"
	"strings"
)

// helpColumns is the width that every terminal has.
const helpColumns = 80

func helpCommand() command {
	return command{
		name: "help", args: "[command]", summary: "Explain a command, with its flags and an example.",
		example: "heed help serve",
		run: func(_ context.Context, p *program, f *flags) error {
			name := strings.Join(f.set.Args(), " ")
			if name == "" {
				printOverview(p.stdout)
				return nil
			}
			cmd, ok := findCommand(name)
			if !ok {
				return &usageError{fmt.Sprintf("there is no command %q%s", name, didYouMean(name, commandNames()))}
			}
			printHelp(p.stdout, cmd)
			return nil
		},
	}
}

func printOverview(w io.Writer) {
	fmt.Fprint(w, "Heed counts what a site's visitors allow, and answers questions about it.\n\n")
	width := 0
	for _, name := range commandNames() {
		width = max(width, len(name))
	}
	for _, cmd := range commands() {
		indent := len("  heed  ") + width
		var summary strings.Builder
		wrap(&summary, cmd.summary, strings.Repeat(" ", indent))
		fmt.Fprintf(w, "  heed %-*s %s", width, cmd.name, summary.String()[indent:])
	}
	fmt.Fprint(w, "\nTry it: heed serve --demo\nExplain one: heed help serve\n")
}

func printHelp(w io.Writer, cmd command) {
	fmt.Fprintf(w, "heed %s %s\n\n", cmd.name, cmd.args)
	wrap(w, cmd.summary, "")
	if cmd.detail != "" {
		fmt.Fprintln(w)
		wrap(w, cmd.detail, "")
	}
	fmt.Fprintf(w, "\nExample: %s\n", cmd.example)
	printOwnFlags(w, cmd)
	switch cmd.name {
	case "serve":
		printSettings(w)
	case "classify", "version", "help": // they take no settings
	default:
		fmt.Fprintln(w)
		wrap(w, "It also takes --config and every setting as a flag; heed help serve lists them.", "")
	}
}

func printOwnFlags(w io.Writer, cmd command) {
	if cmd.own == nil {
		return
	}
	f := &flags{set: flag.NewFlagSet(cmd.name, flag.ContinueOnError)}
	cmd.own(f)
	fmt.Fprint(w, "\nFlags:\n")
	f.set.VisitAll(func(fl *flag.Flag) {
		kind, usage := flag.UnquoteUsage(fl)
		line := "  --" + fl.Name
		if kind != "" {
			line += " " + kind
		}
		if fl.DefValue != "" && fl.DefValue != "false" {
			line += " (default " + fl.DefValue + ")"
		}
		fmt.Fprintln(w, line)
		wrap(w, usage, "        ")
	})
}

func printSettings(w io.Writer) {
	fmt.Fprintln(w)
	wrap(w, "Settings: each is a flag, a variable (--wal.max_bytes is HEED_WAL_MAX_BYTES) and a key of heed.yaml "+
		"(max_bytes under wal). A flag beats a variable, a variable the file, the file the default. "+
		"Sites are described in the file alone; see CONFIG.md.", "")
	fmt.Fprint(w, "\n  --config file (default heed.yaml, where there is one)\n")
	wrap(w, "The configuration file; HEED_CONFIG does the same.", "        ")
	for _, s := range settings(newConfig()) {
		line := "  --" + s.name + " " + s.value.kind
		if def := settingDefault(s); def != "" {
			line += " (default " + def + ")"
		}
		fmt.Fprintln(w, line)
		usage := s.help
		if s.limit != "" {
			usage += " Allowed: " + s.limit + "."
		}
		wrap(w, usage, "        ")
	}
}

// settingDefault is the default as help and reference show it: the same on every machine.
func settingDefault(s setting) string {
	switch s.name {
	case "clickhouse.library":
		return "lib/libchdb.so beside heed"
	case "geo.city", "geo.network":
		return "lib/*.mmdb beside heed"
	}
	return s.def
}

// wrap writes text in lines that fit, each behind indent.
func wrap(w io.Writer, text, indent string) {
	line := indent
	for word := range strings.FieldsSeq(text) {
		if line != indent && len([]rune(line))+1+len([]rune(word)) > helpColumns {
			fmt.Fprintln(w, line)
			line = indent
		}
		if line != indent {
			line += " "
		}
		line += word
	}
	fmt.Fprintln(w, line)
}

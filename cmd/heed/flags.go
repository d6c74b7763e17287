package main

import (
	"errors"
	"flag"
	"io"
	"strings"
)

// flags is a parsed command line. Settings are kept as text: they are applied together with file and environment, so
// that the problems of all three are reported at once.
type flags struct {
	config   string            // --config
	settings map[string]string // by name
	set      *flag.FlagSet
	operand  *string // the name beside the flags, where the command takes one; nil when none was given
}

var errHelp = flag.ErrHelp

// parseFlags reads the flags of one command; errHelp when they ask for help.
func parseFlags(cmd command, args []string) (*flags, error) {
	f := newFlags(cmd)
	err := f.parse(cmd, args)
	if errors.Is(err, flag.ErrHelp) {
		return nil, errHelp
	}
	if err != nil {
		message := err.Error()
		if name, found := strings.CutPrefix(message, "flag provided but not defined: -"); found {
			message = "there is no flag --" + name + didYouMean(name, f.names())
		}
		return nil, &usageError{message + "; heed help " + cmd.name + " lists them"}
	}
	if rest := f.set.Args(); len(rest) > 0 && cmd.operand {
		return nil, &usageError{"heed " + cmd.name + " takes one name, not also " + rest[0] + "; see heed help " + cmd.name}
	} else if len(rest) > 0 && cmd.name != "help" {
		return nil, &usageError{"heed " + cmd.name + " takes flags only, not " + rest[0] + "; see heed help " + cmd.name}
	}
	return f, nil
}

// parse reads flags before and behind the command's name, where it takes one.
func (f *flags) parse(cmd command, args []string) error {
	err := f.set.Parse(args)
	if rest := f.set.Args(); err == nil && cmd.operand && len(rest) > 0 {
		f.operand = &rest[0]
		err = f.set.Parse(rest[1:])
	}
	return err
}

func newFlags(cmd command) *flags {
	f := &flags{settings: map[string]string{}, set: flag.NewFlagSet(cmd.name, flag.ContinueOnError)}
	f.set.SetOutput(io.Discard)
	f.set.Usage = func() {}
	if cmd.own != nil {
		cmd.own(f)
	}
	if cmd.name == "classify" || cmd.name == "consent" || cmd.name == "version" || cmd.name == "help" {
		return f
	}
	f.set.StringVar(&f.config, "config", "", "")
	for _, s := range settings(newConfig()) {
		f.set.Var(&settingFlag{f, s}, s.name, s.help)
	}
	return f
}

func (f *flags) names() []string {
	var names []string
	f.set.VisitAll(func(fl *flag.Flag) { names = append(names, fl.Name) })
	return names
}

// text is the value of one of the command's own flags.
func (f *flags) text(name string) string { return f.set.Lookup(name).Value.String() }

// on tells whether one of the command's own switches is set.
func (f *flags) on(name string) bool { return f.text(name) == "true" }

// settingFlag is a setting as package flag wants it.
type settingFlag struct {
	flags *flags
	s     setting
}

func (s *settingFlag) Set(text string) error {
	s.flags.settings[s.s.name] = text
	return nil
}

func (s *settingFlag) String() string { return "" }

// IsBoolFlag lets a switch stand without =true.
func (s *settingFlag) IsBoolFlag() bool { return s.s.value.kind == "true|false" }

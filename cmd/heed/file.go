package main

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"

	"go.yaml.in/yaml/v3"
)

// fileReader walks the nodes of one YAML file. Nodes, not Go values: they know their lines, they are never expanded
// (an alias stays an alias), and a second key of the same name is still there to be seen.
type fileReader struct {
	name string
	bad  problems
}

// applyFile reads the configuration file into c. Nothing of the file is believed before the table or the sites' table
// has seen it.
func (c *Config) applyFile(name string, data []byte) problems {
	r := &fileReader{name: name}
	root := r.parse(data)
	if root == nil {
		return r.bad
	}
	table := map[string]setting{}
	for _, s := range settings(c) {
		table[s.name] = s
	}
	r.mapping(root, group{table: table, origins: c.origins, others: []string{"sites"}, other: func(key string, n *yaml.Node) bool {
		if key == "sites" {
			c.Sites = r.sites(n)
		}
		return key == "sites"
	}})
	return r.bad
}

// parse returns the file's top mapping; nil when there is none or it is not YAML.
func (r *fileReader) parse(data []byte) *yaml.Node {
	if line := badTextLine(data); line > 0 {
		r.fault(line, "syntax", "save the file as UTF-8 text", "there are bytes that are not text")
		return nil
	}
	decoder := yaml.NewDecoder(bytes.NewReader(data))
	var document, second yaml.Node
	if err := decoder.Decode(&document); errors.Is(err, io.EOF) {
		return nil
	} else if err != nil {
		line, what := syntaxError(err)
		r.fault(line, "syntax", "mind indentation, colons and quotes", "%s", what)
		return nil
	}
	if err := decoder.Decode(&second); !errors.Is(err, io.EOF) {
		line, _ := syntaxError(err)
		r.fault(max(line, second.Line), "syntax", "keep one document, without a second ---", "there is more than one document")
	}
	root := document.Content[0]
	if isNull(root) {
		return nil
	}
	return root
}

// badTextLine is the line of the first byte that is not UTF-8 text, 0 when there is none.
func badTextLine(data []byte) int {
	line := 1
	for i := 0; i < len(data); {
		c, size := utf8.DecodeRune(data[i:])
		if c == '\n' {
			line++
		}
		if c == utf8.RuneError && size == 1 || c < ' ' && c != '\n' && c != '\r' && c != '\t' {
			return line
		}
		i += size
	}
	return 0
}

// syntaxError takes the line out of the library's message, which has the form "yaml: line 3: what".
func syntaxError(err error) (line int, what string) {
	if err == nil {
		return 1, ""
	}
	what = strings.TrimPrefix(err.Error(), "yaml: ")
	if rest, found := strings.CutPrefix(what, "line "); found {
		if digits, message, found := strings.Cut(rest, ": "); found {
			if n, err := strconv.Atoi(digits); err == nil && n > 0 {
				return n, message
			}
		}
	}
	return 1, what
}

func (r *fileReader) fault(line int, key, remedy, format string, args ...any) {
	r.report(problem{origin: r.at(line), key: key, what: fmt.Sprintf(format, args...), remedy: remedy})
}

func (r *fileReader) at(line int) origin {
	return origin{kind: fromFile, name: r.name, line: max(line, 1)}
}

// maxProblems is more than a person mends at once; a file that has more of them is another program's.
const maxProblems = 100

func (r *fileReader) report(p problem) {
	if len(r.bad) == maxProblems {
		p = problem{origin: p.origin, key: p.key, what: "from here on there are more problems than are listed"}
	}
	if len(r.bad) <= maxProblems {
		r.bad = append(r.bad, p)
	}
}

// group is a mapping of the file and what may stand in it.
type group struct {
	table   map[string]setting
	at      string                              // how problems name the mapping: sites[0].
	within  string                              // the part of the setting's name above this mapping: wal.
	origins map[string]origin                   // where settings came from; nil when nobody asks
	other   func(key string, n *yaml.Node) bool // a key that is no setting; may be nil
	others  []string                            // the keys that other takes
}

// mapping reads every key of n, which must be a mapping.
func (r *fileReader) mapping(n *yaml.Node, g group) {
	if n.Kind != yaml.MappingNode {
		key := strings.TrimSuffix(g.at+g.within, ".")
		if key == "" {
			key = "file"
		}
		r.fault(n.Line, key, "write name: value, one a line", "it has no names in it")
		return
	}
	firstLine := map[string]int{}
	for i := 0; i+1 < len(n.Content); i += 2 {
		key, val := n.Content[i], n.Content[i+1]
		if key.Kind != yaml.ScalarNode || key.Value == "" {
			r.fault(key.Line, g.at+g.within+"?", "use a plain name", "a name must be text")
			continue
		}
		path := g.within + key.Value
		if line, twice := firstLine[key.Value]; twice {
			r.fault(key.Line, g.at+printable(path), "keep one of them", "it stands already on line %d", line)
			continue
		}
		firstLine[key.Value] = key.Line
		r.entry(key, val, g)
	}
}

// entry reads one key of a mapping: a setting, a group of settings, or both (demo: true, demo.address).
func (r *fileReader) entry(key, val *yaml.Node, g group) {
	path := g.within + key.Value
	isGroup := !strings.Contains(key.Value, ".") && hasGroup(g.table, path)
	s, isSetting := g.table[path]
	switch {
	case strings.Contains(key.Value, ".") && g.table[path].name != "":
		cut := strings.LastIndexByte(key.Value, '.')
		r.fault(key.Line, g.at+path, fmt.Sprintf("write %s: and below it, indented, %s:", key.Value[:cut], key.Value[cut+1:]), "dots nest")
	case isGroup && (val.Kind == yaml.MappingNode || !isSetting):
		if isNull(val) {
			return // every line below it is commented out
		}
		inner := g
		inner.within, inner.other, inner.others = path+".", nil, nil
		r.mapping(val, inner)
	case isSetting:
		r.setting(val, s, g)
	case g.other != nil && g.other(key.Value, val):
	default:
		remedy := strings.Trim(didYouMean(path, childNames(g)), " ()")
		if remedy == "" {
			remedy = "heed config lists all names"
		}
		r.fault(key.Line, g.at+printable(path), remedy, "there is no such setting")
	}
}

func (r *fileReader) setting(val *yaml.Node, s setting, g group) {
	text, ok := r.text(val, g.at+s.name, s.value.item)
	if g.origins != nil {
		g.origins[s.name] = origin{kind: fromFile, name: r.name, line: val.Line}
	}
	if !ok {
		return
	}
	if err := s.value.set(text); err != nil {
		r.report(asProblem(err, g.at+s.name, r.at(val.Line)))
	}
}

// text is the value as a flag would give it. A list may stand where item, which checks one of it, is not nil.
func (r *fileReader) text(n *yaml.Node, key string, item func(string) error) (text string, ok bool) {
	switch {
	case n.Kind == yaml.AliasNode:
		r.fault(n.Line, key, "write the value itself", "aliases are not allowed")
	case isNull(n):
		r.fault(n.Line, key, "give it one or remove the line", "it has no value")
	case n.Kind == yaml.ScalarNode && plainTag(n):
		return n.Value, true
	case n.Kind == yaml.SequenceNode && item != nil:
		return r.list(n, key, item)
	case item != nil:
		r.fault(n.Line, key, "write [one, two]", "it must be a list")
	default:
		r.fault(n.Line, key, "write one value", "it must be a single value, not %s", kindName(n))
	}
	return "", false
}

func (r *fileReader) list(n *yaml.Node, key string, check func(string) error) (text string, ok bool) {
	var items []string
	before := len(r.bad)
	for i, item := range n.Content {
		itemKey := fmt.Sprintf("%s[%d]", key, i)
		itemText, itemOK := r.text(item, itemKey, nil)
		if !itemOK {
			continue
		}
		if strings.Contains(itemText, listSeparator) {
			r.fault(item.Line, itemKey, "write one item a line", "it holds a comma")
		} else if err := check(itemText); err != nil {
			r.report(asProblem(err, itemKey, r.at(item.Line)))
		}
		items = append(items, itemText)
	}
	return strings.Join(items, listSeparator), len(r.bad) == before
}

func isNull(n *yaml.Node) bool { return n.Kind == yaml.ScalarNode && n.ShortTag() == "!!null" }

// plainTag keeps out what only looks like text, as !!binary and tags of other programs.
func plainTag(n *yaml.Node) bool {
	switch n.ShortTag() {
	case "!!str", "!!int", "!!float", "!!bool", "!!timestamp":
		return true
	}
	return false
}

func kindName(n *yaml.Node) string {
	switch n.Kind {
	case yaml.SequenceNode:
		return "a list"
	case yaml.MappingNode:
		return "a group of names"
	}
	return "a value with a tag"
}

func hasGroup(table map[string]setting, name string) bool {
	for key := range table {
		if strings.HasPrefix(key, name+".") {
			return true
		}
	}
	return false
}

// childNames are the names that a mistyped path may have meant.
func childNames(g group) []string {
	names := make([]string, 0, len(g.table)+len(g.others))
	for name := range g.table {
		names = append(names, name)
		if head, _, nested := strings.Cut(strings.TrimPrefix(name, g.within), "."); nested {
			names = append(names, g.within+head)
		}
	}
	names = append(names, g.others...)
	slices.Sort(names) // a map has no order, and the suggestion must not change from run to run
	return names
}

// printable keeps a strange name from breaking the line that reports it.
func printable(name string) string {
	const longest = 64
	if len(name) > longest {
		name = name[:longest] + "…"
	}
	quoted := strconv.Quote(name)
	return quoted[1 : len(quoted)-1]
}

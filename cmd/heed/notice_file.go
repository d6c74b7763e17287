package main

import (
	"fmt"
	"slices"
	"strings"
	"unicode/utf8"

	"go.yaml.in/yaml/v3"

	"heed/consent/notice"
)

// maxDeclared bounds each list of a site; records name no more.
const maxDeclared = 150

// siteLists are the keys of a site that hold lists and groups of names that no table knows.
var siteLists = []string{"purposes", "recipients", "services", "texts"}

// declared reads what stands under one of siteLists. Whether it fits together is checked when the whole site was read.
func (r *fileReader) declared(site *Site, key string, n *yaml.Node) bool {
	d, at := &site.Declared, site.at+"."+key
	switch key {
	case "purposes":
		d.Purposes = readDeclared(r, n, at, func(p *declaredPurpose, at declared) []setting { p.declared = at; return purposeSettings(p) })
	case "services":
		d.Services = readDeclared(r, n, at, func(s *declaredService, at declared) []setting { s.declared = at; return serviceSettings(s) })
	case "recipients":
		d.Recipients = readDeclared(r, n, at, func(c *declaredRecipient, at declared) []setting { c.declared = at; return recipientSettings(c) })
	case "texts":
		r.texts(n, at, d)
	default:
		return false
	}
	return true
}

// readDeclared reads a list of things that each have a table of settings. Those whose help says so must be there.
func readDeclared[T any](r *fileReader, n *yaml.Node, at string, table func(*T, declared) []setting) (list []T) {
	switch {
	case isNull(n):
		return nil
	case n.Kind != yaml.SequenceNode:
		r.fault(n.Line, at, "begin each with - id:", "it must be a list")
		return nil
	case len(n.Content) > maxDeclared:
		r.fault(n.Line, at, "join some of them", "there are more than %d", maxDeclared)
		return nil
	}
	for i, item := range n.Content {
		var entry T
		where := declared{fmt.Sprintf("%s[%d]", at, i), item.Line}
		settings := table(&entry, where)
		r.declaredItem(item, where, settings)
		list = append(list, entry)
	}
	return list
}

func (r *fileReader) declaredItem(n *yaml.Node, where declared, settings []setting) {
	known, given := map[string]setting{}, map[string]origin{}
	for _, s := range settings {
		known[s.name] = s
		if s.def != "" {
			if err := s.value.set(s.def); err != nil {
				panic(fmt.Sprintf("default of %s: %v", s.name, err))
			}
		}
	}
	if n.Kind == yaml.AliasNode {
		r.fault(n.Line, where.at, "write it out", "aliases are not allowed")
		return
	}
	r.mapping(n, group{table: known, at: where.at + ".", origins: given})
	if n.Kind != yaml.MappingNode {
		return
	}
	for _, s := range settings {
		if _, ok := given[s.name]; !ok && strings.HasSuffix(s.help, "Required.") {
			what := strings.TrimSuffix(s.help, ". Required.")
			r.fault(n.Line, where.at+"."+s.name, strings.ToLower(what[:1])+what[1:], "it is missing")
		}
	}
}

// texts reads the owner's words: locale, id, text.
func (r *fileReader) texts(n *yaml.Node, at string, d *declaration) {
	r.pairs(n, at, "write a locale and below it, indented, id: text", func(locale string, key, of *yaml.Node) {
		if err := checkLocale(locale); err != nil {
			r.report(asProblem(err, at, r.at(key.Line)))
			return
		}
		at := at + "." + locale
		r.pairs(of, at, "write id: text, one a line", func(id string, key, val *yaml.Node) {
			text, ok := r.text(val, at+"."+printable(id), nil)
			if ok && checkWords(text) != nil {
				r.report(asProblem(checkWords(text), at+"."+printable(id), r.at(val.Line)))
				return
			}
			if ok {
				d.Texts = append(d.Texts, declaredText{declared{at + "." + printable(id), key.Line}, locale, id, text})
			}
		})
	})
}

// pairs walks the names of a mapping whose names are not known in advance.
func (r *fileReader) pairs(n *yaml.Node, at, remedy string, each func(name string, key, val *yaml.Node)) {
	if isNull(n) {
		return
	}
	if n.Kind != yaml.MappingNode {
		r.fault(n.Line, at, remedy, "it has no names in it")
		return
	}
	firstLine := map[string]int{}
	for i := 0; i+1 < len(n.Content); i += 2 {
		key := n.Content[i]
		line, twice := firstLine[key.Value]
		switch {
		case key.Kind != yaml.ScalarNode || key.Value == "":
			r.fault(key.Line, at+".?", "use a plain name", "a name must be text")
		case twice:
			r.fault(key.Line, at+"."+printable(key.Value), "keep one of them", "it stands already on line %d", line)
		default:
			firstLine[key.Value] = key.Line
			each(key.Value, key, n.Content[i+1])
		}
	}
}

func checkWords(text string) error {
	foreign := strings.ContainsFunc(text, func(c rune) bool { return isControl(c) && c != '\n' && c != '\t' })
	if strings.TrimSpace(text) == "" || len(text) > maxTextBytes || foreign || !utf8.ValidString(text) {
		return complain("write up to 8 KiB of words", "it is empty, too long or not text")
	}
	return nil
}

// checkDeclared reports what does not fit together: ids that stand twice or that nothing has, categories that differ,
// texts that nothing shows.
func (r *fileReader) checkDeclared(site *Site) {
	d := &site.Declared
	taken := map[string]string{notice.Self: "the site itself"}
	purposes := map[string]string{} // id → category
	for _, p := range d.Purposes {
		r.uniqueID(p.declared, p.ID, taken)
		purposes[p.ID] = p.Category
	}
	recipients := map[string]bool{notice.Self: true}
	others := map[string]string{notice.Self: "the site itself"}
	for _, c := range d.Recipients {
		r.uniqueID(c.declared, c.ID, others)
		recipients[c.ID] = true
	}
	for _, s := range d.Services {
		r.uniqueID(s.declared, s.ID, taken)
		if s.Recipient != "" && !recipients[s.Recipient] {
			r.fault(s.line, s.at+".recipient", "describe it under recipients, or leave it out for the site itself",
				"there is no recipient %q", s.Recipient)
		}
		if len(s.Purposes) == 0 && !r.reported(s.at+".purposes") {
			r.fault(s.line, s.at+".purposes", "name at least one of purposes", "it is empty")
		}
		for _, id := range s.Purposes {
			switch category, ok := purposes[id]; {
			case !ok:
				r.fault(s.line, s.at+".purposes", "describe it under purposes", "there is no purpose %q", id)
			case s.Category != "" && category != "" && category != s.Category:
				r.fault(s.line, s.at+".purposes", "make the service two, one of each category",
					"%q is %s, the service is %s", id, category, s.Category)
			}
		}
	}
	r.checkTexts(site, taken)
}

// uniqueID reports an id that is Heed's, or that something else of the site has.
func (r *fileReader) uniqueID(where declared, id string, taken map[string]string) {
	if id == "" {
		return
	}
	if slices.Contains(takenIDs(), id) || notice.IsOwn(id) {
		r.fault(where.line, where.at+".id", "choose another", "%q is an id of Heed's own", id)
		return
	}
	if of, twice := taken[id]; twice {
		r.fault(where.line, where.at+".id", "give each its own", "%q is also the id of %s", id, of)
		return
	}
	taken[id] = where.at
}

func (r *fileReader) checkTexts(site *Site, ids map[string]string) {
	known := notice.TextIDs()
	for id := range ids {
		known = append(known, id, id+".text")
	}
	slices.Sort(known)
	for _, t := range site.Declared.Texts {
		if !slices.Contains(known, t.id) {
			remedy := strings.Trim(didYouMean(t.id, known), " ()")
			if remedy == "" {
				remedy = "the ids are those of Heed's own texts, and of the site's purposes and services, also with .text behind them"
			}
			r.fault(t.line, t.at, remedy, "no notice has a text of this id")
		}
	}
}

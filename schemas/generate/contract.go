package main

import (
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"go/types"
	"reflect"
	"strconv"
	"strings"
)

// contract is what event.go and errors.go declare for others: everything with JSON tags, and the constants.
type contract struct {
	limits     []constant
	enums      []enum
	structures []structure
}

type constant struct {
	name, doc string
	value     string // as a JSON value
}

// enum is a string type with its closed set of values.
type enum struct {
	name, doc string
	values    []constant
}

type structure struct {
	name, doc string
	fields    []field
}

type field struct {
	name, doc   string // the name in JSON
	goType      string // as in []string
	optional    bool
	limits      map[string]string
	requiredFor string // the kind of event that requires the field
	embedded    bool   // the fields of goType stand in the field's place
}

// parseContract reads the named Go files. Their order and that of their declarations is kept.
func parseContract(names ...string) (*contract, error) {
	c := &contract{}
	for _, name := range names {
		file, err := parser.ParseFile(token.NewFileSet(), name, nil, parser.ParseComments)
		if err != nil {
			return nil, fmt.Errorf("parse %s: %w", name, err)
		}
		for _, decl := range file.Decls {
			if err := c.add(decl); err != nil {
				return nil, fmt.Errorf("read %s: %w", name, err)
			}
		}
	}
	c.flatten()
	return c, nil
}

func (c *contract) add(decl ast.Decl) error {
	group, ok := decl.(*ast.GenDecl)
	if !ok {
		return nil // a function
	}
	for _, spec := range group.Specs {
		var err error
		switch spec := spec.(type) {
		case *ast.ValueSpec:
			err = c.addConstant(spec, group.Doc)
		case *ast.TypeSpec:
			err = c.addType(spec, group.Doc)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// addConstant adds a value of an enum, or a limit. A constant that stands alone is explained by its group's comment.
func (c *contract) addConstant(spec *ast.ValueSpec, groupDoc *ast.CommentGroup) error {
	value := constant{name: spec.Names[0].Name, doc: comment(spec.Comment)}
	if spec.Comment == nil {
		value.doc = comment(groupDoc)
	}
	expression := types.ExprString(spec.Values[0])
	if strings.Contains(expression, "time.") {
		return nil // a duration has no unit in JSON
	}
	evaluated, err := types.Eval(token.NewFileSet(), nil, token.NoPos, expression)
	if err != nil {
		return fmt.Errorf("evaluate %s: %w", value.name, err)
	}
	value.value = evaluated.Value.ExactString()
	if spec.Type == nil {
		c.limits = append(c.limits, value)
		return nil
	}
	typeName := types.ExprString(spec.Type)
	for i := range c.enums {
		if c.enums[i].name == typeName {
			c.enums[i].values = append(c.enums[i].values, value)
			return nil
		}
	}
	return fmt.Errorf("%s is of type %s, which no line above declares", value.name, typeName)
}

func (c *contract) addType(spec *ast.TypeSpec, doc *ast.CommentGroup) error {
	switch typ := spec.Type.(type) {
	case *ast.Ident:
		c.enums = append(c.enums, enum{name: spec.Name.Name, doc: comment(doc)})
	case *ast.StructType:
		s := structure{name: spec.Name.Name, doc: comment(doc)}
		for _, f := range typ.Fields.List {
			if f.Tag == nil && len(f.Names) > 0 {
				return nil // not for JSON
			}
			parsed, err := parseField(f)
			if err != nil {
				return fmt.Errorf("field %s of %s: %w", parsed.name, s.name, err)
			}
			s.fields = append(s.fields, parsed)
		}
		c.structures = append(c.structures, s)
	}
	return nil
}

func parseField(f *ast.Field) (field, error) {
	goType := strings.TrimPrefix(types.ExprString(f.Type), "*") // a pointer is an optional object
	parsed := field{doc: comment(f.Doc), goType: goType, embedded: len(f.Names) == 0}
	if f.Doc == nil {
		parsed.doc = comment(f.Comment)
	}
	if parsed.embedded {
		return parsed, nil
	}
	text, err := strconv.Unquote(f.Tag.Value)
	if err != nil {
		return parsed, err
	}
	tag := reflect.StructTag(text)
	name, options, _ := strings.Cut(tag.Get("json"), ",")
	parsed.name, parsed.optional = name, options == "omitempty"
	parsed.requiredFor = tag.Get("required")
	parsed.limits, err = parseLimits(tag.Get("limit"))
	return parsed, err
}

// parseLimits reads "name=value,…"; a pattern takes the rest, since it may hold commas.
func parseLimits(text string) (map[string]string, error) {
	limits := map[string]string{}
	for text != "" {
		name, rest, found := strings.Cut(text, "=")
		if !found {
			return nil, fmt.Errorf("limit %q has no value", text)
		}
		limits[name], text = rest, ""
		if name != "pattern" {
			limits[name], text, _ = strings.Cut(rest, ",")
		}
	}
	return limits, nil
}

// flatten puts the fields of embedded types in their place, as encoding/json does.
func (c *contract) flatten() {
	fieldsOf := map[string][]field{}
	for i := range c.structures {
		var fields []field
		for _, f := range c.structures[i].fields {
			if f.embedded {
				fields = append(fields, fieldsOf[f.goType]...)
			} else {
				fields = append(fields, f)
			}
		}
		c.structures[i].fields = fields
		fieldsOf[c.structures[i].name] = fields
	}
}

// comment returns a comment's text with each paragraph on one line.
func comment(group *ast.CommentGroup) string {
	paragraphs := strings.Split(strings.TrimSpace(group.Text()), "\n\n")
	for i := range paragraphs {
		paragraphs[i] = strings.ReplaceAll(paragraphs[i], "\n", " ")
	}
	return strings.Join(paragraphs, "\n\n")
}

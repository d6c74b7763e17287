package main

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"strconv"
	"strings"

	"heed/consent"
	"heed/consent/classify"
)

func classifyCommand() command {
	return command{
		name: "classify", args: "NAME | --csv FILE", summary: "Say which category a cookie or storage key belongs to.",
		detail: "It answers from a table that is compiled in; what that does not know counts as advertising. A CSV file " +
			"begins with a line that names its columns: name, and any of domain, setter, page, kind, lifetime, http_only, " +
			"cross_site and value; flags say what holds for all lines where a column is not there. It is read and answered line " +
			"by line; a line that cannot be read has its reason in the column error. Fields that a spreadsheet would take for a formula begin with a ' in the answer.",
		example: "heed classify _fbp --page shop.example",
		operand: true,
		own: func(f *flags) {
			f.set.String("domain", "", "The `host` or URL it belongs to. Without --page it is taken for a third party's.")
			f.set.String("setter", "", "The `host` or URL whose answer or script set it.")
			f.set.String("page", "", "The `host` or URL of the page on which it was found.")
			f.set.String("kind", "", "`cookie`, local or session; cookie when left out.")
			f.set.String("lifetime", "", "How `long` it lives, as session, 30m or 400d.")
			f.set.Bool("http-only", false, "No script can read it.")
			f.set.Bool("cross-site", false, "It is SameSite=None or Partitioned.")
			f.set.String("value", "", "Its `value`; only its shape is looked at.")
			f.set.String("overrides", "", "A CSV `file` of your own word: columns pattern, class and domain.")
			f.set.String("csv", "", "A CSV `file` of many; - is standard input.")
			f.set.Bool("json", false, "Print JSON; for many, one document a line.")
		},
		run: runClassify,
	}
}

// cookieAnswer is what is printed about one cookie; as JSON it keeps to these names.
type cookieAnswer struct {
	Name       string `json:"name"`
	Domain     string `json:"domain,omitempty"`
	Class      string `json:"class,omitempty"` // empty when Error is not
	Confidence string `json:"confidence,omitempty"`
	Reason     string `json:"reason,omitempty"`
	Fact       string `json:"fact,omitempty"`
	Owner      string `json:"owner,omitempty"`
	Service    string `json:"service,omitempty"`
	Lifetime   string `json:"declared_lifetime,omitempty"`
	Conflict   bool   `json:"conflict,omitempty"`
	Error      string `json:"error,omitempty"`
}

func runClassify(ctx context.Context, p *program, f *flags) error {
	file := f.text("csv")
	if (file == "") == (f.operand == nil) {
		return &usageError{"name one cookie, or a file of many with --csv, as in: heed classify _ga"}
	}
	classifier, err := openClassifier(f.text("overrides"))
	if err != nil {
		return err
	}
	if file != "" {
		return classifyFile(ctx, p, classifier, f)
	}
	cookie, err := readCookie(func(column string) string {
		if column == "name" {
			return *f.operand
		}
		return flagOf(f, column)
	})
	if err != nil {
		return &usageError{err.Error()}
	}
	a := answerFor(cookie, classifier.Classify(cookie))
	if f.on("json") {
		return json.NewEncoder(p.stdout).Encode(a)
	}
	return printAnswer(p.stdout, a)
}

// flagOf is what a flag says of a column.
func flagOf(f *flags, column string) string { return f.text(strings.ReplaceAll(column, "_", "-")) }

func answerFor(c classify.Cookie, v classify.Verdict) cookieAnswer {
	return cookieAnswer{
		Name: c.Name, Domain: c.Domain, Class: v.Class.String(), Confidence: v.Confidence.String(), Reason: string(v.Reason),
		Fact: v.Fact, Owner: v.Owner, Service: v.Service,
		Lifetime: classify.FormatLifetime(v.Lifetime), Conflict: v.Conflict,
	}
}

// readCookie reads what is known about a cookie from named fields; those that are not known are empty.
func readCookie(field func(column string) string) (classify.Cookie, error) {
	c := classify.Cookie{
		Name: field("name"), Domain: field("domain"), Setter: field("setter"), FirstParty: field("page"),
	}
	if c.Name == "" {
		return c, errors.New("the name is empty; a cookie without a name cannot be told from others")
	}
	if value := field("value"); value != "" {
		c.Value = classify.ShapeOf(value)
	}
	var err error
	if c.Kind, err = classify.ParseKind(field("kind")); err != nil {
		return c, err
	}
	if c.Lifetime, err = classify.ParseLifetime(field("lifetime")); err != nil {
		return c, err
	}
	if c.HTTPOnly, err = parseSwitch("http_only", field("http_only")); err != nil {
		return c, err
	}
	c.CrossSite, err = parseSwitch("cross_site", field("cross_site"))
	return c, err
}

func parseSwitch(column, text string) (bool, error) {
	if text == "" {
		return false, nil
	}
	on, err := strconv.ParseBool(text)
	if err != nil {
		return false, fmt.Errorf("%s %q: want true or false", column, clip(text))
	}
	return on, nil
}

// openClassifier makes a classifier with the overrides of a file; none when file is empty.
func openClassifier(file string) (*classify.Classifier, error) {
	if file == "" {
		return classify.New(classify.Config{})
	}
	f, err := os.Open(file)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	overrides, err := readOverrides(f)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", file, err)
	}
	classifier, err := classify.New(classify.Config{Overrides: overrides})
	if err != nil {
		return nil, fmt.Errorf("%s: %w", file, err)
	}
	return classifier, nil
}

// maxOverrides bounds what an owner may say: each is compared with every name.
const maxOverrides = 1000

// readOverrides reads all lines or none: half of an owner's word would be a wrong word.
func readOverrides(r io.Reader) ([]classify.Override, error) {
	lines, err := openLines(r, "pattern", "class", "domain")
	if err != nil {
		return nil, err
	}
	var overrides []classify.Override
	for lines.next() {
		field, err := lines.fields()
		if err != nil {
			return nil, fmt.Errorf("line %d: %w", lines.number, err)
		}
		class, err := consent.ParseCategories(field("class"))
		if err != nil {
			return nil, fmt.Errorf("line %d: %w", lines.number, err)
		}
		if len(overrides) == maxOverrides {
			return nil, fmt.Errorf("line %d: more than %d overrides; use patterns", lines.number, maxOverrides)
		}
		overrides = append(overrides, classify.Override{Pattern: field("pattern"), Domain: field("domain"), Class: class})
	}
	return overrides, lines.err
}

// printAnswer writes an answer for a person.
func printAnswer(w io.Writer, a cookieAnswer) error {
	out := bufio.NewWriter(w)
	fmt.Fprintf(out, "%s is %s, with %s confidence\n", quoted(a.Name), a.Class, a.Confidence)
	fmt.Fprintf(out, "  reason   %s %s\n", a.Reason, quoted(a.Fact))
	if a.Owner != "" {
		fmt.Fprintf(out, "  owner    %s\n", a.Owner)
	}
	if a.Service != "" && a.Service != a.Owner {
		fmt.Fprintf(out, "  service  %s\n", a.Service)
	}
	if a.Lifetime != "" {
		fmt.Fprintf(out, "  declared %s\n", a.Lifetime)
	}
	if a.Conflict {
		fmt.Fprint(out, "  note     sources disagree; the strictest holds\n")
	}
	return out.Flush()
}

// quoted keeps what a name holds from steering a terminal.
func quoted(text string) string {
	for _, r := range text {
		if !strconv.IsPrint(r) {
			return strconv.Quote(text)
		}
	}
	return text
}

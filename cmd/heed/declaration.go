package main

import (
	_ "embed"
	"encoding/json"
	"errors"
	"fmt"
	"html/template"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"heed/consent"
	"heed/consent/notice"
	"heed/consent/record"
)

// declarationWords are the words of a declaration's tables by locale, in the order of tableWords.
//
//go:embed declaration.json
var declarationWords []byte

// tableWords are the words of one locale.
type tableWords struct{ Title, Name, Provider, Purpose, Lifetime, Days, Session string }

// cookieDeclaration is what a site keeps in browsers, for a policy page in one language.
type cookieDeclaration struct {
	Site       string             `json:"site"`
	Locale     string             `json:"locale"`
	Direction  string             `json:"direction"` // ltr or rtl
	Words      tableWords         `json:"-"`
	Categories []declaredCategory `json:"categories"`
}

type declaredCategory struct {
	ID       string          `json:"id"`
	Name     string          `json:"name"`
	Services []declaredStore `json:"services"`
}

// declaredStore is what one service keeps.
type declaredStore struct {
	ID           string   `json:"id"`
	Name         string   `json:"name"`
	Names        []string `json:"names"` // of cookies and keys; * stands for any text
	Provider     string   `json:"provider"`
	Country      string   `json:"country,omitempty"`
	Policy       string   `json:"policy,omitempty"`
	Purposes     []string `json:"purposes"`
	LifetimeDays int      `json:"lifetime_days"` // 0: until the end of the visit
	Lifetime     string   `json:"lifetime"`      // in words
}

// declareCookies writes the declaration of a site into a folder, in each of its languages as a part of a page and as JSON.
// cookie is the name of its choice cookie.
func declareCookies(p *program, site *Site, cookie, dir string) error {
	built, err := site.notices()
	if err != nil {
		return err
	}
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return fmt.Errorf("--declare: %w", err)
	}
	written := 0
	for _, b := range built {
		if b.Notice.Layout != notice.OptIn {
			continue // the others say the same of services
		}
		d, err := site.declarationOf(b.Notice, cookie)
		if err != nil {
			return err
		}
		if err := d.write(dir); err != nil {
			return fmt.Errorf("--declare: %w", err)
		}
		written++
	}
	_, err = fmt.Fprintf(p.stdout, "wrote the cookie declaration in %d languages to %s, as cookies.LOCALE.html and cookies.LOCALE.json\n", written, dir)
	return err
}

// declarationOf is what a notice says of services, with the names that they keep things under.
func (s *Site) declarationOf(n *record.Notice, cookie string) (cookieDeclaration, error) {
	words, err := wordsOf(n.Locale)
	if err != nil {
		return cookieDeclaration{}, err
	}
	texts := map[string]string{}
	for _, t := range n.Look.Texts {
		texts[t.ID] = t.Text
	}
	d := cookieDeclaration{Site: s.ID, Locale: n.Locale, Direction: directionOf(n.Locale), Words: words}
	for category := range strings.SplitSeq(consent.All.String(), ",") {
		of := declaredCategory{ID: category, Name: texts["purpose."+category]}
		for _, service := range n.Material.Services {
			if names := s.storesOf(service.ID, cookie); service.Category == category && len(names) > 0 {
				of.Services = append(of.Services, declaredStoreOf(service, names, n.Material.Recipients, texts, words))
			}
		}
		if len(of.Services) > 0 {
			d.Categories = append(d.Categories, of)
		}
	}
	return d, nil
}

func declaredStoreOf(s record.Service, names []string, recipients []record.Recipient, texts map[string]string, words tableWords) declaredStore {
	of := declaredStore{ID: s.ID, Name: texts[s.ID], Names: names, LifetimeDays: s.LifetimeDays, Lifetime: words.Session}
	if s.LifetimeDays > 0 {
		of.Lifetime = strings.ReplaceAll(words.Days, "{days}", strconv.Itoa(s.LifetimeDays))
	}
	for _, id := range s.Purposes {
		of.Purposes = append(of.Purposes, texts[id])
	}
	if i := slices.IndexFunc(recipients, func(r record.Recipient) bool { return r.ID == s.Recipient }); i >= 0 {
		of.Provider, of.Policy = recipients[i].Name, recipients[i].Policy
		if recipients[i].Country != notice.NoCountry {
			of.Country = recipients[i].Country
		}
	}
	return of
}

// storesOf are the names under which a service keeps things, Heed's own included.
func (s *Site) storesOf(service, cookie string) []string {
	switch service {
	case "heed-choice":
		return []string{cookie, "heed.*"}
	case "heed-statistics":
		return []string{"heed_v_" + s.Key}
	}
	for _, d := range s.Declared.Services {
		if d.ID == service {
			return d.Stores
		}
	}
	return nil
}

// wordsOf are the words of a locale, those of its language where it has none, and at last the English ones.
func wordsOf(locale string) (words tableWords, err error) {
	var all map[string][]string
	if err := json.Unmarshal(declarationWords, &all); err != nil {
		return words, fmt.Errorf("decode declaration.json: %w", err)
	}
	language, _, _ := strings.Cut(locale, "-")
	for _, known := range []string{locale, language, "en"} {
		if w := all[known]; len(w) == 7 {
			return tableWords{w[0], w[1], w[2], w[3], w[4], w[5], w[6]}, nil
		}
	}
	return words, errors.New("declaration.json has no English words")
}

func directionOf(locale string) string {
	language, _, _ := strings.Cut(locale, "-")
	return either(slices.Contains([]string{"ar", "fa", "he", "ur"}, language), "rtl", "ltr")
}

// declarationPage is a part of a page: it has no style, and headings of no level, so that it fits in anywhere.
var declarationPage = template.Must(template.New("declaration").Parse(
	`<section class="heed-cookies" lang="{{.Locale}}" dir="{{.Direction}}" aria-label="{{.Words.Title}}">
{{- $words := .Words}}{{range .Categories}}
<table>
<caption>{{.Name}}</caption>
<thead><tr><th scope="col">{{$words.Name}}</th><th scope="col">{{$words.Provider}}</th><th scope="col">{{$words.Purpose}}</th><th scope="col">{{$words.Lifetime}}</th></tr></thead>
<tbody>
{{- range .Services}}
<tr><th scope="row">{{.Name}}{{range .Names}}<br><code dir="ltr">{{.}}</code>{{end}}</th><td>{{if .Policy}}<a href="{{.Policy}}">{{.Provider}}</a>{{else}}{{.Provider}}{{end}}{{if .Country}} ({{.Country}}){{end}}</td><td>{{range $i, $p := .Purposes}}{{if $i}}<br>{{end}}{{$p}}{{end}}</td><td>{{.Lifetime}}</td></tr>
{{- end}}
</tbody>
</table>
{{- end}}
</section>
`))

// html writes the declaration as a part of a page.
func (d cookieDeclaration) html(w io.Writer) error { return declarationPage.Execute(w, d) }

// write puts the two files of one language into a folder.
func (d cookieDeclaration) write(dir string) error {
	var page strings.Builder
	if err := d.html(&page); err != nil {
		return err
	}
	text, err := json.MarshalIndent(d, "", "  ")
	if err != nil {
		return err
	}
	name := filepath.Join(dir, "cookies."+d.Locale)
	return errors.Join(os.WriteFile(name+".html", []byte(page.String()), 0o644), os.WriteFile(name+".json", append(text, '\n'), 0o644))
}

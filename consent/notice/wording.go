package notice

import (
	"embed"
	"encoding/json"
	"fmt"
	"io/fs"
	"maps"
	"path"
	"slices"
	"strings"
)

//go:embed texts/*.json
var files embed.FS

// fallback is the locale whose texts are known to be there.
const fallback = "en"

// library holds Heed's texts by locale and id; it never changes.
var library = MustReadTexts(files, "texts")

// MustReadTexts returns the texts in a folder of files, by locale and id: de.json holds those in German. It is for files that
// are built in, and panics on one that a test would have refused.
func MustReadTexts(files fs.FS, folder string) map[string]map[string]string {
	all := map[string]map[string]string{}
	entries, err := fs.ReadDir(files, folder)
	if err != nil {
		panic(fmt.Sprintf("consent/notice: %v", err))
	}
	for _, entry := range entries {
		name := path.Join(folder, entry.Name())
		data, err := fs.ReadFile(files, name)
		if err != nil {
			panic(fmt.Sprintf("consent/notice: %v", err))
		}
		var texts map[string]string
		if err := json.Unmarshal(data, &texts); err != nil {
			panic(fmt.Sprintf("consent/notice: %s: %v", name, err))
		}
		all[strings.TrimSuffix(entry.Name(), ".json")] = texts
	}
	return all
}

// Locales returns the locales that Heed has texts in, sorted after English, which comes first.
func Locales() []string {
	rest := slices.DeleteFunc(slices.Sorted(maps.Keys(library)), func(locale string) bool { return locale == fallback })
	return append([]string{fallback}, rest...)
}

// TextIDs returns the ids of Heed's own texts, sorted. Each may be said otherwise by Site.Texts.
func TextIDs() []string { return slices.Sorted(maps.Keys(library[fallback])) }

// wording is all texts of a site in one locale.
type wording struct {
	site       *Site
	locale     string
	own, built map[string]string // the owner's, and Heed's
}

// newWording fails for a locale that neither Heed nor the owner has all texts in.
func newWording(site *Site, locale string) (*wording, error) {
	w := &wording{site, locale, site.Texts[locale], library[locale]}
	if w.built != nil {
		return w, nil
	}
	for _, id := range TextIDs() {
		if w.own[id] == "" {
			return nil, fmt.Errorf("the text %s has no words in %s: write it under texts, or choose among the locales %s",
				id, locale, strings.Join(Locales(), " "))
		}
	}
	return w, nil
}

// text returns the words of an id, "" where nobody has any.
func (w *wording) text(id string) string {
	if own := w.own[id]; own != "" {
		return own
	}
	return w.built[id]
}

// name returns the name of a purpose or service: at last its id.
func (w *wording) name(id string) string {
	for _, name := range []string{w.text(id), w.site.Names[id]} {
		if name != "" {
			return name
		}
	}
	return id
}

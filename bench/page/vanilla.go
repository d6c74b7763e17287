package main

import (
	"fmt"
	"os"
	"path/filepath"
)

// vanilla is vanilla-cookieconsent as npm has brought it, in the way its documentation has pages use it.
type vanilla struct{ script, style packed }

func readVanilla() (v vanilla, err error) {
	if v.script, err = readTheirs("cookieconsent.umd.js"); err == nil {
		v.style, err = readTheirs("cookieconsent.css")
	}
	return v, err
}

func readTheirs(name string) (packed, error) {
	text, err := os.ReadFile(filepath.Join("node_modules", "vanilla-cookieconsent", "dist", name))
	if err != nil {
		return packed{}, fmt.Errorf("%w: run npm ci at the root of the repository, and this there", err)
	}
	return pack(text)
}

// vanillaHead and vanillaStart are what its pages have: the style in the head, and a module that starts it. Its banner asks of as
// many categories as Heed's.
const (
	vanillaHead  = `<link rel="stylesheet" href="/vanilla/cookieconsent.css"><script defer src="/vanilla/cookieconsent.umd.js"></script>`
	vanillaStart = `<script type="module">
CookieConsent.run({
  hideFromBots: false, // a browser that a program drives is one to it
  categories: { necessary: { enabled: true, readOnly: true }, functional: {}, performance: {}, advertising: {} },
  language: { default: 'en', translations: { en: {
    consentModal: {
      title: 'Your choice', acceptAllBtn: 'Accept all', acceptNecessaryBtn: 'Reject all', showPreferencesBtn: 'Choose',
      description: 'We and others would like to store and read things in your browser, for what is listed under “Choose”. ' +
        'Without your permission only what the page cannot do without is stored. You can change your mind at any time.',
    },
    preferencesModal: {
      title: 'Choose', acceptAllBtn: 'Accept all', acceptNecessaryBtn: 'Reject all', savePreferencesBtn: 'Save', closeIconLabel: 'Close',
      sections: ['necessary', 'functional', 'performance', 'advertising'].map((linkedCategory) =>
        ({ title: linkedCategory, description: 'What this is for, in a sentence or two.', linkedCategory })),
    },
  } } },
})
</script>`
)

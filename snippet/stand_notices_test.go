package snippet

import (
	"crypto/sha256"
	"fmt"

	"heed/consent"
)

// standNotices makes a notice per layout in two languages, in the form in which consent/record archives them, as far as a
// browser reads it.
func standNotices() (listed []Notice, files map[string][]byte) {
	files = map[string][]byte{}
	for _, layout := range layouts {
		for _, locale := range []string{"en", "de"} {
			text := fmt.Sprintf(standNoticeText, locale, layout, layout, locale, standButtons[layout])
			n := Notice{Layout: string(layout), Locale: locale, Shown: fmt.Sprintf("%x", sha256.Sum256([]byte(text)))}
			listed, files[n.Name()] = append(listed, n), []byte(text)
		}
	}
	return listed, files
}

const standNoticeText = `{"locale":%q,"layout":%q,"material":{"services":[
{"id":"heed-statistics","category":"performance"},{"id":"counter","category":"performance"},{"id":"map","category":"functional"}]},"look":{"css":":host{position:fixed;bottom:0}h2{color:rgb(1,2,3)}","texts":[
{"id":"title","text":"Title %s %s"},{"id":"body","text":"Body"},{"id":"policy","text":"Policy"},
{"id":"policy.url","text":"https://shop.example/policy"},{"id":"always_on","text":"Always on"},
{"id":"honoured","text":"Your opt-out is honoured"},{"id":"receipt","text":"Receipt"},
{"id":"purpose.essential","text":"Essential"},{"id":"purpose.essential.text","text":"About essential"},
{"id":"purpose.functional","text":"Functional"},{"id":"purpose.functional.text","text":"About functional"},
{"id":"purpose.performance","text":"Measuring"},{"id":"purpose.performance.text","text":"About measuring"},
{"id":"counter","text":"Counter"},{"id":"counter.text","text":"About the counter"},{"id":"map","text":"Map"},{"id":"map.text","text":"About the map"},
{"id":"purpose.advertising","text":"Advertising"},{"id":"purpose.advertising.text","text":"About advertising"}],
"buttons":[%s]}}`

var standButtons = map[consent.Prompt]string{
	consent.OptInPrompt: `{"id":"accept","action":"accept","label":"Accept all"},{"id":"reject","action":"reject","label":"Reject all"},
{"id":"choose","action":"choose","label":"Choose"},{"id":"save","action":"save","label":"Save"},{"id":"close","action":"close","label":"Close"}`,
	consent.OptOutPrompt: `{"id":"ok","action":"close","label":"OK"},{"id":"optout","action":"reject","label":"Opt out"},
{"id":"choose","action":"choose","label":"Choose"},{"id":"save","action":"save","label":"Save"},{"id":"close","action":"close","label":"Close"}`,
	consent.NoticePrompt: `{"id":"ok","action":"close","label":"OK"},{"id":"choose","action":"choose","label":"Choose"},
{"id":"save","action":"save","label":"Save"}`,
}

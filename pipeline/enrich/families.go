package enrich

import (
	"strings"

	"github.com/mssola/useragent"
)

// The families that more than one table names.
const (
	chrome   = "Chrome"
	edge     = "Edge"
	firefox  = "Firefox"
	safari   = "Safari"
	opera    = "Opera"
	samsung  = "Samsung Internet"
	yandex   = "Yandex"
	duck     = "DuckDuckGo"
	silk     = "Silk"
	inApp    = "in-app"
	chromeOS = "ChromeOS"
	android  = "Android"
	iPadOS   = "iPadOS"
	iOS      = "iOS"
	macOS    = "macOS"
	windows  = "Windows"
	linux    = "Linux"

	desktop = "desktop"
	mobile  = "mobile"
	tablet  = "tablet"
	tv      = "tv"

	other = "other"
)

// family is what a piece of a user agent stands for.
type family struct{ token, name string }

// early holds browsers that the parser takes for the one they are built on, and pages shown inside another app.
// The first token found decides.
var early = []family{
	{"SamsungBrowser/", samsung},
	{"EdgA/", edge}, {"EdgiOS/", edge}, {"Edg/", edge},
	{"OPR/", opera}, {"OPT/", opera}, {"OPX/", opera}, {"OPiOS/", opera}, {"Opera", opera},
	{"YaBrowser/", yandex},
	{"Vivaldi/", "Vivaldi"},
	{"Brave/", "Brave"},
	{"DuckDuckGo/", duck}, {"Ddg/", duck},
	{"UCBrowser/", "UC Browser"}, {"UBrowser/", "UC Browser"},
	{"MiuiBrowser/", "Mi Browser"},
	{"HuaweiBrowser/", "Huawei Browser"},
	{"Whale/", "Whale"},
	{"QQBrowser/", "QQ Browser"},
	{"Silk/", silk},
	{"FBAN/", inApp}, {"FBAV/", inApp}, {"Instagram ", inApp}, {"MicroMessenger/", inApp}, {" Line/", inApp},
	{"LinkedInApp", inApp}, {"Pinterest/", inApp}, {"Snapchat", inApp}, {"musical_ly", inApp},
	{"BytedanceWebview", inApp}, {"GSA/", inApp}, {"; wv)", inApp},
	{"FxiOS/", firefox}, {"Focus/", firefox},
	{"CriOS/", chrome},
}

// parsed maps the names that the parser gives.
var parsed = map[string]string{
	"Chrome":            chrome,
	"Headless Chrome":   chrome,
	"Chromium":          "Chromium",
	"Edge":              edge,
	"Firefox":           firefox,
	"Safari":            safari,
	"Opera":             opera,
	"Internet Explorer": "Internet Explorer",
	"Android":           "Android Browser",
	"Coc Coc":           "Coc Coc",
	"Mobile App":        inApp,
	"Electron":          inApp,
}

// late is for user agents that confuse the parser.
var late = []family{{"Firefox/", firefox}, {"Chrome/", chrome}, {"Safari/", safari}}

func browserOf(ua *useragent.UserAgent) string {
	if name := find(early, ua.UA()); name != "" {
		return name
	}
	name, _ := ua.Browser()
	if known := parsed[name]; known != "" {
		return known
	}
	return firstNonEmpty(find(late, ua.UA()), other)
}

// systems are in an order that matters: most of them name an older one to look compatible.
var systems = []family{
	{"Windows Phone", other}, {"Tizen", other}, {"Web0S", other}, {"KAIOS", other}, {"PlayStation", other},
	{"CrOS", chromeOS},
	{"Android", android},
	{"iPad", iPadOS},
	{"iPhone", iOS}, {"iPod", iOS},
	{"Windows", windows},
	{"Macintosh", macOS}, {"Mac OS X", macOS},
	{"Linux", linux}, {"X11", linux},
}

func osOf(ua *useragent.UserAgent) string {
	if ua.Platform() == "iPad" { // the parser knows Firefox on an iPad that poses as a Mac
		return iPadOS
	}
	return firstNonEmpty(find(systems, ua.UA()), other)
}

func find(table []family, s string) string {
	for _, f := range table {
		if strings.Contains(s, f.token) {
			return f.name
		}
	}
	return ""
}

// televisions are pieces of a lower-cased user agent.
var televisions = []string{
	"smart-tv", "smarttv", "hbbtv", "appletv", "apple tv", "googletv", "google tv", "android tv", "bravia", "viera",
	"netcast", "web0s", "roku", "crkey", "vidaa", "; aft",
}

// deviceOf goes by the system, since that is what hints and user agent agree on: Android says Mobile on phones only.
func deviceOf(lower, os string, s sign) string {
	for _, token := range televisions {
		if strings.Contains(lower, token) {
			return tv
		}
	}
	switch {
	case s&saysMobile != 0, os == iOS:
		return mobile
	case os == iPadOS:
		return tablet
	case os == android && s&saysNotMobile != 0:
		return tablet
	case os == android && (strings.Contains(lower, "tablet") || !strings.Contains(lower, "mobi")):
		return tablet
	case os == android:
		return mobile
	case os != other:
		return desktop
	case strings.Contains(lower, "mobi"):
		return mobile
	}
	return other
}

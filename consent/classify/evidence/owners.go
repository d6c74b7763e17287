package evidence

import "golang.org/x/net/publicsuffix"

// aliases are the names under which sources list one company, and slips of theirs.
var aliases = map[string]string{
	"": "Frameworks", "29 days": "Awin", "Advertiser's website": "Adobe", "Website operator": "Umami", "AdKernel": "Adkernel",
	"BetweenDigital": "Between Digital", "betweendigital.com": "Between Digital", "Bazaar Voice": "Bazaarvoice",
	"Casale Media": "Index Exchange", "comScore": "Comscore", "ComScore": "Comscore", "Constant Contact": "SharpSpring",
	"Sharpspring": "SharpSpring", "Drift.com": "Drift", "Dot Metrics": "Dotmetrics", "Epsilon": "Epsilon",
	"Equativ.com": "Equativ", "Facebook": "Meta", "WhatsApp": "Meta", "Github": "Microsoft", "GitHub": "Microsoft", "LinkedIn": "Microsoft", "Xandr": "Microsoft",
	"LiveChat Inc": "LiveChat", "Livechat": "LiveChat", "Mediamath": "MediaMath", "NextJS": "Vercel",
	"Plausible Insights OÜ": "Plausible", "PowerLinks Media Limited": "PowerLinks", "Pubmatic": "PubMatic",
	"SpotX": "Magnite", "Shopify.com": "Shopify", "Tawk.to Chat": "tawk.to", "taboola.com": "Taboola", "Teads.com": "Teads", "Outbrain": "Teads",
	"Tower Data": "TowerData", "Unrulymedia.com": "Unruly", "Vercel Inc": "Vercel", "WooCommerce": "Automattic",
	"WooCommerce / Jetpack": "Automattic", "WordPress": "Automattic", "Wordpress": "Automattic", "WP-Glogin": "WP-Glogin",
	"Wikipedia": "Wikimedia", "ad.360yield.com": "Improve Digital", "seedtag.com": "Seedtag", "visx.net": "YOC",
	"richAudience": "Rich Audience", "Cookie Law Info": "CookieYes", "Hubspot": "HubSpot", "Joomla! Engagebox": "Joomla!",
	"csync.loopme.me": "LoopMe", "Dynatrace": "Dynatrace", "MercadoLibre": "MercadoLibre", "Wix.com": "Wix",
	"crwdcntrl.net": "Lotame", "liadm.com": "LiveIntent", "improvedigital.com": "Improve Digital", "media.net": "Media.net",
	"permutive.app": "Permutive", "rlcdn.com": "LiveRamp", "id5-sync.com": "ID5", "yoc.com": "YOC", "gemius.com": "Gemius",
	"outbrain.com": "Teads", "rtbhouse.com": "RTB House", "indexexchange.com": "Index Exchange", "aniview.com": "Aniview",
	"adkernel.com": "Adkernel", "underdog.media": "Underdog Media", "dotomi.com": "Epsilon", "yahoo.com": "Yahoo",
	"contentexchange.me": "ContentExchange", "kargo.com": "Kargo", "adnuntius.com": "Adnuntius", "jwplayer.com": "JW Player",
	"storage.cloud.kargo.com": "Kargo", "permutive.com": "Permutive", "a-mo.net": "AdaptMX", "ad.gt": "Audigent",
}

// ownerName is the company that controls the data, or the product where no company is named.
func ownerName(controller, service string) string {
	name := controller
	if name == "" {
		name = service
	}
	if alias, ok := aliases[name]; ok {
		return alias
	}
	return name
}

// Join brings the rows of all sources together: one name per company, sorted, none twice.
func Join(rows []Row) []Row {
	joinOwners(rows)
	return sorted(rows)
}

// joinOwners gives rows whose owner is only a domain the name of the company that another row has for that domain.
func joinOwners(rows []Row) {
	byDomain := map[string]string{}
	for _, row := range rows {
		for _, domain := range row.Domains {
			site := siteOf(domain)
			if known, ok := byDomain[site]; ok && known != row.Owner {
				byDomain[site] = "" // shared: it names nobody
			} else if !ok {
				byDomain[site] = row.Owner
			}
		}
	}
	for i, row := range rows {
		if owner := byDomain[row.Owner]; owner != "" {
			rows[i].Owner = owner
		} else {
			rows[i].Owner = ownerName(row.Owner, "")
		}
	}
}

func siteOf(domain string) string {
	site, err := publicsuffix.EffectiveTLDPlusOne(domain)
	if err != nil {
		return domain
	}
	return site
}

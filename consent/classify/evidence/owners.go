package evidence

import "golang.org/x/net/publicsuffix"

// aliases are the names under which sources list one company, its domains where no other fact has them, and slips of
// theirs.
var aliases = map[string]string{
	"a-mo.net": "AdaptMX", "AdKernel": "Adkernel", "adkernel.com": "Adkernel", "adnuntius.com": "Adnuntius",
	"Advertiser's website": "Adobe", "aniview.com": "Aniview", "ad.gt": "Audigent",
	"WooCommerce / Jetpack": "Automattic", "WooCommerce": "Automattic", "WordPress": "Automattic",
	"Wordpress": "Automattic", "29 days": "Awin", "Bazaar Voice": "Bazaarvoice",
	"BetweenDigital": "Between Digital", "betweendigital.com": "Between Digital", "ComScore": "Comscore",
	"comScore": "Comscore", "contentexchange.me": "ContentExchange", "Cookie Law Info": "CookieYes",
	"Dot Metrics": "Dotmetrics", "Drift.com": "Drift", "dotomi.com": "Epsilon", "Equativ.com": "Equativ",
	"": "Frameworks", "gemius.com": "Gemius", "Hubspot": "HubSpot", "id5-sync.com": "ID5",
	"ad.360yield.com": "Improve Digital", "improvedigital.com": "Improve Digital",
	"Casale Media": "Index Exchange", "indexexchange.com": "Index Exchange", "Joomla! Engagebox": "Joomla!",
	"jwplayer.com": "JW Player", "kargo.com": "Kargo", "storage.cloud.kargo.com": "Kargo",
	"LiveChat Inc": "LiveChat", "Livechat": "LiveChat", "liadm.com": "LiveIntent", "rlcdn.com": "LiveRamp",
	"csync.loopme.me": "LoopMe", "crwdcntrl.net": "Lotame", "SpotX": "Magnite", "media.net": "Media.net",
	"Mediamath": "MediaMath", "Facebook": "Meta", "WhatsApp": "Meta", "GitHub": "Microsoft",
	"Github": "Microsoft", "LinkedIn": "Microsoft", "Xandr": "Microsoft", "permutive.app": "Permutive",
	"permutive.com": "Permutive", "Plausible Insights OÜ": "Plausible", "PowerLinks Media Limited": "PowerLinks",
	"Pubmatic": "PubMatic", "richAudience": "Rich Audience", "rtbhouse.com": "RTB House",
	"seedtag.com": "Seedtag", "Constant Contact": "SharpSpring", "Sharpspring": "SharpSpring",
	"Shopify.com": "Shopify", "taboola.com": "Taboola", "Tawk.to Chat": "tawk.to", "Outbrain": "Teads",
	"Teads.com": "Teads", "outbrain.com": "Teads", "Tower Data": "TowerData", "Website operator": "Umami",
	"underdog.media": "Underdog Media", "Unrulymedia.com": "Unruly", "NextJS": "Vercel", "Vercel Inc": "Vercel",
	"Wikipedia": "Wikimedia", "Wix.com": "Wix", "yahoo.com": "Yahoo", "visx.net": "YOC", "yoc.com": "YOC",
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

package enrich

import "strings"

// spammers are hosts whose visits never happened: programs name them as the referrer, so that who reads the report looks
// them up. The list is short on purpose. Each entry was picked by hand since its very name sells the spam (traffic, ranks,
// share buttons, threats of law) or copies a known site's, and each is in the Matomo community's referrer-spam-list
// (public domain), where they have been reported since 2014. That list as a whole would mark real visits: it also names
// working sites that were advertised so (uptime.com, zoominfo.com, adf.ly) or lend out subdomains.
var spammers = setOf(`
	1-99seo.com 1-best-seo.com 1-free-share-buttons.com 100-reasons-for-seo.com 100dollars-seo.com
	12-reasons-for-seo.net 15-reasons-for-seo.com 2-best-seo.com 3-best-seo.com 4-best-seo.com 4webmasters.org
	5-best-seo.com 6-best-seo.com 7-best-seo.com 7makemoneyonline.com 8-best-seo.com 9-best-seo.com
	99-reasons-for-seo.com acunetix-referrer.com amazon-seo-service.com analytics-ads.xyz anticrawler.org
	auto-b2b-seo-service.com auto-seo-service.org autoseo-service.org autoseo-traffic.com autoseotips.com
	baixar-musicas-gratis.com best-ping-service-usa.blue best-seo-offer.com best-seo-software.xyz best-seo-solution.com
	blackhatworth.com burger-imperia.com buttons-for-website.com buttons-for-your-website.com cenoval.ru
	cheap-trusted-backlinks.com chinese-amezon.com copyrightclaims.org copyrightinstitute.org darodar.com
	descargar-musica-gratis.net domain-tracker.com e-buyeasy.com e-commerce-seo.com e-commerce-seo1.com
	ecommerce-seo.org econom.co eu-cookie-law-enforcement2.xyz event-tracking.com fast-wordpress-start.com
	fix-website-errors.com floating-share-buttons.com for-your.website forum69.info free-fb-traffic.com
	free-fbook-traffic.com free-floating-buttons.com free-share-buttons.com free-social-buttons.com
	free-social-buttons.xyz free-social-buttons7.xyz free-traffic.xyz free-video-tool.com free-website-traffic.com
	get-clickize.info get-free-social-traffic.com get-free-traffic-now.com get-more-freeer-visitors.info
	get-more-freeish-visitors.info get-seo-help.com get-your-social-buttons.info googlemare.com googlsucks.com
	guardlink.org hosting-tracker.com howtostopreferralspam.eu hulfingtonpost.com humanorightswatch.org
	ilovevitaly.co ilovevitaly.com ilovevitaly.info ilovevitaly.org ilovevitaly.ru ilovevitaly.xyz
	increasewwwtraffic.info kambasoft.com keywords-monitoring-success.com keywords-monitoring-your-success.com
	landoftracking.com law-enforcement-bot-ff.xyz law-enforcement-check-three.xyz law-enforcement-ee.xyz
	makemoneyonline.com monetizationking.net mycheaptraffic.com o-o-11-o-o.com o-o-6-o-o.com o-o-6-o-o.ru o-o-8-o-o.com
	o-o-8-o-o.ru pizza-imperia.com priceg.com rank-checker.online rankings-analytics.com ranksonic.info ranksonic.net
	ranksonic.org resell-seo-services.com sanjosestartups.com savetubevideo.com savetubevideo.info semalt.com
	semaltmedia.com seo-platform.com seo-services-b2b.com seo-services-wordpress.com seoanalyses.com seocheckupx.com
	seocheckupx.net sexyali.com share-buttons-for-free.com share-buttons.xyz sharebutton.net sharebutton.to
	simple-share-buttons.com site-auditor.online sitevaluation.org slftsdybbg.ru slow-website.xyz social-button.xyz
	social-buttons-ii.xyz social-buttons.com social-traffic-1.xyz social-traffic-2.xyz social-traffic-3.xyz
	social-traffic-4.xyz social-traffic-5.xyz social-traffic-7.xyz social-widget.xyz socialbuttons.xyz success-seo.com
	superiends.org theguardlan.com top1-seo-service.com topseoservices.co track-rankings.online traffic-cash.xyz
	traffic2cash.org traffic2cash.xyz traffic2money.com trafficgenius.xyz trafficmonetize.org trafficmonetizer.org
	videos-for-your-business.com vodkoved.ru web-revenue.xyz webmaster-traffic.com webmonetizer.net
	website-analytics.online website-analyzer.info website-speed-check.site website-speed-checker.site
	xtrafficplus.com`)

func setOf(words string) map[string]bool {
	set := make(map[string]bool)
	for word := range strings.FieldsSeq(words) {
		set[word] = true
	}
	return set
}

// isSpammer reports whether a host is one of spammers or below one.
func isSpammer(host string) bool {
	for host != "" {
		if spammers[host] {
			return true
		}
		_, host, _ = strings.Cut(host, ".")
	}
	return false
}

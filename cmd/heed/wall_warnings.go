package main

import (
	"slices"
	"strings"

	"heed/consent"
	"heed/consent/notice"
	"heed/schemas"
	"heed/snippet"
)

// warnOfWall tells what of the wall lets through more, or less, than the owner may think.
func warnOfWall(site *Site, demo bool, warn warner) {
	switch schemas.Wall(site.Wall.Strength) {
	case schemas.WallOff:
		warn("wall.strength", "set it to sealed, or to header where the pages' answers can carry a policy",
			"nothing is held back before a choice or after a refusal, and gpc.json says so")
		if len(site.Wall.Modes) > 0 {
			warn("consent_modes", "set wall.strength to tag at least, or leave them out",
				"they are told by the inline script of the tag, which a site without a wall does not have")
		}
		return
	case schemas.WallHeader:
		if demo && site.ID == demoSite {
			warn("wall.strength", "set it to sealed", "the demo's answers carry no policy")
		}
	}
	for _, s := range site.Declared.Services {
		warnOfService(s, warn)
	}
	warnOfHosts(site, warn)
	warnOfWordPress(site, warn)
}

// warnOfWordPress tells where the plugin that is told of choices cannot keep them: by cookies of its own.
func warnOfWordPress(site *Site, warn warner) {
	keeps := func(s declaredService) bool {
		return s.Category == consent.Essential.String() && slices.ContainsFunc(s.Stores, func(pattern string) bool {
			before, starred := strings.CutSuffix(pattern, "*")
			return starred && strings.HasPrefix("wp_consent_", before)
		})
	}
	if slices.Contains(site.Wall.Modes, "wordpress") && !slices.ContainsFunc(site.Declared.Services, keeps) {
		warn("consent_modes", `declare an essential service with stores: ["wp_consent_*"]`,
			"the WordPress Consent API keeps what it is told in cookies wp_consent_*, which the wall holds back")
	}
}

// warnOfService tells of a service that a yes does not free, or of which something is known that does nothing.
func warnOfService(s declaredService, warn warner) {
	switch {
	case len(s.Hosts) == 0 && s.Recipient != notice.Self:
		warn("services", "list under hosts with whom it speaks; heed hosts shows what was held back",
			"%s has no hosts: its requests stay held back after a yes as well", s.ID)
	case len(s.Hosts) == 0 && len(s.Stores) == 0:
		warn("services", "list under stores what it writes, or under hosts with whom it speaks",
			"%s has neither hosts nor stores: nothing of it is known to be freed by a yes", s.ID)
	case len(s.Hosts) == 0 && s.Marked:
		warn("services", "leave marked out, or list its hosts", "%s is marked and has no hosts that could be told apart", s.ID)
	}
}

// warnOfHosts tells of hosts that stand twice: the laxest of their places counts.
func warnOfHosts(site *Site, warn warner) {
	const always = "every page"
	owner := map[string]string{}
	for _, host := range snippet.EssentialHosts() {
		owner[host] = always
	}
	for _, host := range slices.Concat(ownHosts(site.Origins), site.Wall.Hosts) {
		owner[withoutScheme(host)] = always
	}
	for _, s := range site.Declared.Services {
		for _, host := range s.Hosts {
			switch other := owner[withoutScheme(host)]; other {
			case "", s.ID:
				owner[withoutScheme(host)] = s.ID
			case always:
				warn("services", "leave it out of the list", "%s lists %s, with which every page may speak without it", s.ID, host)
			default:
				warn("services", "list it once, or make the two one service", "%s and %s list %s: a yes to either frees it", other, s.ID, host)
			}
		}
	}
	for i, host := range site.Wall.Hosts {
		if slices.Contains(ownHosts(site.Origins), host) || slices.Contains(site.Wall.Hosts[:i], host) {
			warn("wall.hosts", "leave it out", "%s is allowed already", host)
		}
	}
}

func withoutScheme(host string) string {
	_, rest, _ := strings.Cut(host, "://")
	return rest
}

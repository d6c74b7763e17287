package enrich

import "strings"

// headerReason compares what the headers say of the browser with each other.
func headerReason(ua string, c Client, h hints, s sign) string {
	switch {
	case h.headless:
		return BotHeadless
	case s&impossible != 0, contradicts(ua, h, s):
		return BotContradiction
	case s&trustworthy != 0 && missing(ua, c, s) >= 2:
		return BotMissingHeaders
	}
	return ""
}

// contradicts finds user agents that the client hints give the lie. Only Chromium sends hints, and on the system that it
// runs on; they are harder to forget than the user agent is to change. Browsers on Android are left alone: when asked
// for desktop pages they take another system's name, some another browser's.
func contradicts(ua string, h hints, s sign) bool {
	if h.os == "" || h.os == android {
		return false
	}
	if said := systemKind(find(systems, ua)); said != "" && said != systemKind(h.os) {
		return true
	}
	return s&hasBrands != 0 && (majorAfter(ua, " Gecko/20100101 Firefox/") > 0 || safariMajor(ua) > 0)
}

// systemKind puts together what takes each other's names: ChromeOS and Android are Linux, an iPad says it is a Mac.
func systemKind(os string) string {
	switch os {
	case windows:
		return windows
	case macOS, iOS, iPadOS:
		return macOS
	case linux, chromeOS, android:
		return linux
	}
	return ""
}

// missing counts the headers that this browser always sends but did not. One may be a proxy's or an extension's doing.
// Only the four browsers whose habits are published are judged, not those built on them, and no page inside an app:
// apps send requests again through libraries of their own. Televisions leave out what they like.
func missing(ua string, c Client, s sign) (n int) {
	if c.Device == tv || c.Device == other {
		return 0
	}
	chromium := false
	switch c.Browser {
	case chrome, edge:
		chromium = majorAfter(ua, " Chrome/") >= 90 // Sec-Fetch since 76 (dest 80), Sec-CH-UA since 89
		if !chromium {
			return 0
		}
	case firefox:
		if majorAfter(ua, " Firefox/") < 91 { // Sec-Fetch since 90
			return 0
		}
	case safari:
		if safariMajor(ua) < 17 { // Sec-Fetch since 16.4
			return 0
		}
	default:
		return 0
	}
	for _, header := range []bool{s&hasFetch != 0, s&hasAccept != 0, s&hasAcceptLang != 0, !chromium || s&hasBrands != 0} {
		if !header {
			n++
		}
	}
	return n
}

// safariMajor returns the version of Apple's own Safari, and 0 for anything else.
func safariMajor(ua string) int {
	if !strings.Contains(ua, "Mac OS X") || !strings.Contains(ua, " Safari/") || strings.Contains(ua, " Chrome/") {
		return 0
	}
	return majorAfter(ua, " Version/")
}

// majorAfter reads the number behind token, and 0 where there is none or a silly one.
func majorAfter(ua, token string) (n int) {
	_, rest, _ := strings.Cut(ua, token)
	for i := 0; i < len(rest) && i < 4 && '0' <= rest[i] && rest[i] <= '9'; i++ {
		n = n*10 + int(rest[i]-'0')
	}
	return n
}

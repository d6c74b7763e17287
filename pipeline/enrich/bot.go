package enrich

// Why a client is taken for a bot; README.md says what each means and whom it may wrong. Bots are marked and counted apart,
// never dropped.
const (
	BotDeclared       = "declared"
	BotHTTPLibrary    = "http-library"
	BotNoUserAgent    = "no-user-agent"
	BotHeadless       = "headless"
	BotWebdriver      = "webdriver"
	BotReferrerSpam   = "referrer-spam"
	BotContradiction  = "contradiction"
	BotMissingHeaders = "missing-headers"
	BotHosting        = "hosting-network"
)

// botOrder has the strongest reason first: what a client says of itself, then what it cannot help showing, then what
// its headers let us conclude, then what is true of some people, too.
var botOrder = [...]string{
	BotDeclared, BotHTTPLibrary, BotNoUserAgent, BotHeadless, BotWebdriver, BotReferrerSpam, BotContradiction,
	BotMissingHeaders, BotHosting,
}

// stronger returns the reason that stands first in botOrder. The empty reason is none.
func stronger(a, b string) string {
	if a == b || b == "" {
		return a
	}
	for _, reason := range botOrder {
		if reason == a || reason == b {
			return reason
		}
	}
	return ""
}

// BotInput is all that speaks for or against a client. What is unknown is left empty and decides nothing.
type BotInput struct {
	Client       Client // from Enricher.Client; its Bot is what the headers alone gave away
	Place        Place  // from Enricher.Place
	Webdriver    bool   // the page saw navigator.webdriver: a program drives this browser
	ReferrerHost string // from ReferrerHost; with android-app referrers it is an app's id, which is in no list
}

// Bot gives the strongest reason to take a client for a bot, one of the Bot constants, or the empty string. It is pure
// and does not allocate.
func Bot(in BotInput) string {
	reason := in.Client.Bot
	if in.Webdriver {
		reason = stronger(reason, BotWebdriver)
	}
	if isSpammer(in.ReferrerHost) {
		reason = stronger(reason, BotReferrerSpam)
	}
	if reason == "" && hosting[in.Place.Network] != "" && in.Client.Browser != silk {
		return BotHosting
	}
	return reason
}

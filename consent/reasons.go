package consent

import "strings"

// Reasons says in codes what led to a decision. It is a set of bits, so that a decision costs no allocation.
type Reasons uint32

// The reasons. The set is closed; bits are never given a new meaning. Exactly one of the first eight is in every
// decision.
const (
	NoChoice         Reasons = 1 << iota // there is no choice: the row's default holds
	ChoiceMade                           // a choice that counts replaced the default
	ChoiceUnreadable                     // there is a choice that cannot be read: it refuses everything
	OtherNotice                          // the choice answers another notice: it may only take away
	ChoiceFuture                         // the choice is from after tomorrow: it may only take away
	ChoiceOld                            // the choice is older than the row lets it count: it may only take away
	ChoiceElsewhere                      // made where silence allows, here a yes is needed: it may only take away
	ChoiceUnproven                       // it grants more than the default and has no seal: it may only take away

	SignalGPC     // Global Privacy Control counts as a refusal
	SignalDNT     // Do Not Track counts as a refusal
	LatchedGPC    // GPC was on when the choice was made: its absence now is no yes
	LatchedDNT    // DNT was on when the choice was made: its absence now is no yes
	YesAfterGPC   // the visitor said yes in sight of GPC: the later and more specific word
	YesAfterDNT   // the visitor said yes in sight of DNT: the later and more specific word
	Minor         // a known minor, or a site for children
	ParentAllowed // the site has verified a parent's consent, and the row lets it count

	CountsAnonymously // page views are counted without a visitor
	CountObjected     // they would be, but for a signal or an answer

	PlaceAssumed   // the place is unknown: the owner's assertion stands for it
	PlaceUnknown   // the place is unknown: the strictest row holds
	RegionUnknown  // column by column the strictest of the country's rows holds
	CountryUnknown // the country has no row of its own: it is treated as the EEA
	OtherMatrix    // the version of the matrix is not this one: the strictest row holds
)

// reasonNames holds the codes in the order of their bits.
var reasonNames = [...]string{
	"no_choice", "choice_made", "choice_unreadable", "other_notice", "choice_future", "choice_old", "choice_elsewhere",
	"choice_unproven",
	"signal_gpc", "signal_dnt", "latched_gpc", "latched_dnt", "yes_after_gpc", "yes_after_dnt", "minor", "parent_allowed",
	"counts_anonymously", "count_objected",
	"place_assumed", "place_unknown", "region_unknown", "country_unknown", "other_matrix",
}

// Has reports whether r holds every reason of other.
func (r Reasons) Has(other Reasons) bool { return r&other == other }

// Names returns the codes in the order of the constants.
func (r Reasons) Names() []string { return namesOf(uint32(r), reasonNames[:]) }

// String returns the codes in the order of the constants, as in "no_choice,signal_gpc".
func (r Reasons) String() string { return strings.Join(r.Names(), ",") }

// Links is the set of links and contacts that every page must offer.
type Links uint16

// The links. Bits are never given a new meaning.
const (
	LinkCookieSettings Links = 1 << iota // opens the choice again
	LinkPrivacyPolicy
	LinkVendorList
	LinkPrivacyChoices // "Your Privacy Choices" with its icon
	LinkNoticeAtCollection
	LinkAppeal    // against a denied request
	LinkObjection // to the anonymous count
	LinkGrievance
	LinkDataProtectionBoard
	LinkRights
	LinkDestinations // who receives what the browser sends
)

// linkNames holds the names in the order of their bits.
var linkNames = [...]string{
	"cookie_settings", "privacy_policy", "vendor_list", "privacy_choices", "notice_at_collection", "appeal", "objection",
	"grievance", "data_protection_board", "rights", "destinations",
}

// Has reports whether l holds every link of other.
func (l Links) Has(other Links) bool { return l&other == other }

// Names returns the names in the order of the constants.
func (l Links) Names() []string { return namesOf(uint32(l), linkNames[:]) }

// String returns the names in the order of the constants, as in "privacy_policy,privacy_choices".
func (l Links) String() string { return strings.Join(l.Names(), ",") }

package consent

// Input is everything that a decision depends on.
type Input struct {
	Day           int    // today: days since the Unix epoch, UTC; see DayOf
	Place         Place  // where the visitor is
	MatrixVersion uint32 // which version of the matrix decides; an unknown one decides as Strictest

	SecGPC bool // the request's Sec-GPC header
	JSGPC  bool // navigator.globalPrivacyControl, as the batch reports it
	DNT    bool // the request's DNT header or navigator.doNotTrack

	Choice *Choice // the visitor's; nil when there is none, it is malformed or its seal is wrong
	Notice string  // NoticeID of the notice in force
	Site   Site    // what the site's owner asserts
}

// Site is what a site's owner asserts in the configuration.
type Site struct {
	AnonymousCount bool // count page views without consent where that is allowed
	Exemption      bool // the conditions of an exemption from consent for counting are met, and recorded
}

// Reason says in one code what led to a decision. The set is closed.
type Reason string

// The reasons. Exactly one of the first five is in every decision.
const (
	NoChoice     Reason = "no_choice"     // no choice: the row's default holds
	ChoiceMade   Reason = "choice_made"   // a choice that counts replaced the default
	OtherNotice  Reason = "other_notice"  // the choice answers another notice: the default holds
	ChoiceOld    Reason = "choice_old"    // the choice is older than ChoiceDays: the default holds
	ChoiceFuture Reason = "choice_future" // the choice is from after tomorrow: the default holds

	SignalGPC         Reason = "signal_gpc"         // Global Privacy Control counts as a refusal
	SignalDNT         Reason = "signal_dnt"         // Do Not Track counts as a refusal
	CountsAnonymously Reason = "counts_anonymously" // page views are counted without a visitor
)

// Decision is what may happen, and why.
type Decision struct {
	Granted        Categories // always with Essential
	AnonymousCount bool       // page views may be counted without a visitor; never together with Performance
	Jurisdiction   string     // name of the row that decided
	Prompt         Prompt     // what the visitor is still to be asked
	Reasons        []Reason   // in the order of the constants
}

// Resolve decides. It is pure and total: every input, also a nonsensical one, has a decision.
func Resolve(in Input) Decision {
	return decide(rowFor(in.MatrixVersion, in.Place), in)
}

func decide(r *row, in Input) Decision {
	state := judgeChoice(in)
	d := Decision{Granted: r.base, Jurisdiction: r.name, Prompt: r.prompt, Reasons: append(make([]Reason, 0, 4), state)}
	var choice Choice // stays empty unless it counts
	if state == ChoiceMade {
		choice = *in.Choice
		d.Granted, d.Prompt = choice.Granted, NoPrompt
	}
	gpc, dnt := in.SecGPC || in.JSGPC, in.DNT
	d.applySignal(r.gpc, gpc, choice.GPC, SignalGPC)
	d.applySignal(r.dnt, dnt, choice.DNT, SignalDNT)
	d.Granted = d.Granted&All | Essential

	// A choice that refused performance is an objection to counting, and one that granted it needs no such count.
	mayCount := in.Site.AnonymousCount && (r.anonymous == anonymousAllowed || in.Site.Exemption)
	if mayCount && state != ChoiceMade && !gpc && !dnt && !d.Granted.Has(Performance) {
		d.AnonymousCount = true
		d.Reasons = append(d.Reasons, CountsAnonymously)
	}
	return d
}

// applySignal takes away what the signal denies, unless the choice was made with the signal in sight: then the choice is
// the visitor's later and more specific word.
func (d *Decision) applySignal(rule signalRule, on, seen bool, reason Reason) {
	if on && (!seen || rule.overChoices) {
		d.Granted &^= rule.denies
		d.Reasons = append(d.Reasons, reason)
	}
}

// judgeChoice says whether the choice counts. One day ahead is allowed, since the browser's clock wrote it.
func judgeChoice(in Input) Reason {
	switch {
	case in.Choice == nil:
		return NoChoice
	case in.Choice.Notice != in.Notice:
		return OtherNotice
	case in.Choice.Day > in.Day+1:
		return ChoiceFuture
	case in.Choice.Day < in.Day-ChoiceDays:
		return ChoiceOld
	}
	return ChoiceMade
}

package consent

// Input is everything that a decision depends on.
type Input struct {
	Day           int    // today: days since the Unix epoch, UTC; see DayOf
	Place         Place  // where the visitor is
	MatrixVersion uint32 // which version of the matrix decides; an unknown one decides as Strictest

	SecGPC bool // the request's Sec-GPC header
	JSGPC  bool // navigator.globalPrivacyControl, as the batch reports it
	DNT    bool // the request's DNT header or navigator.doNotTrack

	// Choice is the visitor's, or the explicit close of a notice, which is a choice of what was in force then; nil
	// when there is none. One that is there but malformed is Unreadable.
	Choice   *Choice
	Unproven bool   // the choice has no seal that is right: what it grants beyond the row's default does not count
	Notice   string // NoticeID of the notice in force

	Age            Age  // as the site says by heed('age', …)
	ParentVerified bool // the site has verified a parent's consent for this visitor; no page can tell the collector yet
	Site           Site // what the site's owner asserts
}

// Site is what a site's owner asserts in the configuration. Each assertion is recorded.
type Site struct {
	AnonymousCount    bool  // count page views without consent where that is allowed
	Exemption         bool  // the conditions of an exemption from consent for counting are met
	UnknownAfterGrant bool  // a yes frees what nobody declared, too
	AssumePlace       Place // where visitors are whose place is not known
	Children          bool  // the site's audience is children
}

// Decision is what may happen, and why. It is comparable.
type Decision struct {
	Granted        Categories // always with Essential
	Undeclared     bool       // services that nobody declared may run, too
	AnonymousCount bool       // page views may be counted without a visitor; never together with Performance
	Jurisdiction   string     // id of the row that decided
	Prompt         Prompt     // what the visitor is still to be shown
	Links          Links      // what every page must offer
	OptOutHonoured bool       // to be shown: "Opt-out honoured"
	Reasons        Reasons
}

// tracking is what nobody does to minors.
const tracking = Performance | Advertising

// Resolve decides. It is pure and total: every input, also a nonsensical one, has a decision. It allocates nothing.
func Resolve(in Input) Decision {
	place, why := in.Place, Reasons(0)
	if place.Country == "" && in.Site.AssumePlace.Country != "" {
		place, why = in.Site.AssumePlace, PlaceAssumed
	}
	r, reason := matrixInForce.find(in.MatrixVersion, place)
	d := decide(r, &in)
	d.Reasons |= why | reason
	return d
}

// decide answers by one row. resolve.ts and permit.ts are its twins.
func decide(r *row, in *Input) Decision {
	j := judge(r, in)
	granted := j.bits
	if j.state != ChoiceMade {
		granted &= j.base // also what no longer counts may take away: an opt-out does not end with its notice
	}
	d := Decision{Granted: granted, Jurisdiction: r.id, Links: r.links, Reasons: j.state | j.age}
	gpc, dnt := in.SecGPC || in.JSGPC, in.DNT
	d.applySignal(r.gpc, signal{gpc, j.seenGPC, SignalGPC, LatchedGPC, YesAfterGPC}, &j)
	d.applySignal(r.dnt, signal{dnt, j.seenDNT, SignalDNT, LatchedDNT, YesAfterDNT}, &j)
	d.Granted = d.Granted&All | Essential

	// Who has answered is not counted behind the answer's back, whatever it was and whether or not it still counts.
	if r.mayCount(in.Site) && !j.base.Has(Performance) && !d.Granted.Has(Performance) {
		if d.AnonymousCount = in.Choice == nil && !gpc && !dnt; d.AnonymousCount {
			d.Reasons |= CountsAnonymously
		} else {
			d.Reasons |= CountObjected
		}
	}
	if d.Granted.Has(Advertising) {
		d.Undeclared = r.allowsSilence() || in.Site.UnknownAfterGrant
	}
	d.OptOutHonoured = d.Reasons&(SignalGPC|SignalDNT|LatchedGPC|LatchedDNT) != 0 ||
		r.allowsSilence() && j.base&^j.bits != 0
	d.Prompt = j.prompt(r)
	return d
}

// judgement is what is made of the choice and the age before any signal.
type judgement struct {
	base             Categories // the row's default, for this visitor
	bits             Categories // what the visitor allows at most: the choice, or the default without one
	state            Reasons    // one of the first eight
	age              Reasons    // Minor and ParentAllowed
	seenGPC, seenDNT bool       // the signal was on when the choice was made
}

func judge(r *row, in *Input) judgement {
	j := judgement{base: r.base}
	if in.Site.Children || in.Age != AgeUnknown {
		j.age = Minor
		j.base &^= tracking
		if r.parental && in.ParentVerified {
			j.age |= ParentAllowed
		}
	}
	j.bits = j.base
	if in.Choice != nil {
		j.bits, j.seenGPC, j.seenDNT = in.Choice.Granted&All|Essential, in.Choice.GPC, in.Choice.DNT
	}
	if j.age == Minor {
		j.bits &^= tracking
	}
	j.state = j.stateOf(r, in)
	return j
}

// stateOf says whether the choice counts. One day ahead is allowed, since the browser's clock wrote it.
func (j *judgement) stateOf(r *row, in *Input) Reasons {
	c := in.Choice
	switch {
	case c == nil:
		return NoChoice
	case c.Day < 0:
		return ChoiceUnreadable
	case c.Notice != in.Notice:
		return OtherNotice
	case c.Day > in.Day+1:
		return ChoiceFuture
	case c.Day < in.Day-r.days:
		return ChoiceOld
	case c.OptOut && !j.base.Has(Advertising):
		return ChoiceElsewhere
	case in.Unproven && j.bits&^j.base != 0:
		return ChoiceUnproven
	}
	return ChoiceMade
}

// prompt is what is still to be shown. Minors are not asked, unless a parent stands behind them.
func (j *judgement) prompt(r *row) Prompt {
	switch {
	case j.state == ChoiceMade || j.state == ChoiceUnproven || j.age == Minor:
		return NoPrompt
	case j.age.Has(ParentAllowed):
		return OptInPrompt
	}
	return prompts[r.prompt]
}

// signal is one browser signal: whether it is on, whether it was when the choice was made, and the reasons it can be.
type signal struct {
	on, seen           bool
	now, latched, over Reasons
}

// applySignal takes away what the signal denies. Where silence allows, it overrides every choice and stays when it is
// gone; elsewhere a choice that was made with the signal in sight is the visitor's later and more specific word.
func (d *Decision) applySignal(rule signalRule, s signal, j *judgement) {
	switch {
	case s.on && (rule.overChoices || !s.seen || j.state != ChoiceMade):
		d.Granted &^= rule.denies
		d.Reasons |= s.now
	case !s.on && s.seen && rule.overChoices:
		d.Granted &^= rule.denies
		d.Reasons |= s.latched
	case s.on && j.bits&rule.denies != 0:
		d.Reasons |= s.over
	}
}

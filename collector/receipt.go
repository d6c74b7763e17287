package collector

import (
	"bytes"
	"context"
	"crypto/sha256"
	_ "embed"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"html/template"
	"strings"
	"time"

	"github.com/valyala/fasthttp"

	"heed/consent/notice"
	"heed/consent/record"
	"heed/schemas"
)

// ErrNoReceipt says that there is no record with an id, or none yet: records come to rest within seconds.
var ErrNoReceipt = errors.New("no record has this id")

// ReceiptSource finds the record with an id of 32 lower-case hex digits, and the notice that it answers. It returns
// ErrNoReceipt where there is none; it is called by many goroutines at once and honours ctx.
type ReceiptSource func(ctx context.Context, site, id string) (*record.Record, *record.Notice, error)

const (
	receiptFolder = "receipt/"
	linkedData    = "application/ld+json"
	noticeDigits  = 32 // of shown_hash name a notice's file
)

//go:embed receipt.html
var receiptHTML string

//go:embed receipt.css
var receiptCSS string

// receipts renders records for the visitors who made them.
type receipts struct {
	words  receiptWords
	page   *template.Template
	policy string // Content-Security-Policy: our style and nothing else
}

func newReceipts() *receipts {
	sum := sha256.Sum256([]byte(receiptCSS))
	return &receipts{
		words: newReceiptWords(),
		page:  template.Must(template.New("receipt").Funcs(template.FuncMap{"day": day, "direction": notice.Direction}).Parse(receiptHTML)),
		policy: "default-src 'none'; style-src 'sha256-" + base64.StdEncoding.EncodeToString(sum[:]) +
			"'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
	}
}

// receiptPage is what receipt.html says. Without a Page it says that the record is not there yet; it does not load itself
// again, which would interrupt whoever has it read aloud.
type receiptPage struct {
	*record.Page
	Language string // of all but the names that its notice gave; one of receiptWords
	words    map[string]string
	CSS      template.CSS
	Choices  string // where the visitor can choose again
	Document string // the same in JSON-LD, relative to the page
	Archived string // the notice as it was shown, relative to the page
}

// Say returns a text of the page.
func (p receiptPage) Say(id string) string { return p.words[id] }

// Told says what happened.
func (p receiptPage) Told() string { return p.Say("event." + string(p.Event)) }

// Held says what held back what had not been allowed.
func (p receiptPage) Held() string { return p.Say("wall." + string(p.Wall)) }

// serveReceipt answers with a record as its visitor may read and keep it: a page, or JSON-LD. Whoever has the id may see
// it: only the visitor's own browser was told.
func (c *Collector) serveReceipt(ctx *fasthttp.RequestCtx, t target) {
	c.receipts.seclude(&ctx.Response.Header)
	now := time.Now()
	if t.site.quota != nil {
		if verdict := t.site.quota.Allow(c.addressOf(ctx).Addr, 1, now); !verdict.OK() {
			c.limited(ctx, t, verdict.RetryAfter)
			return
		}
	}
	switch err := c.answerReceipt(ctx, t, now); {
	case errors.Is(err, ErrNoReceipt):
		c.refuse(ctx, t, errNoReceipt)
	case err != nil:
		if c.warnings.receipt.due() {
			c.logger.Warn("receipt not to be had, the visitor is told to come back", "err", err)
		}
		c.refuse(ctx, t, errReceipt)
	}
}

// seclude keeps a receipt out of caches, search engines and referrers, and lets it load nothing.
func (r *receipts) seclude(h *fasthttp.ResponseHeader) {
	h.Set(fasthttp.HeaderCacheControl, "no-store")
	h.Set("Referrer-Policy", "no-referrer")
	h.Set("X-Robots-Tag", "noindex")
	h.Set(fasthttp.HeaderXContentTypeOptions, "nosniff")
	h.Set("Content-Security-Policy", r.policy)
}

func (c *Collector) answerReceipt(ctx *fasthttp.RequestCtx, t target, now time.Time) error {
	id, asData := strings.CutSuffix(t.receipt, ".json")
	r, n, err := c.cfg.Receipts(c.deadlines.from(now), t.site.ID, id)
	switch {
	case errors.Is(err, ErrNoReceipt) && !asData:
		return c.receipts.write(ctx, fasthttp.StatusNotFound, string(ctx.Request.Header.Peek(fasthttp.HeaderAcceptLanguage)), receiptPage{})
	case err != nil:
		return err
	case asData:
		return answerReceiptData(ctx, r, n, t.site.choicesOf(r))
	}
	return c.receipts.answer(ctx, r, n, t.site.choicesOf(r))
}

// choicesOf is where a visitor can choose again: on the pages that asked.
func (s *site) choicesOf(r *record.Record) string {
	if r.Origin != "" {
		return r.Origin + "/"
	}
	return s.Origins[0] + "/"
}

func answerReceiptData(ctx *fasthttp.RequestCtx, r *record.Record, n *record.Notice, choices string) error {
	receipt, err := record.NewReceipt(r, n, choices)
	if err != nil {
		return err
	}
	body, err := receipt.Encode()
	if err != nil {
		return err
	}
	ctx.SetContentType(linkedData)
	ctx.SetBody(body)
	return nil
}

// answer renders the page.
func (r *receipts) answer(ctx *fasthttp.RequestCtx, rec *record.Record, n *record.Notice, choices string) error {
	page, err := record.NewPage(rec, n)
	if err != nil {
		return err
	}
	return r.write(ctx, fasthttp.StatusOK, page.Locale, receiptPage{
		Page: page, Choices: choices, Document: page.RecordID + ".json",
		Archived: "../" + page.Notice.Shown.String()[:noticeDigits] + ".json",
	})
}

// write answers with a page in the language nearest to the one that is asked for.
func (r *receipts) write(ctx *fasthttp.RequestCtx, status int, asked string, page receiptPage) error {
	page.Language = r.words.in(asked)
	page.words = r.words.texts[page.Language]
	page.CSS = template.CSS(receiptCSS) // ours
	var body bytes.Buffer
	if err := r.page.Execute(&body, page); err != nil {
		return err
	}
	ctx.SetStatusCode(status)
	ctx.SetContentType("text/html; charset=utf-8")
	ctx.SetBody(body.Bytes())
	return nil
}

// isReceipt reports whether name is that of a receipt: 32 lower-case hex digits, and .json for JSON-LD.
func isReceipt(name string) bool {
	id, _ := strings.CutSuffix(name, ".json")
	return len(id) == hex.EncodedLen(len(record.ID{})) && isLowerHex(id)
}

// day writes a time for people of any language, in the one zone that the record is in.
func day(t time.Time) string { return t.UTC().Format("2006-01-02, 15:04 UTC") }

// What a receipt's own failures are answered with.
var (
	errNoReceipt = &schemas.Error{Code: schemas.NotFound,
		Message: "no record has this id yet; records appear within seconds, try again"}
	errReceipt = &schemas.Error{Code: schemas.Unavailable,
		Message: "the record cannot be read now; try again after Retry-After seconds"}
)

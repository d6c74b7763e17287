// Package notice makes the notices of a site: what its visitors are shown, exactly as it is archived. It is pure.
//
//	Site (declaration, Style) + texts/<locale>.json + notice.css ─► Build ─► record.Notice per layout and locale
//
// The words are data: a language is one file in texts, and a test wants every text of English in each of them. What a
// notice says of purposes, services and recipients is made from the very Material whose hash the answer is bound to, so
// that nothing can be declared and not shown.
package notice

// Package evidence holds what others say about cookies and storage keys, and makes the table of facts from it: one row
// per statement, facts only, no sentence of theirs. Its rows stand in ../testdata/evidence.tsv.
//
// Two sources are read, both under the Apache licence 2.0:
//
//   - ocd, the Open Cookie Database (https://github.com/jkwakman/Open-Cookie-Database, commit 0ee5a17 of 2026-01-21),
//   - tcf, the IAB device-storage disclosures of vendors, as Prebid.js keeps them (https://github.com/prebid/Prebid.js,
//     metadata/modules, commit 8660b47 of 2026-08-20).
//
// A third, memory, is what people wrote down without looking it up (../additions.tsv). What we decided beyond all of them
// stands in ../decisions.tsv.
package evidence

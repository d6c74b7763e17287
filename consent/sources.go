package consent

import "embed"

// Sources holds the browser's side of this package, categories.ts, choice.ts and resolve.ts, for the build that puts it
// into each site's bundle.
//
//go:embed categories.ts choice.ts resolve.ts
var Sources embed.FS

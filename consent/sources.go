package consent

import "embed"

// Sources holds the browser's side of this package for the build that puts what it needs into each site's bundle: the
// tracker takes permit.ts and a number of Rules, what shows something to a visitor takes resolve.ts and the matrix.
//
//go:embed categories.ts choice.ts matrix.gen.ts permit.ts resolve.ts rules.ts
var Sources embed.FS

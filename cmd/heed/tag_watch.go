package main

import _ "embed"

// tagWatch runs in a page before any script of it, and remembers when and behind what the tag ran.
//
//go:embed tag_watch.js
var tagWatch string

// tagReport is asked once the page is at rest: it follows a link, if a script of the page handles that, and tells all that was seen.
//
//go:embed tag_report.js
var tagReport string

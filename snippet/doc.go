// Package snippet holds what runs in a visitor's browser (TypeScript in src) and builds it: for each site one script
// that contains only what its configuration switches on.
//
// A page carries the tag that Tag returns. It loads the loader, a script of a few hundred bytes that is cached for
// minutes. The loader adds the bundle, whose name is the hash of its bytes: it is cached for ever, verified by the
// browser, and keeps answering when a newer one exists. README.md is the manual of what a page can call.
package snippet

/** The wire's limit on an address, in bytes; addresses are ASCII. */
const maxURL = 4096

/** The address of a page without its fragment. */
export function pageURL(href: string): string {
  return href.replace(/#.*/, '')
}

/**
 * The same for a site that routes by fragment: one that is a route becomes part of the path, so that
 * https://example.com/app#/prices?x=1 is https://example.com/app%23/prices.
 */
export function hashPageURL(href: string): string {
  const url = new URL(href)
  const route = /^#!?\/[^?]*/.exec(url.hash)
  url.hash = ''
  if (route) url.pathname += route[0].replace('#', '%23')
  return url.href
}

/** An address that is too long for the wire loses its query. */
export function fit(href: string): string {
  return href.length > maxURL ? href.replace(/\?.*/, '') : href
}

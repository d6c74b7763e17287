import { tried } from './tried.ts'

/** Where the choice is kept. */
export type Jar = {
  readonly _name: string
  /** The registrable domain, or "" for this host only. */
  readonly _domain: string
}

/** The cookie's value, or "" where there is none or cookies cannot be read (a sandboxed frame throws). */
export function readCookie(name: string): string {
  return tried(() => `; ${document.cookie}`.split(`; ${name}=`)[1]!.split(';')[0]) ?? ''
}

/** Keeps value for so many days, where the browser lets us; the caller reads it back. */
export function writeCookie({ _name, _domain }: Jar, value: string, days: number): void {
  // Secure is left out on http, where it would void the cookie.
  const secure = location.protocol === 'https:' ? '; Secure' : ''
  const domain = _domain && `; Domain=${_domain}`
  try {
    // One for this host only, from before a domain was configured, would hide the new one.
    if (_domain) document.cookie = `${_name}=; Path=/; Max-Age=0`
    document.cookie = `${_name}=${value}; Path=/; Max-Age=${days * 86400}; SameSite=Lax${secure}${domain}`
  } catch {
    // As without cookies.
  }
}

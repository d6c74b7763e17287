import { isAllowed } from './decide.ts'
import { Open, Undecided, type Allowed, type Service } from './stub.ts'

/** At which paths, by their beginnings, frames of every host may load. */
declare const FRAMES: readonly string[]

/** Whether frames of every host may load on this page. */
export function framesAreFree(): boolean {
  return FRAMES.some((path) => location.pathname.startsWith(path))
}

/** Makes the policy of what is allowed, "" where nothing is held back. The twin of Go's Site.Policy. */
export function policyOf(base: string, services: readonly Service[], allowed: Allowed): string {
  if (allowed[0] & Open) return ''
  for (const service of services) {
    const [, , marked, hosts] = service
    if (isAllowed(allowed, service) || (marked && allowed[0] & Undecided)) base += hosts
  }
  return base
}

/** Puts a policy into force, from here on and for as long as the page is there: no later one makes it looser. */
export function enforce(policy: string): void {
  const meta = document.createElement('meta')
  meta.httpEquiv = 'Content-Security-Policy'
  // In a sandboxed frame WebKit takes 'self' for every host.
  meta.content = origin === 'null' ? policy.replace("'self'", location.origin) : policy
  document.head.append(meta)
}

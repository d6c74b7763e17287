import { Essential } from '../../../consent/categories.ts'
import { isAllowed } from './decide.ts'
import { Open, Undecided, type Allowed, type Service } from './stub.ts'

/** Makes the policy of what is allowed, "" where nothing is held back. The twin of Go's Site.Policy. */
export function policyOf(base: string, services: readonly Service[], allowed: Allowed): string {
  if (allowed[0] & Open) return ''
  for (const service of services) {
    const [, category, marked, hosts] = service
    if (category > Essential && (isAllowed(allowed, service) || (marked && allowed[0] & Undecided))) base += hosts
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

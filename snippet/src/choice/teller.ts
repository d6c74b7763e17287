import type { ConsentEvent } from '../../../schemas/event.gen.ts'
import { backoffMs } from '../backoff.ts'
import { encodeBatch } from '../encode.ts'
import { frame } from '../frame.ts'
import { warn } from '../guard.ts'
import type { Host } from '../handover.ts'
import type { Permission } from '../permission.ts'
import { ask } from './ask.ts'

/** After so many failures in a row, about four minutes, this page leaves it to the next. */
const maxFailures = 10

/** What an answer said: the sealed choice, or "" where there is nothing to seal. */
export type Told = (sealed: string) => void

/** Tells consent events in the order in which they happened, one after the other. */
export type Teller = (event: ConsentEvent, choice: string, told: Told) => void

/** Opens the way to the collector. */
export function openTeller(endpoint: string, permission: Permission, host: Host): Teller {
  let last = Promise.resolve()

  async function deliver(event: ConsentEvent, choice: string, told: Told): Promise<void> {
    for (let failures = 1; failures <= maxFailures; failures++) {
      const consent = host.wall ? { ...event, wall: host.wall.strength } : event
      const body = encodeBatch({ ...frame(permission, host, ''), choice, consent }, [])
      const { _status, _body, _retryAfter } = await ask(`${endpoint}/urgent`, body)
      if (_status && _status !== 408 && _status !== 429 && _status < 500) {
        if (_status >= 300) return warn(`${_status} ${_body}`)
        return told(sealedIn(_body))
      }
      await new Promise((resolve) => setTimeout(resolve, backoffMs(failures, _retryAfter, Math.random())))
    }
  }

  return (event, choice, told) => {
    last = last.then(() => deliver(event, choice, told)).catch(warn)
  }
}

function sealedIn(body: string): string {
  const { choice } = Object(JSON.parse(body || '0')) as { readonly choice?: unknown }
  return typeof choice === 'string' ? choice : ''
}

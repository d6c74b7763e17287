/** How an attempt ended. Status 0 means that nobody knows. */
export type Reply = {
  readonly _status: number
  readonly _body: string
  readonly _retryAfter: string | null
}

/**
 * Sends body as text/plain, a type that needs no preflight, in a way that outlives the page. Never rejects. Without
 * credentials neither cookies nor anything else that could tell one visitor from another goes along.
 */
export async function post(url: string, body: string, credentials: RequestCredentials): Promise<Reply> {
  let asked = false
  try {
    const answer = fetch(url, { method: 'POST', body, keepalive: true, credentials })
    asked = true
    const response = await answer
    return { _status: response.status, _body: await response.text(), _retryAfter: response.headers.get('Retry-After') }
  } catch {
    // Where the page replaced fetch by something that throws, a beacon remains; but one cannot leave out cookies.
    const handed = !asked && credentials === 'include' && beacon(url, body)
    return { _status: handed ? 202 : 0, _body: '', _retryAfter: null }
  }
}

/** Hands body to the browser, which sends it even when the page is gone; with cookies, and nobody learns its end. */
export function beacon(url: string, body: string): boolean {
  try {
    return navigator.sendBeacon(url, body)
  } catch {
    return false
  }
}

import type { Reply } from '../post.ts'

/**
 * Sends body in a way that outlives the page, with cookies, and reads the answer: it holds the seal. Never rejects. Status
 * 0 means that nobody knows how it ended.
 */
export async function ask(url: string, body: string): Promise<Reply> {
  try {
    const answer = await send(url, body)
    return { _status: answer.status, _body: await answer.text(), _retryAfter: answer.headers.get('Retry-After') }
  } catch {
    return { _status: 0, _body: '', _retryAfter: null }
  }
}

function send(url: string, body: string): Promise<Response> {
  try {
    return fetch(url, { method: 'POST', body, keepalive: true, credentials: 'include' })
  } catch {
    // The page replaced fetch by something that throws.
    return new Promise((resolve, reject) => {
      const request = new XMLHttpRequest()
      request.open('POST', url)
      request.withCredentials = true
      request.onload = () => resolve(new Response(request.responseText, { status: request.status }))
      request.onerror = reject
      request.send(body)
    })
  }
}

import type { Reply } from '../post.ts'

/**
 * Sends body in a way that outlives the page, with cookies, and reads the answer: it holds the seal. Never rejects. Status
 * 0 means that nobody knows how it ended.
 */
export async function ask(url: string, body: string): Promise<Reply> {
  let answer: Promise<Response>
  try {
    answer = fetch(url, { method: 'POST', body, keepalive: true, credentials: 'include' })
  } catch {
    return askOtherwise(url, body).catch(() => lost) // the page replaced fetch by something that throws
  }
  try {
    const response = await answer
    return { _status: response.status, _body: await response.text(), _retryAfter: response.headers.get('Retry-After') }
  } catch {
    return lost
  }
}

const lost: Reply = { _status: 0, _body: '', _retryAfter: null }

async function askOtherwise(url: string, body: string): Promise<Reply> {
  const request = new XMLHttpRequest()
  request.open('POST', url)
  request.withCredentials = true
  await new Promise((resolve) => {
    request.onloadend = resolve
    request.send(body)
  })
  return { _status: request.status, _body: request.responseText, _retryAfter: request.getResponseHeader('Retry-After') }
}

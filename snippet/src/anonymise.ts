import type { Event } from '../../schemas/event.gen.ts'

/** Reduces a page view to what an anonymous count may know: its path and campaign, and the referrer's host. */
export function anonymise(event: Event): Event {
  const url = new URL(event.url)
  for (const name of [...url.searchParams.keys()]) {
    if (!/^utm_(source|medium|campaign|term|content)$/.test(name)) url.searchParams.delete(name)
  }
  const reduced = { ...event, url: url.href }
  if (event.referrer) {
    const { protocol, host } = new URL(event.referrer)
    reduced.referrer = `${protocol}//${host}/`
  }
  return reduced
}

import type { Listed } from './locale.ts'

/** What is read of an archived notice: how it looks. Package consent/record describes all of it. */
export type Notice = {
  readonly locale: string
  readonly look: {
    readonly texts: readonly { readonly id: string; readonly text: string }[]
    readonly buttons: readonly { readonly id: string; readonly action: string; readonly label: string }[]
    readonly css: string
  }
}

/** Fetches a notice. The browser itself holds it to its hash, so that what is shown is what is archived. */
export async function fetchNotice(endpoint: string, { _shown }: Listed): Promise<Notice> {
  const bytes = (_shown.match(/../g) ?? []).map((digits) => parseInt(digits, 16))
  const integrity = `sha256-${btoa(String.fromCharCode(...bytes))}`
  const answer = await fetch(`${endpoint}/${_shown.slice(0, 32)}.json`, { integrity, credentials: 'omit' })
  return (await answer.json()) as Notice // nothing else has this hash
}

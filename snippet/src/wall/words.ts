/** What the wall says to visitors, in one language. */
export type Words = {
  /** An embed waits; {host} is whose it is. */
  readonly held: string
  /** What allows it. */
  readonly allow: string
  /** A choice cannot take effect on this page. */
  readonly later: string
}

/** Fetches the words of all languages, once, and picks the page's, else the browser's, else English. */
export function openWords(url: string): () => Promise<Words> {
  let words: Promise<Words> | undefined
  return () =>
    (words ??= fetch(url, { credentials: 'omit' })
      .then((answer) => answer.json() as Promise<{ readonly [locale: string]: Words }>)
      .then((all) => {
        const wanted = [document.documentElement.lang, ...navigator.languages, 'en']
        const found = wanted.map((locale) => all[locale] ?? all[locale.split('-')[0]!]).find(Boolean)
        if (!found) throw new Error('no words')
        return found
      }))
}

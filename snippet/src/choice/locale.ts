/** One notice of the site. */
export type Listed = { readonly _locale: string; readonly _shown: string }

/** Reads the table that the build has made: locale and hash of each notice, all between spaces. */
export function readTable(table: string): Listed[] {
  return [...table.matchAll(/(\S+) (\S+)/g)].map(([, _locale = '', _shown = '']) => ({ _locale, _shown }))
}

/** The notice in the first wanted language that there is, else in the site's first. */
export function pickNotice(notices: readonly Listed[], wanted: readonly string[]): Listed | undefined {
  const language = (locale: string) => locale.toLowerCase().split('-')[0]
  for (const locale of wanted) {
    const found =
      notices.find(({ _locale }) => _locale.toLowerCase() === locale.toLowerCase()) ??
      notices.find(({ _locale }) => language(_locale) === language(locale))
    if (found) return found
  }
  return notices[0]
}

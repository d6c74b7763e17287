/** One notice of the site. */
export type Listed = { readonly _locale: string; readonly _shown: string }

/** Reads the table that the build has made: locale and hash of each notice, all between spaces. */
export function readTable(table: string): Listed[] {
  return [...table.matchAll(/(\S+) (\S+)/g)].map(([, _locale = '', _shown = '']) => ({ _locale, _shown }))
}

/**
 * The notice in the first wanted language that there is, else in the site's first. A locale is tried with fewer and fewer of
 * its parts. What is said in Norway as a whole, or in its other written form, is read in Bokmål.
 */
export function pickNotice(notices: readonly Listed[], wanted: readonly string[]): Listed | undefined {
  for (const locale of wanted) {
    const named = locale.toLowerCase().replace(/^n[on]\b/, 'nb').replace(/^zh-(tw|hk|mo)/, 'zh-hant')
    for (let parts = named; parts; parts = parts.replace(/-?[^-]*$/, '')) {
      const find = (end: string) => notices.find(({ _locale }) => `${_locale.toLowerCase()}- `.startsWith(parts + end))
      const found = find('- ') ?? find('-')
      if (found) return found
    }
  }
  return notices[0]
}

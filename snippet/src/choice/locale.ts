/** One notice of the site. */
export type Listed = { readonly _prompt: number; readonly _locale: string; readonly _shown: string }

/** Reads the table that the build has made: a line of prompt, locale and hash per notice. */
export function readTable(table: string): Listed[] {
  return table.split('\n').filter(Boolean).map((line) => {
    const [prompt = '', _locale = '', _shown = ''] = line.split(' ')
    return { _prompt: Number(prompt), _locale, _shown }
  })
}

/** The notice for a prompt in the first wanted language that there is, else in the site's first. */
export function pickNotice(notices: readonly Listed[], prompt: number, wanted: readonly string[]): Listed | undefined {
  const fitting = notices.filter(({ _prompt }) => _prompt === prompt)
  const language = (locale: string) => locale.toLowerCase().split('-')[0]
  for (const locale of wanted) {
    const found =
      fitting.find(({ _locale }) => _locale.toLowerCase() === locale.toLowerCase()) ??
      fitting.find(({ _locale }) => language(_locale) === language(locale))
    if (found) return found
  }
  return fitting[0]
}

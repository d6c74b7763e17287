import { All, Essential, Functional } from '../../../consent/categories.ts'
import { daysShift } from '../../../consent/rules.ts'
import { guard, warn, warnBy } from '../guard.ts'
import type { Call, Host } from '../handover.ts'
import { listen } from '../listen.ts'
import { isPromptDue } from '../permission.ts'
import { unlatched } from '../signals.ts'
import { load, save } from '../storage.ts'
import { unheardName } from '../store.ts'
import { openChooser } from './chooser.ts'
import { openPrompt } from './prompt.ts'
import { readAge, readCategories, readServices } from './read.ts'
import type { ChoosingSite } from './site.ts'

/** Hears the calls that wait for it and those that come, and does what is due now and whenever something changes. */
export function startChoosing(site: ChoosingSite, host: Host): void {
  warnBy(host.warn)
  const chooser = openChooser(site, host)
  const choices = chooser._choices
  const prompt = openPrompt(site, host, chooser)

  /** Each state is looked at anew: another tab, another page or the collector may have changed it. */
  function look(): void {
    const choice = choices._choice()
    const { _answered } = choices._decide()
    const signals = unlatched(choice?._bits ?? host.rules & All, host.rules)
    if (signals && (_answered || !choice)) {
      chooser._latch(signals, prompt._shown())
      prompt._show('honoured')
    } else if (isPromptDue(_answered, host)) {
      prompt._show('due')
    } else {
      prompt._rest()
    }
  }

  function consent(choice: unknown): void {
    const granted = readCategories(choice)
    if (choice === 'show') prompt._show('wanted')
    else if (!granted) warn(`not understood: consent, ${choice as string}`)
    else chooser._choose({ categories: granted, services: readServices(choice) }, { method: 'api' })
  }

  /** Hears what an earlier page could not say, or else says once more what it could not tell. */
  function again(): void {
    const unheard = load(unheardName(site._key))
    if (unheard) consent(JSON.parse(unheard))
    else chooser._retell()
  }

  function take([command, first, second]: Call): void {
    const age = command === 'age' && readAge(first)
    if (command === 'event') host.call(command, first, second)
    else if (command === 'consent') consent(first)
    else if (command === 'expire') chooser._report('expire', { method: 'itself' })
    else if (command === 'again') again()
    else if (command === 'link') look()
    else if (command === 'seal') choices._replace(String(first), String(second))
    else if (age) {
      host.age = age
      host.most = Essential | Functional
      if (host.wall) {
        // What silence allows is no more than that either, and no choice counts: one of 0 days is over.
        host.wall.rules = (host.wall.rules & host.most) | (-2 << daysShift)
        host.wall.follow()
      }
      host.follow()
    } else warn(`not understood: ${command as string}, ${first as string}`)
  }

  const waiting = Array.isArray(host.calls) ? [...host.calls] : []
  host.calls = { push: take }
  for (const call of waiting) guard(take)(call)
  save(unheardName(site._key), '')
  host.follow()
  listen(document, ['heed:consent'], look)
  listen(window, ['pageshow'], look)
  look()
}

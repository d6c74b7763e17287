import assert from 'node:assert/strict'
import { beforeEach, test } from 'node:test'
import { Advertising, All, Essential, Functional, Performance, type Categories } from '../../consent/categories.ts'
import { openModes, type Decided, type Mode } from '../src/stub/modes.ts'
import { clarity } from '../src/stub/modes/clarity.ts'
import { google } from '../src/stub/modes/google.ts'
import { layer } from '../src/stub/modes/layer.ts'
import { meta } from '../src/stub/modes/meta.ts'
import { uet } from '../src/stub/modes/uet.ts'
import { wordpress } from '../src/stub/modes/wordpress.ts'
import { Answered, Undecided, type Allowed, type Service } from '../src/stub/stub.ts'

type Queue = { push(...entries: unknown[]): unknown; length: number; [at: number]: unknown }
type Page = {
  dataLayer?: Queue
  uetq?: Queue
  clarity?: { q?: Queue }
  fbq?: { (...command: unknown[]): void; queue?: Queue }
  wp_consent_type?: string
  wp_set_consent?: (category: string, value: string) => void
}

let page: Page
let parsed: (() => void)[]
let events: string[]

/** What a build fixes, and what a browser has; a page each. */
beforeEach(() => {
  page = {}
  parsed = []
  events = []
  const document = {
    readyState: 'loading',
    addEventListener: (_name: string, fn: () => void) => parsed.push(fn),
    dispatchEvent: ({ type }: Event) => events.push(type),
  }
  Object.assign(globalThis, {
    window: page,
    document,
    REGIONS: true,
    PLACES: '  11940609 CA-ON US 23922687 CA CH 11940611 rest 11940673',
  })
})

const allowed = (bits: number): Allowed => [bits, undefined]
const unasked = (granted: Categories) => allowed(granted | Undecided)
const chosen = (granted: Categories) => allowed(granted | Answered)

/** What was pushed: an Arguments object as an array, and an array, which is no command to anyone, as something else. */
const pushed = (queue: Queue | undefined) =>
  Array.from(queue ?? [], (entry) => {
    if (Object.prototype.toString.call(entry) === '[object Arguments]') return [...(entry as [])]
    return Array.isArray(entry) ? { notACommand: entry } : entry
  })

type Signals = Record<string, unknown>
const isConsent = (entry: unknown, what: string): entry is [string, string, Signals] =>
  Array.isArray(entry) && entry[0] === 'consent' && entry[1] === what

/** What Google's tags would send as gcs, by the last word that holds where no region does. */
function gcs(queue: Queue | undefined): string {
  const said = pushed(queue).filter((entry) => isConsent(entry, 'default') || isConsent(entry, 'update')).filter(([, , { region }]) => !region)
  const { ad_storage, analytics_storage } = said[said.length - 1]![2]
  return `G1${ad_storage === 'granted' ? 1 : 0}${analytics_storage === 'granted' ? 1 : 0}`
}

const denied = {
  ad_storage: 'denied', ad_user_data: 'denied', ad_personalization: 'denied', analytics_storage: 'denied',
  functionality_storage: 'denied', personalization_storage: 'denied', security_storage: 'granted',
}
const granted = Object.fromEntries(Object.keys(denied).map((name) => [name, 'granted']))
const functional = { ...denied, functionality_storage: 'granted', personalization_storage: 'granted' }
const sets = ['set', { ads_data_redaction: true, url_passthrough: false }]

test('Google is told all seven signals, and where the matrix grants them', () => {
  openModes([google], [])(unasked(Essential), {}, '')
  assert.deepEqual(pushed(page.dataLayer), [
    ['consent', 'default', { ...denied, wait_for_update: 500 }],
    ['consent', 'default', { ...granted, region: ['CA-ON', 'US'] }],
    ['consent', 'default', { ...functional, region: ['CA', 'CH'] }],
    sets,
  ])
})

test('no region grants anything where there is a place, a choice or a signal, or where the site asserts one place', () => {
  const f = (state: Allowed, place: string) => {
    page.dataLayer = []
    openModes([google], [])(state, {}, place)
    assert.deepEqual(pushed(page.dataLayer).filter((entry) => isConsent(entry, 'default') && entry[2]['region']), [])
  }
  f(unasked(Essential), 'DE') // the place is known
  f(allowed(Essential), '') // a signal, or a choice that counts no longer
  f(chosen(All), '')
  Object.assign(globalThis, { REGIONS: false })
  f(unasked(Essential), '')
})

test('what a place grants before a choice is the default there, and no update', () => {
  const f = (categories: Categories, want: string) => {
    page.dataLayer = []
    openModes([google, layer], [])(allowed(categories | Essential), {}, 'DE')
    assert.equal(gcs(page.dataLayer), want)
    assert.equal(pushed(page.dataLayer).length, 2)
  }
  f(0, 'G100')
  f(Functional, 'G100')
  f(Performance, 'G101')
  f(Advertising, 'G110')
  f(All, 'G111')
})

test('a stored choice is told in the same call, behind a default that denies, and by one update', () => {
  openModes([google, layer], [])(chosen(Essential | Performance), {}, '')
  const signals = { ...denied, analytics_storage: 'granted' }
  assert.deepEqual(pushed(page.dataLayer), [
    ['consent', 'default', { ...denied, wait_for_update: 500 }],
    sets,
    ['consent', 'update', signals],
    { event: 'heed_consent_update', heed_consent: signals },
  ])
})

test('each decision is one update, and what changes nothing is none', () => {
  const tell = openModes([google, uet, clarity, layer], [])
  const counts = () => [
    pushed(page.dataLayer).filter((entry) => isConsent(entry, 'update')).length,
    pushed(page.dataLayer).filter((entry) => !Array.isArray(entry)).length,
    pushed(page.uetq).filter((word) => word === 'update').length,
    (page.clarity?.q?.length ?? 0) - 1, // its first word is no update
  ]
  const f = (state: Allowed, count: number, want: string) => {
    tell(state, { chosen: true }, '')
    assert.deepEqual(counts(), [count, count, count, count])
    assert.equal(gcs(page.dataLayer), want)
  }
  f(unasked(Essential), 0, 'G100')
  f(allowed(Essential), 0, 'G100')
  f(chosen(Essential), 1, 'G100') // a refusal is an answer
  f(chosen(Essential), 1, 'G100')
  f(chosen(All), 2, 'G111')
  f(chosen(All), 2, 'G111')
  f(chosen(Essential | Advertising), 3, 'G110')
  f(allowed(Essential), 4, 'G100') // it has ended
})

test('a choice of another tab takes away here, and grants nothing', () => {
  const tell = openModes([google], [])
  const f = (state: Allowed, count: number, want: string) => {
    tell(state, {}, '')
    assert.equal(pushed(page.dataLayer).filter((entry) => isConsent(entry, 'update')).length, count)
    assert.equal(gcs(page.dataLayer), want)
  }
  f(chosen(Essential | Performance), 1, 'G101')
  f(chosen(All), 1, 'G101')
  f(chosen(Essential | Advertising), 2, 'G100')
  f(chosen(All), 2, 'G100')
  page.dataLayer = []
  const silent = openModes([google], [])
  silent(unasked(Essential), {}, 'DE')
  silent(chosen(All), {}, 'DE')
  assert.equal(pushed(page.dataLayer).length, 2) // its default, and what goes with it
})

test('a category of which a declared service may not run is denied', () => {
  const services: readonly Service[] = [
    ['map', Functional, 0, '', ''], ['pixel', Advertising, 0, '', ''], ['ads', Advertising, 0, '', ''], ['shop', Essential, 0, '', ''],
  ]
  const f = (ids: readonly string[] | undefined, want: Categories) => {
    const told: Decided[] = []
    openModes([(decided, first) => void (first || told.push(decided))], services)([All | Answered, ids], {}, '')
    assert.deepEqual(told.map(({ _granted }) => _granted), [want])
  }
  f(undefined, All)
  f(['map', 'pixel', 'ads'], All)
  f(['map', 'pixel'], Essential | Functional | Performance)
  f([], Essential | Performance)
})

test('UET is told a default and updates of its one signal', () => {
  const tell = openModes([uet], [])
  tell(unasked(Essential), { chosen: true }, '')
  tell(chosen(All), { chosen: true }, '')
  tell(chosen(Essential | Functional | Performance), { chosen: true }, '')
  assert.deepEqual(pushed(page.uetq), [
    'consent', 'default', { ad_storage: 'denied' },
    'consent', 'update', { ad_storage: 'granted' },
    'consent', 'update', { ad_storage: 'denied' },
  ])
})

test('Clarity is told one word at first, since a denial ends its session', () => {
  const f = (state: Allowed, ad_Storage: string, analytics_Storage: string) => {
    page = {}
    Object.assign(globalThis, { window: page })
    openModes([clarity], [])(state, {}, '')
    assert.deepEqual(pushed(page.clarity?.q), [['consentv2', { ad_Storage, analytics_Storage }]])
  }
  f(unasked(Essential), 'denied', 'denied')
  f(chosen(All), 'granted', 'granted')
  f(chosen(Essential | Performance), 'denied', 'granted')
  f(chosen(Essential | Advertising), 'granted', 'denied')
})

/** What a page's own code does for Meta's pixel, in the order in which it does it. */
function addPixel(): void {
  if (page.fbq) throw new Error('fbq is there: the pixel would never load')
  const fbq: NonNullable<Page['fbq']> = function () {
    fbq.queue!.push(arguments)
  }
  page.fbq = fbq
  page.fbq.queue = [] // some look it up once more before it can be called
  page.fbq('init', '1')
  page.fbq('track', 'PageView')
}

test('Meta is told before its pixel is, though there may be no fbq ahead of it', () => {
  const f = (states: readonly Allowed[], want: readonly unknown[]) => {
    page = {}
    Object.assign(globalThis, { window: page })
    const tell = openModes([meta()], [])
    for (const state of states) tell(state, { chosen: true }, '')
    addPixel()
    assert.deepEqual(pushed(page.fbq?.queue), [...want, ['init', '1'], ['track', 'PageView']])
  }
  const revoked = [['consent', 'revoke'], ['dataProcessingOptions', ['LDU'], 0, 0]]
  const allows = [['consent', 'grant'], ['dataProcessingOptions', [], 0, 0]]
  f([unasked(Essential)], revoked)
  f([chosen(All)], allows)
  f([unasked(All)], allows) // where silence allows
  f([allowed(Essential), chosen(All), chosen(Essential | Performance)], revoked) // the last word, once
})

test('Meta is told each decision once when its pixel is there', () => {
  const tell = openModes([meta()], [])
  tell(unasked(Essential), { chosen: true }, '')
  addPixel()
  tell(chosen(All), { chosen: true }, '')
  page.fbq?.('track', 'Lead')
  tell(chosen(Essential), { chosen: true }, '')
  assert.deepEqual(pushed(page.fbq?.queue).map((command) => (command as string[]).slice(0, 2).join(' ')), [
    'consent revoke', 'dataProcessingOptions LDU', 'init 1', 'track PageView',
    'consent grant', 'dataProcessingOptions ', 'track Lead',
    'consent revoke', 'dataProcessingOptions LDU',
  ])
})

test('WordPress hears what silence means, and of choices only, when its script is there', () => {
  const said: string[][] = []
  const tell = openModes([wordpress], [])
  tell(unasked(Essential), { chosen: true }, '')
  assert.equal(page.wp_consent_type, 'optin')
  tell(chosen(Essential | Performance), { chosen: true }, '')
  assert.deepEqual(events, [])
  page.wp_set_consent = (...call) => said.push(call)
  for (const fn of parsed) fn()
  assert.deepEqual(events, ['wp_consent_type_defined'])
  assert.deepEqual(said, [
    ['functional', 'allow'], ['preferences', 'deny'], ['statistics', 'allow'], ['statistics-anonymous', 'allow'], ['marketing', 'deny'],
  ])
})

test('silence means a yes to WordPress only where the place grants advertising', () => {
  const f = (state: Allowed, want: string) => {
    openModes([wordpress], [])(state, {}, '')
    assert.equal(page.wp_consent_type, want)
  }
  f(unasked(All), 'optout')
  f(allowed(All & ~Advertising), 'optin') // a signal
  f(chosen(All), 'optin') // what was chosen is in its cookies
})

test('a vendor that throws keeps no other from hearing it', () => {
  const broken: Mode = () => {
    throw new Error('replaced by the page')
  }
  openModes([broken, uet], [])(chosen(All), {}, '')
  assert.deepEqual(pushed(page.uetq).slice(-1), [{ ad_storage: 'granted' }])
})

import assert from 'node:assert/strict'
import { test } from 'node:test'
import { parseChoice, type Choice } from '../../consent/choice.ts'
import type { Event } from '../../schemas/event.gen.ts'
import { anonymise } from '../src/anonymise.ts'
import { backoffMs } from '../src/backoff.ts'
import { cut, readEvent } from '../src/calls.ts'
import { plain, stricterOf, unsent } from '../src/choice/choices.ts'
import { happened, untold } from '../src/choice/happened.ts'
import { pickNotice, readTable } from '../src/choice/locale.ts'
import { readAge, readCategories, readServices } from '../src/choice/read.ts'
import { encodeBatch, encodeEvents } from '../src/encode.ts'
import { guard, warn } from '../src/guard.ts'
import { fit, hashPageURL, pageURL } from '../src/page.ts'
import { splitBatches, trim } from '../src/queue.ts'
import { randomHex, uuidv7 } from '../src/random.ts'
import { isNewPage } from '../src/routes.ts'

const event = (id: string, more: Partial<Event> = {}): Event => ({
  id, kind: 'custom', created: 1, url: 'https://example.com/', ...more,
})
const many = (count: number, more?: Partial<Event>) => Array.from({ length: count }, (_, i) => event(String(i), more))

test('uuidv7 begins with its time and says version and variant', () => {
  const id = uuidv7(0x0123456789ab)
  assert.match(id, /^01234567-89ab-7[\da-f]{3}-[89ab][\da-f]{3}-[\da-f]{12}$/)
  assert.match(uuidv7(0), /^00000000-0000-7/)
  assert.equal(new Set(Array.from({ length: 1000 }, () => uuidv7(1))).size, 1000)
})

test('randomHex gives two digits a byte', () => {
  for (let i = 0; i < 100; i++) assert.match(randomHex(16), /^[\da-f]{32}$/)
})

test('an address loses its fragment', () => {
  assert.equal(pageURL('https://a.example/b?c=d#e?f#g'), 'https://a.example/b?c=d')
  assert.equal(pageURL('https://a.example/b'), 'https://a.example/b')
})

test('a route in the fragment becomes part of the path', () => {
  const f = (href: string, want: string) => assert.equal(hashPageURL(href), want)
  f('https://a.example/app#/prices', 'https://a.example/app%23/prices')
  f('https://a.example/app?x=1#!/prices?token=2', 'https://a.example/app%23!/prices?x=1')
  f('https://a.example/app#anchor', 'https://a.example/app')
  f('https://a.example/', 'https://a.example/')
})

test('an address that is too long loses its query', () => {
  const long = `https://a.example/b?c=${'d'.repeat(4096)}`
  assert.equal(fit(long), 'https://a.example/b')
  assert.equal(fit('https://a.example/b?c=d'), 'https://a.example/b?c=d')
})

test('an anonymous view says path, campaign and the referrer\'s host', () => {
  const f = (url: string, referrer: string | undefined, wantURL: string, wantReferrer: string | undefined) => {
    const got = anonymise(event('1', referrer ? { url, referrer } : { url }))
    assert.equal(got.url, wantURL)
    assert.equal(got.referrer, wantReferrer)
  }
  f('https://a.example/b?mail=x@y.z&utm_source=s&utm_id=1&gclid=2', 'https://c.example:81/d?e=f',
    'https://a.example/b?utm_source=s', 'https://c.example:81/')
  f('https://a.example/b?token=1&token=2', undefined, 'https://a.example/b', undefined)
  f('https://a.example/', 'android-app://com.example.mail/x', 'https://a.example/', 'android-app://com.example.mail/')
})

test('batches keep the order and the limits', () => {
  assert.deepEqual(splitBatches([]), [])
  assert.deepEqual(splitBatches(many(120)).map((batch) => batch.length), [50, 50, 20])
  const mixed = splitBatches([...many(2), ...many(1, { kind: 'form', form: 'f' }), ...many(1)])
  assert.deepEqual(mixed.map((batch) => batch.map((event) => event.kind)), [['custom', 'custom'], ['form'], ['custom']])
  const wide = splitBatches(many(30, { props: { text: '\u20ac'.repeat(1000) } })) // 3 bytes each
  assert.deepEqual(wide.flat().map((e) => e.id), many(30).map((e) => e.id))
  for (const batch of wide) assert.ok(Buffer.byteLength(encodeEvents(batch)) <= 60_001)
  assert.equal(wide.length, 2)
})

test('trim keeps forms before others and the new before the old', () => {
  const form = event('form', { kind: 'form' })
  const got = trim([form, ...many(120)])
  assert.equal(got.length, 100)
  assert.deepEqual([got[0]?.id, got[1]?.id, got[99]?.id], ['form', '21', '119'])
  assert.equal(trim(many(130, { kind: 'form' }))[0]?.id, '30')
  assert.equal(trim(many(100)).length, 100)
})

test('a batch is JSON, whatever the page did to lists', () => {
  const list = Array.prototype as { toJSON?: () => string }
  list.toJSON = () => 'list'
  try {
    const text = encodeBatch({ choice: 'c', visitor: '', gpc: true, dnt: false }, [event('1'), event('2')])
    const batch: { events: Event[]; choice: string; v: number; gpc: boolean } = JSON.parse(text)
    assert.equal(batch.events[1]?.id, '2')
    assert.equal(batch.v, 1)
    assert.deepEqual(['visitor' in batch, 'dnt' in batch], [false, false]) // what says nothing is left out
  } finally {
    delete list.toJSON
  }
})

test('waiting doubles, is spread, and is never shorter than asked', () => {
  const f = (failures: number, retryAfter: string | null, chance: number, want: number) =>
    assert.equal(backoffMs(failures, retryAfter, chance), want)
  f(1, null, 0, 500)
  f(1, null, 1, 1000)
  f(3, null, 0.5, 3000)
  f(30, null, 1, 60_000)
  f(1, '7', 0, 7000)
  f(1, '0', 0, 500)
  f(1, '-5', 0, 500)
  f(1, 'Wed, 21 Oct 2026 07:28:00 GMT', 0, 500)
  f(1, '99999999', 0, 86_400_000)
})

test('a view is new when another page is shown', () => {
  const f = (from: string, to: string, replaced: boolean, want: boolean) =>
    assert.equal(isNewPage(from, to, replaced), want)
  f('/a', '/b', false, true)
  f('/a', '/b', true, true)
  f('/a', '/a?x', false, true)
  f('/a', '/a?x', true, false)
  f('/a', '/a', false, false)
})

test('a call is read within the limits', () => {
  assert.deepEqual(readEvent('buy', { n: 1, ok: true, text: 'x' }), {
    kind: 'custom', name: 'buy', props: { n: '1', ok: 'true', text: 'x' },
  })
  assert.deepEqual(readEvent('n'.repeat(70), undefined), { kind: 'custom', name: 'n'.repeat(64), props: {} })
  const wide = Object.fromEntries(Array.from({ length: 20 }, (_, i) => [`k${i}`, 'v'.repeat(300)]))
  const { props } = readEvent('x', wide) ?? {}
  assert.equal(Object.keys(props ?? {}).length, 16)
  assert.equal(props?.['k0']?.length, 256)
  for (const name of ['', 1, null, undefined, {}]) assert.equal(readEvent(name, {}), undefined)
  assert.equal(cut('a\u{1f600}b', 2), 'a\u{1f600}')
})

test('a choice is whole', () => {
  const f = (choice: unknown, want: number | undefined) => assert.equal(readCategories(choice), want)
  f('allow', 15)
  f('refuse', 1)
  f({}, 1)
  f({ performance: true }, 5)
  f({ functional: true, advertising: true, performance: false }, 11)
  f({ performance: 'yes', advertising: 1 }, 1)
  f('maybe', undefined)
  f(undefined, undefined)
  f(null, undefined)
})

test('services and ages are read as the wire has them', () => {
  assert.equal(readServices('allow'), undefined)
  assert.equal(readServices({ performance: true }), undefined)
  assert.deepEqual(readServices({ services: ['map', 7, '', 'v'.repeat(65)] }), ['map'])
  assert.equal(readServices({ services: Array.from({ length: 300 }, (_, i) => `s${i}`) })?.length, 200)
  assert.deepEqual(['u13', '13-15', '16-17', '18', 13].map(readAge), ['u13', '13-15', '16-17', undefined, undefined])
})

const proof = `.${'0f'.repeat(16)}.${'A'.repeat(22)}`
const choice = (text: string): Choice => {
  const read = parseChoice(text)
  assert.ok(read, text)
  return read
}

test('a choice is plain, unsent or sealed, and stays the same choice', () => {
  const sealed = `1.0d.20000.0a1b2c3d${proof}`
  assert.equal(plain(sealed), '1.0d.20000.0a1b2c3d')
  assert.equal(unsent(sealed), '1.4d.20000.0a1b2c3d')
  assert.equal(plain('1.cf.20000.0a1b2c3d'), '1.8f.20000.0a1b2c3d')
  assert.deepEqual([plain('1.0d'), unsent('')], ['', ''])
})

test('two choices agree on what both grant and on what either has seen', () => {
  const f = (a: string, b: string, want: number) => {
    assert.equal(stricterOf(choice(a), choice(b))._bits, want)
    assert.equal(stricterOf(choice(b), choice(a))._bits, want)
  }
  f('1.0f.20000.0a1b2c3d', '1.01.20000.0a1b2c3d', 0x01)
  f('1.07.20000.0a1b2c3d', '1.0d.20000.0a1b2c3d', 0x05)
  f('1.1f.20000.0a1b2c3d', '1.25.20000.0a1b2c3d', 0x35)
  f('1.8f.20000.0a1b2c3d', '1.0f.20000.0a1b2c3d', 0x8f)
})

test('what happened is told by what was before, and only a sealed grant is ended', () => {
  const f = (before: string, next: number, want: object) =>
    assert.deepEqual(happened(before ? choice(before) : undefined, next), want)
  const sealed = `1.0d.20000.0a1b2c3d${proof}`
  f('', 15, { event: 'accept' })
  f('', 1, { event: 'reject' })
  f('', 5, { event: 'custom' })
  f('1.01.20000.0a1b2c3d', 1, { event: 'reject' })
  f('1.4f.20000.0a1b2c3d', 1, { event: 'reject' }) // its record never came, so it cannot be named
  f(sealed, 1, { event: 'withdraw', ends: sealed })
  f(sealed, 5, { event: 'withdraw', ends: sealed })
  f(sealed, 7, { event: 'withdraw', ends: sealed }) // takes advertising, though it gives functional
  f(sealed, 15, { event: 'accept', ends: sealed })
  f(sealed, 13, { event: 'custom', ends: sealed })
})

test('a choice from an earlier page says of itself what can be known', () => {
  const f = (text: string, want: string) => assert.equal(untold(choice(text)).event, want)
  f('1.41.20000.0a1b2c3d', 'reject')
  f('1.4f.20000.0a1b2c3d', 'accept')
  f('1.45.20000.0a1b2c3d', 'custom')
  f('1.d7.20000.0a1b2c3d', 'gpc')
  f('1.e7.20000.0a1b2c3d', 'dnt')
  f('1.d1.20000.0a1b2c3d', 'reject') // who refused everything did more than the signal
  f('1.57.20000.0a1b2c3d', 'custom') // where a yes is needed a signal is no choice
})

test('a notice is found by the first language that it has', () => {
  const table = readTable('en aa de bb pt-BR cc')
  const f = (wanted: string[], want: string) => assert.equal(pickNotice(table, wanted)?._shown, want)
  f(['de'], 'bb')
  f(['de-AT', 'en'], 'bb')
  f(['PT-br'], 'cc')
  f(['pt-PT'], 'cc')
  f(['fr', 'de'], 'bb')
  f(['fr'], 'aa')
  const more = readTable(' en aa nb bb zh cc zh-Hant dd ')
  const g = (wanted: string, want: string) => assert.equal(pickNotice(more, [wanted])?._shown, want)
  for (const locale of ['no', 'nn-NO', 'nb', 'NO']) g(locale, 'bb')
  for (const locale of ['zh', 'zh-CN', 'zh-Hans-CN']) g(locale, 'cc')
  for (const locale of ['zh-TW', 'zh-Hant', 'zh-Hant-HK', 'zh-hk']) g(locale, 'dd')
  assert.equal(pickNotice(readTable('en aa zh bb'), ['zh-TW'])?._shown, 'bb') // better than English
  assert.equal(pickNotice(readTable(''), ['en']), undefined)
})

test('nothing escapes a guard, and it warns once', () => {
  const { warn: original } = console
  let warnings = 0
  console.warn = () => {
    warnings++
    throw new Error('no console')
  }
  try {
    const trap = guard(() => {
      throw new Error('trap')
    })
    trap()
    trap()
    warn('again')
  } finally {
    console.warn = original
  }
  assert.equal(warnings, 1)
})

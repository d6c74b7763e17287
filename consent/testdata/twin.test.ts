// Runs the vectors of one file, named by HEED_VECTORS, against the browser's side. TestTwin starts it.
import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { test } from 'node:test'
import * as categories from '../categories.ts'
import { formatChoice, OptOut, parseChoice, Partial, readChoice, SeenDNT, SeenGPC, Unsent } from '../choice.ts'
import * as matrix from '../matrix.gen.ts'
import { permit } from '../permit.ts'
import { CountAllowed } from '../rules.ts'
import { browserRules, resolve, type Decision, type Input } from '../resolve.ts'

type Wanted = {
  readonly granted: string
  readonly undeclared?: boolean
  readonly anonymousCount?: boolean
  readonly prompt?: string
  readonly links?: string
  readonly optOutHonoured?: boolean
  readonly reasons: readonly string[]
}

type Inputs = {
  readonly day?: number
  readonly notice?: string
  readonly place?: string
  readonly matrixVersion?: number
  readonly secGPC?: boolean
  readonly jsGPC?: boolean
  readonly dnt?: boolean
  readonly choice?: string
  readonly unproven?: boolean
  readonly age?: string
  readonly parentVerified?: boolean
  readonly site?: {
    readonly anonymousCount?: boolean
    readonly exemption?: boolean
    readonly unknownAfterGrant?: boolean
    readonly assumePlace?: string
    readonly children?: boolean
  }
}

type ResolveVector = Inputs & { readonly name: string; readonly want: Wanted }

type ChoiceVector = {
  readonly name: string
  readonly text: string
  readonly want?: {
    readonly granted: string
    readonly gpc?: boolean
    readonly dnt?: boolean
    readonly unsent?: boolean
    readonly optOut?: boolean
    readonly partial?: boolean
    readonly day: number
    readonly notice: string
    readonly record?: string
  }
}

type Vectors = {
  readonly day: number
  readonly notice: string
  readonly resolve: readonly ResolveVector[]
  readonly scenarios: readonly (Inputs & { readonly name: string })[]
  readonly cells: readonly { readonly places: readonly string[]; readonly want: { readonly [scenario: string]: Wanted } }[]
  readonly choices: readonly ChoiceVector[]
}

// The Go side has read the same file into the same shape, strictly.
const vectors = JSON.parse(readFileSync(process.env['HEED_VECTORS'] ?? '', 'utf8')) as Vectors

const bitsOf: Readonly<Record<string, number>> = {
  essential: categories.Essential,
  functional: categories.Functional,
  performance: categories.Performance,
  advertising: categories.Advertising,
}
const prompts = ['', 'notice', 'opt_out', 'opt_in']
const constants: Readonly<Record<string, unknown>> = { ...matrix }

/** The bit that Go calls by this name. */
function bitOf(name: string): number {
  const bit = constants[name.replace(/_(\w)/g, (_, letter: string) => letter.toUpperCase())]
  assert.equal(typeof bit, 'number', name)
  return bit as number
}

function parseCategories(names: string): number {
  return names.split(',').reduce((set, name) => set | (bitsOf[name] ?? NaN), 0)
}

function inputOf(v: Inputs): Input {
  return {
    _day: v.day ?? vectors.day,
    _place: v.place ?? '',
    _matrixVersion: v.matrixVersion ?? matrix.matrixVersion,
    _gpc: !!v.secGPC || !!v.jsGPC,
    _dnt: !!v.dnt,
    _choice: readChoice(v.choice ?? ''),
    _unproven: !!v.unproven,
    _notice: v.notice ?? vectors.notice,
    _minor: !!v.age || !!v.site?.children,
    _parentVerified: !!v.parentVerified,
    _site: {
      _anonymousCount: !!v.site?.anonymousCount,
      _exemption: !!v.site?.exemption,
      _unknownAfterGrant: !!v.site?.unknownAfterGrant,
      _assumePlace: v.site?.assumePlace ?? '',
    },
  }
}

function check(name: string, v: Inputs, want: Wanted): void {
  const input = inputOf(v)
  if (/-...+/.test(input._place)) return // the geo data's names of regions are the collector's to know
  const got = resolve(input)
  const links = (want.links ?? '').split(',').filter(Boolean)
  const wanted: Decision = {
    _granted: parseCategories(want.granted),
    _undeclared: !!want.undeclared,
    _anonymousCount: !!want.anonymousCount,
    _prompt: prompts.indexOf(want.prompt ?? ''),
    _links: want.links ? links.reduce((set, link) => set | bitOf(`link_${link}`), 0) : got._links,
    _optOutHonoured: !!want.optOutHonoured,
    _reasons: want.reasons.reduce((set, reason) => set | bitOf(reason), 0),
  }
  assert.deepEqual(got, wanted, name)
  checkTracker(name, input, wanted)
}

/** The tracker decides by permit alone wherever it knows enough. */
function checkTracker(name: string, input: Input, want: Decision): void {
  if (input._minor || input._unproven || (input._choice?._day ?? 0) < 0) return
  const place = input._matrixVersion === matrix.matrixVersion ? input._place || input._site._assumePlace : ''
  const rules = browserRules(place, input._site)
  const { _undecided, ...got } = permit({ ...input, _rules: rules })
  assert.deepEqual(
    { ...got, _anonymousCount: _undecided && !!(rules & CountAllowed) },
    { _granted: want._granted, _anonymousCount: want._anonymousCount, _answered: !!(want._reasons & matrix.choiceMade) },
    name,
  )
}

test('resolve', () => {
  assert.ok(vectors.resolve.length > 0)
  for (const vector of vectors.resolve) check(vector.name, vector, vector.want)
})

test('cells', () => {
  assert.ok(vectors.cells.length > 0)
  for (const { places, want } of vectors.cells) {
    for (const name of places) {
      const place = name === 'strictest' ? '' : name === 'rest' ? 'XX' : name
      for (const scenario of vectors.scenarios) {
        const wanted = want[scenario.name]
        assert.ok(wanted, scenario.name)
        check(`${name}, ${scenario.name}`, { ...scenario, place }, wanted)
      }
    }
  }
})

test('choices', () => {
  assert.ok(vectors.choices.length > 0)
  for (const { name, text, want } of vectors.choices) {
    const got = parseChoice(text)
    if (!want) {
      assert.equal(got, undefined, name)
      continue
    }
    assert.ok(got, name)
    assert.equal(formatChoice(got), text, name)
    const bits =
      parseCategories(want.granted) |
      (want.gpc ? SeenGPC : 0) |
      (want.dnt ? SeenDNT : 0) |
      (want.unsent ? Unsent : 0) |
      (want.optOut ? OptOut : 0) |
      (want.partial ? Partial : 0)
    assert.deepEqual([got._bits, got._day, got._notice], [bits, want.day, want.notice], name)
    assert.equal(got._proof.slice(1, 33), want.record ?? '', name)
  }
})

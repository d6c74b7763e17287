// Runs the vectors of one file, named by HEED_VECTORS, against the browser's side. TestTwin starts it.
import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { test } from 'node:test'
import * as categories from '../categories.ts'
import { formatChoice, parseChoice, SeenDNT, SeenGPC, Unsent } from '../choice.ts'
import { resolve } from '../resolve.ts'

type ResolveVector = {
  readonly name: string
  readonly day?: number
  readonly notice?: string
  readonly secGPC?: boolean
  readonly jsGPC?: boolean
  readonly dnt?: boolean
  readonly choice?: string
  readonly site?: { readonly anonymousCount?: boolean; readonly exemption?: boolean }
  readonly want: { readonly granted: string; readonly anonymousCount?: boolean; readonly prompt?: string }
}

type ChoiceVector = {
  readonly name: string
  readonly text: string
  readonly want?: {
    readonly granted: string
    readonly gpc?: boolean
    readonly dnt?: boolean
    readonly unsent?: boolean
    readonly day: number
    readonly notice: string
    readonly record?: string
  }
}

type Vectors = {
  readonly day: number
  readonly notice: string
  readonly resolve: readonly ResolveVector[]
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

function parseCategories(names: string): number {
  return names.split(',').reduce((set, name) => set | (bitsOf[name] ?? NaN), 0)
}

test('resolve', () => {
  assert.ok(vectors.resolve.length > 0)
  for (const vector of vectors.resolve) {
    const got = resolve({
      _day: vector.day ?? vectors.day,
      _gpc: !!vector.secGPC || !!vector.jsGPC,
      _dnt: !!vector.dnt,
      _choice: vector.choice === undefined ? undefined : parseChoice(vector.choice),
      _notice: vector.notice ?? vectors.notice,
      _anonymousCount: !!vector.site?.anonymousCount,
      _exemption: !!vector.site?.exemption,
    })
    const want = {
      _granted: parseCategories(vector.want.granted),
      _anonymousCount: !!vector.want.anonymousCount,
      _answered: !vector.want.prompt,
    }
    assert.deepEqual(got, want, vector.name)
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
      (want.unsent ? Unsent : 0)
    assert.deepEqual([got._bits, got._day, got._notice], [bits, want.day, want.notice], name)
    assert.equal(got._proof.slice(1, 33), want.record ?? '', name)
  }
})

// Holds the stub to what Go says: stub_test.go writes the cases.
import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { test } from 'node:test'
import { rulesOf } from '../src/stub/place.ts'
import { policyOf } from '../src/stub/policy.ts'
import type { Service } from '../src/stub/stub.ts'

type Cases = {
  readonly base: string
  readonly services: readonly Service[]
  readonly places: string
  readonly policies: readonly { readonly bits: number; readonly services: readonly string[] | null; readonly want: string }[]
  readonly rules: readonly { readonly place: string; readonly want: number }[]
}

const cases = JSON.parse(readFileSync(process.env.HEED_CASES ?? '', 'utf8')) as Cases

test('policies', () => {
  assert.ok(cases.policies.length > 40)
  for (const { bits, services, want } of cases.policies) assert.equal(policyOf(cases.base, cases.services, [bits, services ?? undefined]), want)
})

test('rules of places', () => {
  assert.ok(cases.rules.length > 80)
  for (const { place, want } of cases.rules) assert.equal(rulesOf(place, cases.places, '') & 0xffff0f3f, want, place)
  assert.equal(rulesOf('', cases.places, '7'), 7)
})

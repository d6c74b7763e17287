import type { Rules } from '../../../consent/rules.ts'
import { browserRules, type Site } from '../../../consent/resolve.ts'
import { stricter } from '../../../consent/stricter.ts'

/** The rules where the page's own answer names another place than the collector saw: the stricter of the two. */
export function rulesWith(rules: Rules, place: string, site: Pick<Site, '_anonymousCount' | '_exemption'>): Rules {
  return stricter(rules, browserRules(place, { ...site, _unknownAfterGrant: false, _assumePlace: '' }))
}

// One site's tracker. The build replaces the names in capitals by the site's values, and what they switch off falls out
// of the bundle.
import { All, Essential, Functional } from '../../consent/categories.ts'
import { anonymise } from './anonymise.ts'
import { watchEngagement } from './engagement.ts'
import { watchForms } from './forms.ts'
import { guard } from './guard.ts'
import type { Handed, HandingScript } from './handover.ts'
import { install } from './install.ts'
import { hashPageURL, pageURL } from './page.ts'
import { watchRoutes } from './routes.ts'

declare const ENDPOINT: string
declare const KEY: string
declare const NOTICE: string
declare const COOKIE_NAME: string
declare const COOKIE_DOMAIN: string
declare const ANONYMOUS_COUNT: boolean
declare const CHILDREN: boolean
declare const ROUTES: boolean
declare const HASH_ROUTES: boolean
declare const ENGAGEMENT: boolean
declare const FORMS: boolean

guard(install)({
  _handed: (document.currentScript as HandingScript).heed as Handed,
  _endpoint: ENDPOINT,
  _key: KEY,
  _notice: NOTICE,
  _name: COOKIE_NAME,
  _domain: COOKIE_DOMAIN,
  _most: CHILDREN ? Essential | Functional : All,
  _anonymise: ANONYMOUS_COUNT ? anonymise : (event) => event,
  _pageURL: HASH_ROUTES ? hashPageURL : pageURL,
  _counting: ROUTES ? [watchRoutes] : [],
  _measuring: [...(ENGAGEMENT ? [watchEngagement] : []), ...(FORMS ? [watchForms] : [])],
})

// One site's consent script: all that makes, keeps, tells and shows a choice. The tracker fetches it when there is
// something to ask, to tell or to record, or when the page calls heed('consent', …) or heed('age', …). The build replaces
// the names in capitals by the site's values.
import { startChoosing } from './choice/start.ts'
import { reportShown } from './choice/shown.ts'
import { guard } from './guard.ts'
import type { HandingScript, Host } from './handover.ts'

declare const ENDPOINT: string
declare const KEY: string
declare const NOTICE: string
declare const NOTICES: string
declare const COOKIE_NAME: string
declare const COOKIE_DOMAIN: string
declare const OPT_IN: boolean
declare const RECORD_SHOWN: boolean

guard(startChoosing)(
  {
    _endpoint: ENDPOINT,
    _key: KEY,
    _notice: NOTICE,
    _notices: NOTICES,
    _name: COOKIE_NAME,
    _domain: COOKIE_DOMAIN,
    _optIn: OPT_IN,
    _reports: RECORD_SHOWN ? reportShown : () => {},
  },
  (document.currentScript as HandingScript).heed as Host,
)

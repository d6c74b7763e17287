// One site's consent script: all that makes, keeps and tells a choice. The tracker fetches it when there is something to
// ask, to tell or to record, or when the page calls heed('consent', …) or heed('age', …); it fetches what draws. The build
// replaces the names in capitals by the site's values.
import { reportShown } from './choice/shown.ts'
import { startChoosing } from './choice/start.ts'
import { guard } from './guard.ts'
import type { HandingScript, Host, Named } from './handover.ts'

declare const ENDPOINT: string
declare const KEY: string
declare const NOTICE: string
declare const NOTICES: string
declare const BANNER: Named
declare const COOKIE_NAME: string
declare const COOKIE_DOMAIN: string
declare const OPT_IN: boolean
declare const BUTTON: boolean
declare const RECORD_SHOWN: boolean

guard(startChoosing)(
  {
    _endpoint: ENDPOINT,
    _key: KEY,
    _notice: NOTICE,
    _notices: NOTICES,
    _banner: BANNER,
    _name: COOKIE_NAME,
    _domain: COOKIE_DOMAIN,
    _optIn: OPT_IN,
    _button: BUTTON,
    _reports: RECORD_SHOWN ? reportShown : () => {},
  },
  (document.currentScript as HandingScript).heed as Host,
)

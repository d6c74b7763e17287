import { isAllowed } from '../stub/decide.ts'
import { fits } from '../stub/guards.ts'
import { Open, type Allowed, type Service } from '../stub/stub.ts'

/** Names that are known to measure or to advertise, as scripts keep them on the site's own domain. TestKnownNames holds them to package classify. */
export const trackers =
  '_ga _ga_* _gid _gat _gat_* _gcl_* _gac_* __utm* _fbp _fbc _uetsid _uetvid _clck _clsk _hjid _hjSession* _hjSessionUser_* _pin_unauth _tt_enable_cookie _ttp _scid _rdt_uuid ' +
  'ajs_anonymous_id ajs_user_id amplitude_id_* mp_*_mixpanel _pk_id* _pk_ses* hubspotutk __hstc __hssc __hssrc _mkto_trk _ym_uid _ym_d __qca __gads __gpi cto_bundle _li_fat_id li_fat_id _twclid vuid optimizelyEndUserId s_fid AMCV_*'

/** Names by which servers keep a session or guard a form, and which scripts of the page may read. */
export const essentials = 'PHPSESSID JSESSIONID ASP.NET_SessionId csrftoken XSRF-TOKEN _csrf laravel_session connect.sid cart wordpress_logged_in_* wp_woocommerce_session_* woocommerce_cart_hash woocommerce_items_in_cart'

/** What is said of a name: allowed, refused, or nothing where nobody has declared it. */
function verdict(name: string, services: readonly Service[], allowed: Allowed): boolean | undefined {
  if (name.startsWith('heed')) return true
  const declared = services.filter((service) => fits(name, service[4]))
  return declared.length ? declared.some((service) => isAllowed(allowed, service)) : undefined
}

/** Whether a name is declared, and nothing that uses it may run. */
export const isRefused = (name: string, services: readonly Service[], allowed: Allowed): boolean => verdict(name, services, allowed) === false

/** Whether a name has no right to be there, at any time: refused, or known and not allowed. */
export function isSwept(name: string, services: readonly Service[], allowed: Allowed): boolean {
  return !(verdict(name, services, allowed) ?? (!!(allowed[0] & Open) || !fits(name, trackers)))
}

/** Whether a name goes with a withdrawal: everything that is not allowed, and nobody knows to be essential. */
export function isWithdrawn(name: string, services: readonly Service[], allowed: Allowed): boolean {
  return !(verdict(name, services, allowed) ?? (!!(allowed[0] & Open) || fits(name, essentials)))
}

// What was kept under a yes goes with it, and what walked around the guards of the stub is swept up.

/** Whether something under a name has to go. */
export type MustGo = (name: string) => boolean

/** Removes what must go from everything that a script of this origin can reach. */
export async function clear(mustGo: MustGo): Promise<void> {
  clearCookies(mustGo)
  for (const area of ['localStorage', 'sessionStorage'] as const) {
    try {
      for (const key of Object.keys(window[area])) if (mustGo(key)) window[area].removeItem(key)
    } catch {
      // Storage is blocked: nothing is there.
    }
  }
  const databases = (await indexedDB.databases?.().catch(() => [])) ?? []
  for (const { name } of databases) if (name && mustGo(name)) indexedDB.deleteDatabase(name)
  // Only on secure pages.
  for (const name of (await window.caches?.keys().catch(() => [])) ?? []) if (mustGo(name)) void caches.delete(name)
}

/** Ends service workers whose script must go. */
export async function clearWorkers(mustGo: MustGo): Promise<void> {
  for (const worker of (await navigator.serviceWorker?.getRegistrations().catch(() => [])) ?? []) {
    const script = (worker.active ?? worker.waiting ?? worker.installing)?.scriptURL
    if (script && mustGo(new URL(script).pathname)) void worker.unregister()
  }
}

/** A cookie does not tell where it is set, so it is ended wherever this page can set one, until it is gone. */
function clearCookies(mustGo: MustGo): void {
  const names = () => document.cookie.split('; ').map((pair) => pair.split('=')[0]!)
  for (const name of new Set(names())) {
    if (!name || !mustGo(name)) continue
    for (const where of paths().flatMap((path) => domains().map((domain) => `Path=${path}${domain}`))) {
      if (!names().includes(name)) break
      document.cookie = `${name}=; Max-Age=0; ${where}`
      document.cookie = `${name}=; Max-Age=0; ${where}; Secure; SameSite=None; Partitioned`
    }
  }
}

/** This host alone, and each domain above it that can have cookies; browsers refuse what is a public suffix. */
function domains(): string[] {
  const labels = /^[\d.]+$|:/.test(location.hostname) ? [] : location.hostname.split('.')
  return ['', ...labels.slice(0, -1).map((_, i) => `; Domain=${labels.slice(i).join('.')}`)]
}

/** Every path at which a cookie is seen by this page, with and without a slash at its end. */
function paths(): string[] {
  const parts = location.pathname.split('/').slice(1)
  return ['/', ...parts.flatMap((_, i) => [`/${parts.slice(0, i + 1).join('/')}`, `/${parts.slice(0, i + 1).join('/')}/`])]
}

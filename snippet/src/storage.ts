// localStorage that never throws: its property throws where storage is blocked, setItem where it is full.

/** The text kept under key, or "". */
export function load(key: string): string {
  try {
    return localStorage.getItem(key) ?? ''
  } catch {
    return ''
  }
}

/** Keeps text under key, or removes the key when text is "". Reports whether it is kept. */
export function save(key: string, text: string): boolean {
  try {
    if (text) localStorage.setItem(key, text)
    else localStorage.removeItem(key)
    return true
  } catch {
    return false
  }
}

// Runs before every script of a page that heed tag --check looks at, and only watches.
(() => {
  const seen = { Began: null, Swallows: false, Refused: [] }
  Object.defineProperty(window, '__heedTagSeen', { value: seen })

  const loads = 'script,link[rel~=stylesheet],link[rel~=preload],link[rel~=modulepreload],img,iframe,video,audio,object,embed'
  const named = (element) => element.src || element.href || `an inline <${element.localName}>`
  let heed
  Object.defineProperty(window, 'heed', {
    configurable: true,
    enumerable: true,
    get: () => heed,
    set(value) {
      heed = value
      if (seen.Began) return
      const current = document.currentScript
      const all = [...document.querySelectorAll(loads)]
      seen.Began = {
        Version: current?.dataset.heed ?? '',
        Late: document.readyState !== 'loading',
        Before: (current ? all.slice(0, all.indexOf(current)) : []).map(named),
      }
    },
  })
  document.addEventListener('securitypolicyviolation', ({ blockedURI, effectiveDirective, originalPolicy }) => {
    if (seen.Refused.length < 50) seen.Refused.push({ What: blockedURI, Directive: effectiveDirective, Policy: originalPolicy })
  })
  // What swallows the seal is gone where a framework has rebuilt the head.
  new MutationObserver(() => (seen.Swallows ||= !!document.querySelector('meta[http-equiv=x]'))).observe(document, {
    childList: true,
    subtree: true,
  })
})()

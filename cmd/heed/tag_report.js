(async () => {
  const seen = window.__heedTagSeen
  const seal = () => document.querySelector('meta[http-equiv="Content-Security-Policy" i][data-heed]')
  const tags = [...document.querySelectorAll('script[data-heed]')]
  const first = seal()
  const keyed = (node) => node && Object.keys(node).some((key) => key.startsWith('__reactContainer$'))
  const merges = {
    Turbo: !!window.Turbo,
    'htmx head-support': !!document.querySelector('[hx-ext*="head-support"]'),
    Next: !!(window.__NEXT_DATA__ || window.__next_f),
    'React on the whole document': keyed(document),
  }
  const report = {
    ...seen,
    Swallows: seen.Swallows || !!document.querySelector('meta[http-equiv=x]'),
    Tags: tags.map((tag) => tag.dataset.heed),
    Types: tags.map((tag) => tag.type).filter((type) => type && !/javascript/i.test(type)),
    Seal: first?.content ?? '',
    Behind: !!first && ahead(first) === tags[0],
    Merges: Object.keys(merges).filter((name) => merges[name]),
    Moved: await move(),
  }
  return report

  // What was pasted ahead of the seal: policies between the two are the stub's own.
  function ahead(element) {
    let before = element.previousElementSibling
    while (before?.httpEquiv && !before.dataset.heed) before = before.previousElementSibling
    return before
  }

  // Follows a link to another page of the site, unless that would leave this one.
  async function move() {
    const at = location.pathname
    const link = [...document.links].find((a) => a.origin === location.origin && a.pathname !== at && !a.target && !a.download)
    if (!link) return null
    let routed = false
    // Last of all that listen, also of those that begin to listen while the click is under way.
    const late = (event) => {
      routed = event.defaultPrevented
      event.preventDefault()
    }
    addEventListener('click', () => addEventListener('click', late, { once: true }), { once: true, capture: true })
    link.click()
    if (!routed) return null
    await settled(() => location.pathname !== at)
    return { Sealed: !!seal() }
  }

  // Until a page has moved, and its head has been left alone for a while; at most 5 s.
  async function settled(moved) {
    let changed = performance.now()
    const observer = new MutationObserver(() => (changed = performance.now()))
    observer.observe(document, { childList: true, subtree: true })
    for (const end = changed + 5000; performance.now() < end && !(moved() && performance.now() > changed + 300); ) {
      await new Promise((resolve) => setTimeout(resolve, 20))
    }
    observer.disconnect()
  }
})()

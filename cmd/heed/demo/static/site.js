// What the demo's pages do. The tag above has defined heed(), whether its script has arrived yet or not.
'use strict'

const status = document.getElementById('choice-status')
const buttons = document.querySelectorAll('[data-choice]')

// showChoice says in words what is in force, and marks the button that was pressed.
function showChoice(state) {
  if (!state) {
    status.textContent = 'Heed’s script did not arrive, so nothing is counted.'
    return
  }
  if (state.performance && state.answered) status.textContent = 'You allowed it: your visit is counted. You can change your mind at any time.'
  else if (state.performance) status.textContent = 'Your visit is counted, as is allowed where you are until you say no.'
  else if (state.answered) status.textContent = 'You refused: nothing about your visit is counted.'
  else if (state.anonymous) status.textContent = 'Not answered yet: page views are counted without any trace of you.'
  else status.textContent = 'Not answered yet: nothing is counted until you allow it.'
  for (const button of buttons) {
    const pressed = state.answered && (button.dataset.choice === 'allow') === state.performance
    button.setAttribute('aria-pressed', String(pressed))
  }
}

for (const button of buttons) {
  button.addEventListener('click', () => heed('consent', button.dataset.choice))
}
document.addEventListener('heed:consent', (event) => showChoice(event.detail))
addEventListener('load', () => setTimeout(() => showChoice(heed.consent), heed.consent ? 0 : 3000))

// Prices: an event of the site owner's own, and a setting that is kept where comfort is allowed.
const billing = document.getElementById('billing')

function showPrices(period) {
  billing.setAttribute('aria-pressed', String(period === 'yearly'))
  for (const text of document.querySelectorAll('[data-monthly]')) text.textContent = text.dataset[period]
}

// keepPrices writes the setting down for 30 days, as the notice says; without a yes it takes it back.
function keepPrices() {
  const keep = heed.consent?.functional && billing?.getAttribute('aria-pressed') === 'true'
  if (billing && keep) document.cookie = 'prices=yearly; max-age=2592000; path=/; samesite=lax'
  else if (billing || !heed.consent?.functional) document.cookie = 'prices=; max-age=0; path=/'
}

billing?.addEventListener('click', () => {
  const period = billing.getAttribute('aria-pressed') === 'true' ? 'monthly' : 'yearly'
  showPrices(period)
  keepPrices()
  heed('event', 'billing_period', { period })
})
if (billing && /(^|; )prices=yearly(;|$)/.test(document.cookie)) showPrices('yearly')
document.addEventListener('heed:consent', keepPrices)

// The journal is a small single-page application: every entry is in the page, and links change what is shown.
const routes = document.querySelectorAll('[data-route]')

function showRoute(path) {
  for (const route of routes) {
    route.hidden = route.dataset.route !== path
    if (route.hidden) continue
    document.title = route.dataset.title
    route.querySelector('h1').focus({ preventScroll: true })
    scrollTo(0, 0)
  }
}

if (routes.length) {
  const paths = [...routes].map((route) => route.dataset.route)
  document.addEventListener('click', (event) => {
    const link = event.target.closest('a')
    const plain = event.button === 0 && !event.metaKey && !event.ctrlKey && !event.shiftKey && !event.altKey
    if (!link || !plain || !paths.includes(link.pathname) || link.origin !== location.origin) return
    event.preventDefault()
    if (link.pathname !== location.pathname) history.pushState(null, '', link.pathname)
    showRoute(link.pathname)
  })
  addEventListener('popstate', () => showRoute(location.pathname))
}

// Asks for the demo's numbers once a second and shows them.
'use strict'

const totals = document.getElementById('totals')
const tables = document.getElementById('tables')
const state = document.getElementById('numbers-state')
const zone = Intl.DateTimeFormat().resolvedOptions().timeZone || 'UTC'

function seconds(ms) {
  return ms < 60000 ? `${Math.round(ms / 1000)} s` : `${Math.floor(ms / 60000)} min ${Math.round((ms % 60000) / 1000)} s`
}

function element(name, text) {
  const made = document.createElement(name)
  made.textContent = text
  return made
}

function total(name, value) {
  const group = document.createElement('div')
  group.append(element('dt', name), element('dd', value))
  return group
}

// table makes one list of the answer; nothing when it has no rows.
function table(caption, list, name, count) {
  if (!list?.rows?.length) return []
  const made = document.createElement('table')
  made.append(element('caption', caption))
  for (const row of list.rows.slice(0, 6)) {
    const line = made.insertRow()
    const head = element('th', name(row) || 'unknown')
    head.scope = 'row'
    line.append(head)
    line.insertCell().textContent = count(row)
  }
  return [made]
}

const views = (row) => row.views + row.anonymous_views

function show(stats) {
  const sum = stats.summary
  totals.replaceChildren(
    total('Visitors', sum.visitors),
    total('Page views', sum.views),
    total('Counted anonymously', sum.anonymous_views - sum.taken_over_views),
    total('Forms sent', sum.forms_sent),
    total('Time on page', seconds(sum.engaged_ms_average)),
  )
  tables.replaceChildren(
    ...table('Pages', stats.pages, (row) => row.path, views),
    ...table('Sources', stats.sources, (row) => row.source || 'typed or unknown', views),
    ...table('Countries', stats.countries, (row) => row.value, views),
    ...table('Devices', stats.devices, (row) => row.value, views),
    ...table('Browsers', stats.browsers, (row) => row.value, views),
    ...table('Forms', stats.forms, (row) => `${row.form} on ${row.path}`, (row) => row.sent),
    ...table('Events', stats.events, (row) => row.name, (row) => row.count),
  )
  state.textContent = stats.note ? stats.note.message : `Up to date at ${new Date().toLocaleTimeString()}`
}

async function refresh() {
  try {
    const answer = await fetch(`/numbers.json?tz=${encodeURIComponent(zone)}`)
    const body = await answer.json()
    if (answer.ok) show(body)
    else state.textContent = body.message
  } catch {
    state.textContent = 'Heed does not answer. Is it still running?'
  }
  setTimeout(refresh, 1000)
}
refresh()

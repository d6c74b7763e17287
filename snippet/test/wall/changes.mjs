// Choices that change while a page is open, and what of it may run then.
import assert from 'node:assert/strict'
import { assertAds, came, go, later, loaded, on, reloaded, trapped } from './rig.mjs'

const { HEED_TRACKER: tracker } = process.env
const ads = (run) => `${tracker.replace('tracker', 'ads')}/${run}/ads-2`

const choose = (page, choice) => page.evaluate((choice) => heed('consent', choice), choice)

/** Has the next page not know that it was come to from here. */
const hideReferrer = (page) =>
  page.evaluate(() => { document.head.append(Object.assign(document.createElement('meta'), { name: 'referrer', content: 'no-referrer' })) })

for (const strength of trapped) {
  on('yes behind a no', strength, async ({ open, declared }) => {
    const page = await open(`${declared}&marked`)
    await loaded(page)
    await choose(page, 'refuse')
    await page.waitForFunction(() => heed.consent.answered)
    await choose(page, 'allow')
    await reloaded(page)
    await page.waitForFunction(() => ran.includes('marked-2'))
  })

  on('yes while the page is still read', strength, async ({ open, run }) => {
    const page = await open(`/${strength}/choose`)
    await hideReferrer(page)
    await go(page, `/${strength}/declared?held&run=${run}`)
    await reloaded(page)
    await page.waitForFunction(() => ran.includes('ads-2'))
    assert.deepEqual((await page.evaluate(() => ran)).filter((kind) => kind.startsWith('ads')), ['ads-2'])
  })

  on('asked for behind the yes', strength, async ({ open, run, declared }) => {
    const page = await open(`${declared}&marked`)
    await loaded(page)
    await choose(page, 'allow')
    await page.waitForFunction(() => ran.includes('marked-2'))
    assert.equal(await page.evaluate(() => said.join()), '')
    await page.evaluate((src) => { document.body.append(Object.assign(document.createElement('script'), { src })) }, ads(run))
    await later(page)
    assert.equal(await came(page), 'navigate')
    await assertAds(page, declared)
  })

  on('yes to code in the page', strength, async ({ open, declared }) => {
    const page = await open(`${declared}&inline`)
    await loaded(page)
    await choose(page, 'allow')
    await reloaded(page)
    await page.waitForFunction(() => ran.includes('ads-2'))
  })

  on('yes and no in one', strength, async ({ open, run }) => {
    const page = await open(`/${strength}/choose?granted=5`)
    await go(page, `/${strength}/trap?trap=plain&run=${run}`, () => window.settled)
    await hideReferrer(page)
    await page.follow(() => page.evaluate(() => { location.search += '&again' }))
    await loaded(page)
    await choose(page, { advertising: true })
    await reloaded(page)
    await page.waitForFunction(() => window.ran?.includes('ads-2'))
  })

  on('no while others wait', strength, async ({ open, run, declared }) => {
    const page = await open(`${declared}&marked`)
    await loaded(page)
    await page.type('[name=name]', 'half') // so that the page stays
    await page.evaluate((src) => {
      for (const [name, value] of [['src', src], ['', 'slow']]) {
        const script = Object.assign(document.createElement('script'), { type: 'text/plain', text: name ? '' : `ran.push('${value}')` })
        if (name) script.setAttribute(name, value)
        script.dataset.heedService = 'stats'
        document.body.append(script)
      }
    }, `${tracker.replace('tracker', 'stats')}/${run}/marked-1?behind=refused`)
    await choose(page, 'allow')
    await page.waitForFunction(() => ran.includes('marked-2'))
    await choose(page, 'refuse')
    await later(page)
    await page.evaluate((run) => fetch(`/own/${run}/refused`), run)
    await page.waitForFunction(() => ran.filter((kind) => kind === 'marked-1').length > 1)
    await page.evaluate(() => fetch(location.href))
    assert.ok(!(await page.evaluate(() => ran)).includes('slow'))
  })

  on('fields that browsers fill', strength, async ({ open, declared }) => {
    const page = await open(declared)
    await loaded(page)
    await page.evaluate(() => { document.body.insertAdjacentHTML('beforeend', '<input type="range"><input type="color">') })
    await choose(page, 'allow')
    await reloaded(page)
  })

  on('editor', strength, async ({ open, declared }) => {
    const page = await open(declared)
    await loaded(page)
    await page.evaluate(() => { document.body.insertAdjacentHTML('beforeend', '<div id="editor" contenteditable style="min-height: 2em"></div>') })
    await page.type('#editor', 'half')
    await page.click('[name=name]')
    await choose(page, 'allow')
    await later(page)
    assert.equal(await page.evaluate(() => document.querySelector('#editor').textContent), 'half')
  })

  on('age of a minor', strength, async ({ open, declared }) => {
    const page = await open(`/${strength}/choose?granted=15`)
    await assertAds(page, declared)
    await loaded(page)
    await page.evaluate(() => { window.first = true; heed('age', 'u13') })
    await page.waitForFunction(() => !/_ad_|_st_/.test(document.cookie))
    await page.evaluate(() => fetch(location.href))
    assert.ok(await page.evaluate(() => window.first)) // else it would go for ever
  })

  on('service taken back in another tab', strength, async ({ open, declared }) => {
    const page = await open(`/${strength}/choose?granted=15`)
    await assertAds(page, declared)
    await loaded(page)
    await page.evaluate(() => { window.first = true })
    const other = await open(declared)
    await loaded(other)
    await choose(other, { functional: true, performance: true, advertising: true, services: ['stats'] })
    await page.bringToFront()
    await page.waitForFunction(() => !window.first && document.readyState === 'complete')
    await loaded(page)
    assert.deepEqual(await page.evaluate(() => ran.filter((kind) => kind.startsWith('ads'))), [])
  })
}

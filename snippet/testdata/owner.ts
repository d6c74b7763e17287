// What an owner's script may write, and what the types keep it from.
heed('consent', 'allow')
heed('consent', 'show')
heed('consent', { performance: true, services: ['map'] })
heed('age', '13-15')
heed('event', 'billing_period', { period: 'yearly', seats: 5 })
document.addEventListener('heed:consent', ({ detail }) => {
  const asks: boolean = !detail.answered && !heed.consent?.performance
  console.log(asks)
})

// @ts-expect-error: no such choice
heed('consent', 'maybe')
// @ts-expect-error: no such category
heed('consent', { marketing: true })
// @ts-expect-error: no such band
heed('age', '18')
// @ts-expect-error: an event has a name
heed('event')
// @ts-expect-error: the state is read-only
heed.consent = { answered: true }
// @ts-expect-error: so is what the event brings
document.addEventListener('heed:consent', ({ detail }) => (detail.performance = true))

import { cut } from './calls.ts'
import { listen } from './listen.ts'
import type { Feature } from './tracker.ts'

/** The wire's limit on a form's name, in characters. */
const maxForm = 128

/** Reports that a form was sent; its values are never looked at. */
export const watchForms: Feature = (tracker) => ({
  _stop: listen(document, ['submit'], ({ target }) => {
    if (target instanceof HTMLFormElement) tracker._report({ kind: 'form', form: cut(nameForm(target), maxForm) })
  }),
})

/** The form's id, else its name, else its place in the page, as in form[2]. */
function nameForm(form: HTMLFormElement): string {
  // form.id would be a field that is called id.
  const attribute = (name: string) => Element.prototype.getAttribute.call(form, name)
  return attribute('id') || attribute('name') || `form[${[...document.querySelectorAll('form')].indexOf(form)}]`
}

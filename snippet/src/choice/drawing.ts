// What the choice script and the banner's script hand one another, the first as the property heed of the second's <script>
// element. They are built apart, so these names are not shortened.
import type { Categories } from '../../../consent/categories.ts'

/** What is read of an archived notice: how it looks, and what it is about. Package consent/record describes all of it. */
export type Notice = {
  readonly locale: string
  readonly layout: string
  readonly material: { readonly services: readonly { readonly id: string; readonly category: string }[] }
  readonly look: {
    readonly texts: readonly { readonly id: string; readonly text: string }[]
    readonly buttons: readonly { readonly id: string; readonly action: string; readonly label: string }[]
    readonly css: string
  }
}

/** What the visitor allows: categories, and of their declared services those, or all of them. */
export type Allowed = { readonly categories: Categories; readonly services?: readonly string[] | undefined }

/** What a notice is to show besides its texts. */
export type Showing = Allowed & {
  readonly notice: Notice
  /** An opt-out holds, and the visitor is told so. */
  readonly honoured: boolean
  /** Where a grant's receipt is, "" without one. */
  readonly receipt: string
  /** The visitor asked for it: it takes the focus, and gives it back. */
  readonly wanted: boolean
  /** A button was pressed that says what is allowed, out of what was asked for; or nothing, as a close does. */
  readonly pressed: (control: string, allowed?: Allowed, asked?: Categories) => void
}

/** What the banner's script can draw. */
export type Painter = {
  /** Puts a notice on the screen, and returns what takes it away again. */
  readonly notice: (showing: Showing) => () => void
  /**
   * What opens the choice again: fills in the page's own empty links, and draws a button where always is true or the page has
   * no link. Returns what shows and hides the button.
   */
  readonly reopener: (notice: Notice, always: boolean, open: () => void) => (visible: boolean) => void
}

/** What the banner's script is handed: it answers with what it can. */
export type Canvas = { readonly ready: (painter: Painter) => void }

import type { Frame } from './encode.ts'
import type { Host } from './handover.ts'
import type { Permission } from './permission.ts'
import { dnt, gpc } from './signals.ts'

/** What is said of the visitor's will, with each batch. */
export function frame(permission: Permission, host: Host, visitor: string): Frame {
  return {
    choice: visitor && permission._text(), // where nobody is known, another tab may have chosen by now
    visitor,
    gpc: gpc(),
    dnt: dnt(),
    webdriver: navigator.webdriver,
    age: host.age,
  }
}

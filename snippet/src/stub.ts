// One site's stub: the inline script that a page runs before anything else. While something is undecided or refused it has
// the browser hold back what is not allowed, by a Content-Security-Policy; it tells the consent modes of others, and keeps
// scripts of the page from storing what may not be stored. The build replaces the names in capitals, in each of its files.
import { raise } from './stub/raise.ts'
import { tried } from './tried.ts'

tried(raise)

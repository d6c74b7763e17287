// The short-lived script behind the pasted tag. It names the immutable bundle, which the browser verifies.
import { guard } from './guard.ts'

declare const SCRIPT: string
declare const INTEGRITY: string

guard(() => {
  const tag = document.currentScript
  const script = document.createElement('script')
  script.async = true
  script.src = SCRIPT
  script.integrity = INTEGRITY
  script.crossOrigin = 'anonymous'
  if (tag?.nonce) script.nonce = tag.nonce // a policy with nonces allows what our tag brings
  document.head.append(script)
})()

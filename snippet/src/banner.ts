// The banner's script: all that is seen of a choice. The consent script fetches it beside the notice that it draws, when
// there is something to show. One serves all sites: what differs stands in the notice.
import { paintNotice } from './banner/notice.ts'
import { paintReopener } from './banner/reopener.ts'
import type { Canvas } from './choice/drawing.ts'
import { guard } from './guard.ts'
import type { HandingScript } from './handover.ts'

guard(() => {
  const canvas = (document.currentScript as HandingScript).heed as Canvas
  canvas.ready({ notice: paintNotice, reopener: paintReopener })
})()

// Reads a code from what the screen shows, as a phone would.

import jsQR from 'jsqr'
import { PNG } from 'pngjs'
import { expect, type Page } from '@playwright/test'

/** The text of the QR code that the window shows now: looked for where the code should be, and a little around it. */
export async function readCode(page: Page): Promise<string | undefined> {
  const box = await page.locator('svg.qr').boundingBox()
  if (!box) return undefined
  const margin = 24
  const x = Math.max(0, box.x - margin)
  const y = Math.max(0, box.y - margin)
  const clip = { x, y, width: box.width + 2 * margin, height: box.height + 2 * margin }
  const { data, width, height } = PNG.sync.read(await page.screenshot({ clip, animations: 'disabled' }))
  const code = jsQR.default(new Uint8ClampedArray(data), width, height, { inversionAttempts: 'dontInvert' })
  return code?.data
}

/** Waits until the code on the screen says `text`: the dialog may still be fading in. */
export async function expectCode(page: Page, text: string) {
  await expect.poll(() => readCode(page), { message: 'the code on the screen' }).toBe(text)
}

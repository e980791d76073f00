// Reads a code from what the screen shows, as a phone would.

import jsQR from 'jsqr'
import { PNG } from 'pngjs'
import { expect, type Page } from '@playwright/test'

/** The text of the QR code that the window shows now. */
export async function readCode(page: Page): Promise<string | undefined> {
  const { data, width, height } = PNG.sync.read(await page.screenshot({ animations: 'disabled' }))
  const code = jsQR.default(new Uint8ClampedArray(data), width, height, { inversionAttempts: 'dontInvert' })
  return code?.data
}

/** Waits until the code on the screen says `text`: the dialog may still be fading in. */
export async function expectCode(page: Page, text: string) {
  await expect.poll(() => readCode(page), { message: 'the code on the screen' }).toBe(text)
}

// Looks at one state of a page: on a desktop and on a phone, light and dark. `make screens` keeps a picture of each of these for
// people to look at; the tests keep one, the one of a phone, light and in Chinese.

import { mkdir } from 'node:fs/promises'
import { dirname, join, resolve } from 'node:path'
import { fileURLToPath } from 'node:url'

import { expect, type Page } from '@playwright/test'

import { violations } from './axe.ts'

const FOLDER = resolve(dirname(fileURLToPath(import.meta.url)), '../screenshots')
const SCREENS = { desktop: { width: 1280, height: 900 }, phone: { width: 360, height: 780 } }
const SCHEMES = ['light', 'dark'] as const
const isTour = !!process.env.SAOMA_SCREENS

/** Takes screenshots, and checks that nothing runs out of its place and that axe has nothing to say. */
export async function inspect(page: Page, lang: string, name: string, isPaused = false) {
  await mkdir(FOLDER, { recursive: true })
  // What the mouse rests on looks different.
  await page.mouse.move(0, 0)
  for (const [screen, size] of Object.entries(SCREENS)) {
    await page.setViewportSize(size)
    for (const colorScheme of SCHEMES) {
      await page.emulateMedia({ colorScheme, reducedMotion: 'reduce' })
      if (isTour || (screen === 'phone' && colorScheme === 'light' && lang === 'zh')) {
        const path = join(FOLDER, `${name}-${screen}-${colorScheme}-${lang}.png`)
        const isOpen = (await page.locator('dialog[open]').count()) > 0
        await page.screenshot({ path, fullPage: !isOpen, animations: 'disabled' })
      }
      // Other words change nothing that axe looks at.
      if (screen === 'desktop' && lang === 'zh') expect.soft(await violations(page, isPaused), `${name}, ${colorScheme}`).toEqual([])
    }
    expect.soft(await page.title(), `${name}: a title is text`).not.toContain('<')
    const wider = await page.evaluate(() =>
      [document.documentElement, ...document.querySelectorAll('dialog[open], dialog[open] .pay-stage, .nav a')]
        .filter(({ scrollWidth, clientWidth, scrollHeight, clientHeight, className }) =>
          scrollWidth > clientWidth + 1 || (className === 'pay-stage' && scrollHeight > clientHeight + 1))
        .map(({ nodeName, className, scrollWidth, scrollHeight }) => `${nodeName}.${className}: ${scrollWidth} x ${scrollHeight}`))
    expect.soft(wider, `${name}, ${screen}: nothing runs out of its place`).toEqual([])
  }
  await page.setViewportSize(SCREENS.desktop)
}

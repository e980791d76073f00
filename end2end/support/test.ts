// `test` with a server of its own and a watched browser.

import { test as base, expect, type BrowserContext, type BrowserContextOptions } from '@playwright/test'

import { Saoma, type Settings } from './saoma.ts'
import { Watch } from './watch.ts'

interface Fixtures {
  /** More settings of the server: `test.use({ settings: {…} })`. */
  settings: Settings
  saoma: Saoma
  watch: Watch
  /** Another browser with nothing in common with the first: no cookies, a clock of its own. */
  device: (options?: BrowserContextOptions) => Promise<BrowserContext>
}

export const test = base.extend<Fixtures>({
  settings: [{}, { option: true }],

  saoma: async ({ settings }, use, info) => {
    const saoma = await Saoma.start(settings)
    await use(saoma)
    await saoma.stop()
    if (info.status !== info.expectedStatus) {
      await info.attach('server log', { body: saoma.log.join('\n'), contentType: 'text/plain' })
    }
    const broken = saoma.log.filter(line => /\bERROR\b|panicked/.test(line))
    expect(broken, 'errors in the log of the server').toEqual([])
  },

  baseURL: async ({ saoma }, use) => use(saoma.url),

  watch: async ({ saoma }, use) => {
    const watch = new Watch([saoma.url, saoma.sandbox.url, saoma.wechat].map(url => new URL(url).host))
    await use(watch)
    expect(watch.unexpected(), 'complaints of the browser').toEqual([])
  },

  context: async ({ context, watch }, use) => {
    watch.add(context)
    await use(context)
  },

  device: async ({ browser, contextOptions, saoma, watch, locale, timezoneId, viewport }, use) => {
    const opened: BrowserContext[] = []
    await use(async options => {
      const context = await browser.newContext({
        ...contextOptions, baseURL: saoma.url, locale, timezoneId, viewport, ...options,
      })
      watch.add(context)
      opened.push(context)
      return context
    })
    for (const context of opened) await context.close()
  },
})

export { expect }

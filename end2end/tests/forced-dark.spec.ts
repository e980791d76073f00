// Browsers that darken every page by themselves ("auto dark"): the code must stay dark on white.

import { PNG } from 'pngjs'
import type { Page } from '@playwright/test'
import { dialogOf, order } from '../support/payer.ts'
import { expectCode } from '../support/qr.ts'
import { expect, test } from '../support/test.ts'

test.use({
  launchOptions: [async ({ launchOptions }, use) => {
    await use({ ...launchOptions, args: [...launchOptions.args ?? [], '--blink-settings=forceDarkModeEnabled=true'] })
  }, { scope: 'worker' }],
})

/** How bright the page is at its left edge, below the ribbon, 0 to 255, as it is painted. */
async function painted(page: Page): Promise<number> {
  const { data } = PNG.sync.read(await page.screenshot({ clip: { x: 0, y: 400, width: 1, height: 1 } }))
  return Math.max(...data.subarray(0, 3))
}

for (const colorScheme of ['light', 'dark'] as const) {
  for (const deviceScaleFactor of [1, 2]) {
    test(`forced dark on a ${colorScheme} system at ${deviceScaleFactor}×: dialog and order page show a code that decodes`, async ({ device, saoma }) => {
      const page = await (await device({ colorScheme, deviceScaleFactor })).newPage()
      await page.goto('/')
      expect(await painted(page), 'the page is dark').toBeLessThan(64)
      const { code_url, out_trade_no } = await order(saoma, page, 10)
      await expectCode(page, code_url)
      await page.goto(`/pay/${out_trade_no}`)
      await expect(dialogOf(page)).toHaveCount(0)
      await expectCode(page, code_url)
    })
  }
}

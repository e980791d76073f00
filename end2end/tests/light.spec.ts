// What a payer downloads before there is something to scan.

import { dialogOf, order, payButton } from '../support/payer.ts'
import { expectCode } from '../support/qr.ts'
import { expect, test } from '../support/test.ts'
import type { Page, Request } from '@playwright/test'

/** What the page fetches from now on, as it comes over the wire. */
function fetched(page: Page) {
  const all: Request[] = []
  page.on('requestfinished', request => all.push(request))
  return async () => {
    const sizes = await Promise.all(all.map(request => request.sizes()))
    const bytes = sizes.reduce((sum, one) => sum + one.responseHeadersSize + one.responseBodySize, 0)
    return { bytes, requests: all.map(request => new URL(request.url()).pathname) }
  }
}

test('the code is on the screen after six requests and 85 kB at most', async ({ page, saoma }) => {
  const until = fetched(page)
  await page.goto('/', { waitUntil: 'networkidle' })
  await order(saoma, page, 10)
  await expect(dialogOf(page).locator('svg.qr')).toBeVisible()
  const { bytes, requests } = await until()
  expect(requests.length, requests.join(' ')).toBeLessThanOrEqual(6)
  expect(bytes, requests.join(' ')).toBeLessThanOrEqual(85_000)
})

test.describe('without the module', () => {
  test.use({ javaScriptEnabled: false })

  test('a code that can be scanned takes 15 kB at most, from the first page on', async ({ page, saoma }) => {
    const until = fetched(page)
    await page.goto('/')
    await payButton(page).click()
    await expectCode(page, (await saoma.sandbox.newest()).code_url)
    const { bytes, requests } = await until()
    expect(requests.join(' '), 'with its style').toContain('.css')
    expect(bytes, requests.join(' ')).toBeLessThanOrEqual(15_000)
  })
})

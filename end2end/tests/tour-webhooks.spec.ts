// The operator's pages about webhooks, in both languages: as tour.spec.ts.

import { createServer } from 'node:http'
import { once } from 'node:events'
import type { AddressInfo } from 'node:net'

import { inspect } from '../support/inspect.ts'
import { logIn } from '../support/operator.ts'
import { expect, test } from '../support/test.ts'

for (const [lang, locale] of [['zh', 'zh-CN'], ['en', 'en-US']]) {
  test.describe(`in ${locale}`, () => {
    test.use({ locale })
    test.slow()

    test('webhooks', async ({ page, saoma }) => {
      const at = (name: string) => inspect(page, lang, name)
      let status = 204
      const site = createServer((request, response) => {
        request.resume().on('end', () => response.writeHead(status).end(status === 204 ? undefined : 'no such page'))
      }).listen(0, '127.0.0.1')
      await once(site, 'listening')
      const url = `http://127.0.0.1:${(site.address() as AddressInfo).port}/hooks/saoma`
      await logIn(saoma, page, '/admin/webhooks')
      await at('admin-webhooks-none')
      const make = async (url: string) => {
        await page.goto('/admin/webhooks')
        await page.locator('#url').fill(url)
        await page.locator('#description').fill(lang === 'zh' ? '论坛' : 'The forum')
        await page.locator('#password').fill(saoma.password)
        await page.locator('form[action="/admin/webhooks"] button').click()
      }
      await make('https://10.0.0.1/')
      await expect(page.locator('.notice[data-tone=bad]')).toBeVisible()
      await at('admin-webhooks-refused')
      await make(url)
      await expect(page.locator('#webhook-secret')).toHaveText(/^whsec_/)
      await at('admin-webhook-secret')
      await page.locator('.back a').click()
      const address = page.url()
      const send = async () => {
        await page.goto(address)
        await page.locator('form[action$="/test"] button').click()
        await expect(page).toHaveURL(/said=hook_tested/)
      }
      await send()
      await expect(async () => {
        await page.goto(address)
        await expect(page.locator('tbody .pill[data-tone=paid]')).toHaveCount(1, { timeout: 500 })
      }).toPass()
      status = 404
      for (let n = 0; n < 5; n++) await send()
      await expect(async () => {
        await page.goto(address)
        await expect(page.locator('tbody .pill[data-tone=warn]')).toHaveCount(5, { timeout: 500 })
      }).toPass()
      await at('admin-webhook')
      await page.locator('tbody a').last().click()
      await at('admin-webhook-delivery')
      await page.goto(address)
      await page.locator('tbody a').nth(4).click()
      await at('admin-webhook-delivery-failed')
      await page.goto('/admin/webhooks')
      await at('admin-webhooks')
      site.close()
    })
  })
}

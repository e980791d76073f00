// The operator's pages about exceptions, refunds and reconciliation, in both languages: as tour.spec.ts.

import { inspect } from '../support/inspect.ts'
import { tellPaid } from '../support/notice.ts'
import { logIn } from '../support/operator.ts'
import { dialogOf, order, signIn } from '../support/payer.ts'
import { expect, test } from '../support/test.ts'

const STRAY = 'SM20200101000000AAAAAAAAAAAAAAAA'
const DAY_MS = 86_400_000

for (const [lang, locale] of [['zh', 'zh-CN'], ['en', 'en-US']]) {
  test.describe(`in ${locale}`, () => {
    test.use({ locale })
    test.slow()

    test('exceptions, refunds and reconciliation', async ({ page, saoma }) => {
      const at = (name: string) => inspect(page, lang, name)
      const confirm = async (reason?: string) => {
        if (reason) await page.locator('#reason').fill(reason)
        await page.locator('#password').fill(saoma.password)
        await page.locator('main form[method=post]:has([type=password]) button[type=submit]').click()
      }
      await signIn(saoma, page, 'lin', 'Lin Xiaoyu')
      await logIn(saoma, page, '/admin/exceptions')
      await at('admin-exceptions-none')
      await page.goto('/admin/exceptions?show=settled')
      await at('admin-exceptions-none-settled')
      await page.goto('/admin/reconciliations')
      await at('admin-reconciliations-none')

      // One order is paid twice, money comes without an order, and a payment is not in the bill of its day, which is two
      // days ago: yesterday's may not be made yet.
      await page.goto('/')
      const { out_trade_no, code_url } = await order(saoma, page, 50)
      await saoma.sandbox.pay(code_url)
      await expect(dialogOf(page)).toHaveAttribute('data-state', 'paid')
      expect(await saoma.sandbox.pay(code_url, { again: true })).toBe(200)
      expect(await tellPaid(saoma, STRAY, 12_345_678, new Date())).toContain('FAIL')
      const then = new Date(Date.now() - 2 * DAY_MS)
      const day = new Date(then.getTime() + 8 * 3_600_000).toISOString().slice(0, 10)
      await page.goto('/')
      const old = await order(saoma, page, 200)
      expect(await tellPaid(saoma, old.out_trade_no, 20_000, then)).toContain('SUCCESS')
      expect(await saoma.reconcile(day)).toContain('1 difference open')

      await expect(async () => {
        await page.goto('/admin/exceptions')
        await expect(page.locator('main .list > li')).toHaveCount(2, { timeout: 500 })
      }).toPass()
      await at('admin-exceptions')
      await page.goto('/admin')
      await at('admin-overview-open')

      const address = `/admin/orders/${out_trade_no}`
      const ways = page.locator('section[aria-labelledby="ex-t"] a.button')
      await page.goto(address)
      await at('admin-order-twice')
      await ways.nth(2).click()
      await at('admin-settle-dismiss')
      await page.goto(address)
      await ways.nth(1).click()
      await at('admin-settle-refund')
      await page.goto(address)
      await ways.first().click()
      await at('admin-settle-credit')
      await page.locator('#reason').fill('x')
      await page.locator('#password').fill('not the password')
      await page.locator('main form[method=post] button').click()
      await at('admin-settle-wrong')
      await confirm()
      await expect(page).toHaveURL(/said=settled/)
      await at('admin-order-settled')
      await ways.first().click()
      await at('admin-refund-first')
      await page.goto(`/admin/orders/${STRAY}`)
      await at('admin-stray')
      await ways.first().click()
      await at('admin-settle-stray')
      await page.locator('#user').fill('lin-new')
      await page.locator('form[method=get][action$="/settle"] button').click()
      await at('admin-settle-stray-unknown')
      await page.goto(`/admin/orders/${STRAY}`)
      await ways.first().click()
      await page.locator('#user').fill('lin')
      await page.locator('form[method=get][action$="/settle"] button').click()
      await at('admin-settle-stray-known')
      await page.goto('/admin/exceptions?show=settled')
      await at('admin-exceptions-settled')

      await page.goto(address)
      await page.locator('details.fold summary').click()
      await at('admin-order-refund')
      await page.locator('#amount').fill('20')
      await page.locator('#reason').fill('x')
      await page.locator('form[method=get][action$="/refund"] button').click()
      await at('admin-refund-confirm')
      // WeChat clearly refuses, so that it can be withdrawn.
      await saoma.sandbox.faults({ refund: { refuse: 'NOTENOUGH' } })
      await confirm()
      const withdraw = page.locator('a[href$="/withdraw"]')
      await expect(async () => {
        await page.goto(address)
        await expect(withdraw).toHaveCount(1, { timeout: 500 })
      }).toPass({ timeout: 30_000 })
      await at('admin-refund-refused')
      await withdraw.click()
      await at('admin-refund-withdraw')

      await page.goto('/admin/reconciliations')
      await at('admin-reconciliations')
      await page.setViewportSize({ width: 360, height: 780 })
      expect(await page.locator('main .table-box').evaluate(box => box.scrollWidth <= box.clientWidth)).toBe(true)
      await page.setViewportSize({ width: 1280, height: 900 })
      await page.locator('main .table tbody a').click()
      await at('admin-reconciliation')
      await page.locator('main .list a.button').click()
      await at('admin-difference')
      await confirm('x')
      await expect(page).toHaveURL(/said=dismissed/)
      await expect(page.locator('main .list')).toContainText('admin')
      await at('admin-reconciliation-dismissed')
      await page.goto('/admin/alerts')
      await at('admin-alerts')
      await page.locator('#name').fill('on call')
      await page.locator('#url').fill('https://10.0.0.1/robot')
      await page.locator('#password').fill(saoma.password)
      await page.locator('form[action="/admin/alerts"] button').click()
      await at('admin-alerts-wrong')
      await page.goto('/admin')
      // The last day compared keeps its link; the notice of open differences, which links to all days, is gone.
      await expect(page.locator('section[aria-labelledby="he-t"] dl.tiles')).toBeVisible()
      await expect(page.locator('section[aria-labelledby="he-t"] a[href="/admin/reconciliations"]')).toHaveCount(0)
    })
  })
}

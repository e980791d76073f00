// A user's account at the desk: read, adjusted, and a debit given back; every page of it in both languages.

import { inspect } from '../support/inspect.ts'
import { logIn } from '../support/operator.ts'
import { dialogOf, order, signIn } from '../support/payer.ts'
import { expect, test } from '../support/test.ts'

for (const [lang, locale] of [['zh', 'zh-CN'], ['en', 'en-US']]) {
  test.describe(`in ${locale}`, () => {
    test.use({ locale })
    test.slow()

    test('a user’s account', async ({ page, saoma, watch }) => {
      watch.expect(/status of 404/)
      const at = (name: string) => inspect(page, lang, name)
      await logIn(saoma, page, '/admin/users')
      await at('admin-users-none')
      await signIn(saoma, page, 'u-1001', '林晓雨')
      const { code_url } = await order(saoma, page, 100)
      await saoma.sandbox.pay(code_url)
      await expect(dialogOf(page)).toHaveAttribute('data-state', 'paid')
      const debit = { user: 'u-1001', amount: 3000, reason: 'VIP 30 days' }
      const taken = await saoma.call('/debits', { ...debit, reference: 'vip-4711' })
      for (let n = 0; n < 22; n++) await saoma.call('/debits', { ...debit, amount: 7, reference: `job-${n}`, reason: 'translation' })
      await saoma.call('/holds', { user: 'u-1001', amount: 500, reference: 'job-77', reason: 'translation of a long book' })

      await page.goto('/admin/users')
      await at('admin-users')
      await page.locator('#q').fill('nobody')
      await page.keyboard.press('Enter')
      await expect(page.locator('main .empty').first()).toBeVisible()
      await at('admin-users-nothing')
      await page.locator('#q').fill('u-1001')
      await page.keyboard.press('Enter')
      await expect(page).toHaveURL(/account\?user=u-1001/)
      await expect(page.locator('tbody tr')).toHaveCount(20)
      await at('admin-account')
      await page.locator('.pager a').last().click()
      await expect(page.locator('tbody tr').last()).toContainText('+¥')
      await at('admin-account-older')

      await page.goto('/admin/account?user=u-1001')
      await page.locator('#amount').fill('-1000')
      await page.locator('#reason').fill('x')
      await page.locator('form[method=get] button').click()
      await at('admin-grant-low')
      await page.goto('/admin/account?user=u-1001')
      await page.locator('#amount').fill('12,5')
      await page.locator('#reason').fill('x')
      await page.locator('form[method=get] button').click()
      await at('admin-grant-wrong')
      await page.locator('#amount').fill('12.50')
      await page.locator('form[method=get] button').click()
      await at('admin-grant')
      await page.locator('#password').fill(saoma.password)
      await page.locator('main form[method=post] button').click()
      await expect(page).toHaveURL(/said=granted/)
      await expect(page.locator('tbody tr').first()).toContainText('+¥12.50')
      await at('admin-account-granted')

      await page.goto('/admin/users')
      await page.locator('#q').fill('vip-4711')
      await page.keyboard.press('Enter')
      await expect(page.locator('h1')).toHaveText(taken.id)
      await at('admin-debit')
      await page.locator('#amount').fill('10')
      await page.locator('#reason').fill('x')
      await page.locator('#password').fill('not the password')
      await page.locator('main form[method=post] button').click()
      await at('admin-debit-wrong')
      await page.locator('#password').fill(saoma.password)
      await page.locator('main form[method=post] button').click()
      await expect(page).toHaveURL(/said=reversed/)
      await at('admin-debit-reversed')
      await page.goto('/admin/account?user=nobody')
      await at('admin-account-nobody')
    })
  })
}

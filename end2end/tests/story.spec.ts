import { logIn } from '../support/operator.ts'
import { balanceOf, dialogOf, order, ownRows } from '../support/payer.ts'
import { expectCode } from '../support/qr.ts'
import { expect, test } from '../support/test.ts'

test('a payer scans and pays, the balance rises, and the operator finds the order', async ({ page, context, saoma }) => {
  await page.goto('/')
  await expect(balanceOf(page)).toHaveText('¥0.00')
  await expect(page.locator('.ribbon')).toBeVisible()

  const { dialog, out_trade_no, code_url, total_fee } = await order(saoma, page, 10)
  expect(total_fee).toBe(1000)
  await expectCode(page, code_url)
  await expect(dialog).toContainText('Demo')

  const [phone] = await Promise.all([context.waitForEvent('page'), dialog.locator('a[href*="/scan"]').click()])
  await expect(phone.locator('.money')).toHaveText('¥10.00')
  await phone.locator('button[value="pay"]').click()
  await expect(phone.locator('.screen')).toHaveAttribute('data-state', 'paid')
  await phone.close()

  await expect(dialog).toHaveAttribute('data-state', 'paid')
  await expect(dialog.locator('.pay-stage')).toContainText('¥10.00')
  await expect(dialogOf(page), 'the dialog closes itself').toBeHidden()
  await expect(balanceOf(page)).toHaveText('¥10.00')
  await expect(ownRows(page)).toHaveCount(1)
  await expect(ownRows(page).first()).toContainText(out_trade_no)
  await expect(ownRows(page).first().locator('.pill')).toHaveAttribute('data-tone', 'paid')

  const { transaction_ids: [transactionId] } = await saoma.sandbox.order(out_trade_no)
  await logIn(saoma, page, '/admin')
  await page.getByRole('link', { name: '订单', exact: true }).click()
  await page.locator('#q').fill(transactionId)
  await page.locator('#q').press('Enter')
  const rows = page.locator('tbody tr')
  await expect(rows).toHaveCount(1)
  await expect(rows.first().locator('.pill')).toHaveAttribute('data-tone', 'paid')
  await rows.first().getByRole('link', { name: out_trade_no }).click()
  await expect(page).toHaveURL(`${saoma.url}/admin/orders/${out_trade_no}`)

  const line = page.locator('ol.line h3')
  await expect(line.filter({ hasText: '订单已创建' })).toHaveCount(1)
  await expect(line.filter({ hasText: '微信已受理，可以付款' })).toHaveCount(1)
  await expect(line.filter({ hasText: '通知已验证' })).toHaveCount(1)
  await expect(line.filter({ hasText: '已入账 ¥10.00' })).toHaveCount(1)
  await expect(page.locator('main')).toContainText(transactionId)
})

test('a receipt shows what was paid and credited', async ({ page, saoma }) => {
  await page.goto('/')
  const { code_url, dialog, out_trade_no } = await order(saoma, page, 50)
  await saoma.sandbox.pay(code_url)
  await expect(dialog).toHaveAttribute('data-state', 'paid')
  await dialog.locator(`a[href="/pay/${out_trade_no}/receipt"]`).click()
  const { transaction_ids: [transactionId] } = await saoma.sandbox.order(out_trade_no)
  // 50 yuan come with 2 on top.
  await expect(page.locator('.sum')).toContainText('¥52.00')
  await expect(page.locator('article')).toContainText(transactionId)
})

import { balanceOf, cardOf, choose, payButton, untilANewCodeMayBeHad } from '../support/payer.ts'
import { expectCode } from '../support/qr.ts'
import { expect, test } from '../support/test.ts'

test.use({ javaScriptEnabled: false })

test('without JavaScript a form leads to the code, and the page turns to paid by itself', async ({ page, saoma }) => {
  await page.goto('/')
  await choose(page, 50)
  await payButton(page).click()
  await expect(page).toHaveURL(/\/pay\/SM\w{30}$/)
  const { code_url, total_fee } = await saoma.sandbox.newest()
  expect(total_fee).toBe(5000)
  await expectCode(page, code_url)
  // Texts in <noscript> are not found by their words.
  await expect(page.locator('noscript p')).toContainText('本页每 5 秒自动刷新')

  await saoma.sandbox.pay(code_url)
  await expect(cardOf(page)).toHaveAttribute('data-state', 'paid', { timeout: 15_000 })
  await page.getByRole('link', { name: '返回充值页' }).click()
  await expect(balanceOf(page)).toHaveText('¥52.00')
})

test('the refreshing can be stopped', async ({ page, saoma }) => {
  await page.goto('/')
  await payButton(page).click()
  await page.getByRole('link', { name: '停止自动刷新' }).click()
  await expect(page).toHaveURL(/refresh=0/)
  await expectCode(page, (await saoma.sandbox.newest()).code_url)
  await expect(page.locator('meta[http-equiv="refresh"]')).toHaveCount(0)
})

test('an own amount wins over a chosen one, and a wrong one is explained', async ({ page, saoma }) => {
  await page.goto('/')
  await page.locator('#own').fill('7')
  await payButton(page).click()
  await expect(cardOf(page)).toContainText('¥7.00')
  expect((await saoma.sandbox.newest()).total_fee).toBe(700)
  for (const wrong of ['0', '5001', '-3', '1.5', '１．５', 'abc']) {
    await page.goto('/')
    await page.locator('#own').fill(wrong)
    await payButton(page).click()
    await expect(page.getByText('这个金额不能充值')).toBeVisible()
  }
  expect(await saoma.sandbox.orders()).toHaveLength(1)
})

test('without JavaScript a new code can be had, too', async ({ page, saoma }) => {
  await page.goto('/')
  await payButton(page).click()
  const first = await saoma.sandbox.newest()
  await page.getByRole('button', { name: '还没付，换新二维码' }).click()
  await expect(cardOf(page), 'too young to be replaced').toContainText('秒后才能换新的')
  await expectCode(page, first.code_url)
  await untilANewCodeMayBeHad()
  await page.getByRole('button', { name: '还没付，换新二维码' }).click()
  await expect.poll(async () => (await saoma.sandbox.order(first.out_trade_no)).code_url).not.toBe(first.code_url)
  await expectCode(page, (await saoma.sandbox.newest()).code_url)
})

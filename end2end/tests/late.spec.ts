import { logIn } from '../support/operator.ts'
import { balanceOf, cardOf, dialogOf, order, ownRows } from '../support/payer.ts'
import { expect, test } from '../support/test.ts'

// Orders end after four seconds, and WeChat's five minutes before a close last a tenth of a second.
test.use({ settings: { SAOMA_TIME_EXPIRE_S: '4' } })
test.beforeEach(async ({ saoma }) => saoma.sandbox.faults({ speed: 3000 }))

const closed = { timeout: 30_000 }

test('what is paid after the order closed is credited and called late', async ({ page, saoma }) => {
  await page.goto('/')
  const { code_url, out_trade_no } = await order(saoma, page, 10)
  await expect.poll(async () => (await saoma.sandbox.order(out_trade_no)).trade_state, closed).toBe('CLOSED')
  await page.goto(`/pay/${out_trade_no}`)
  await expect(cardOf(page)).toHaveAttribute('data-state', 'closed', closed)
  expect(await saoma.sandbox.pay(code_url)).toBe(409)
  expect(await saoma.sandbox.pay(code_url, { force: true })).toBe(200)

  await expect(async () => {
    await page.goto(`/pay/${out_trade_no}`)
    await expect(cardOf(page)).toHaveAttribute('data-state', 'late', { timeout: 500 })
  }).toPass()
  await expect(page.locator('main')).toContainText('已照常入账')
  await page.goto('/')
  await expect(balanceOf(page)).toHaveText('¥10.00')
  await expect(ownRows(page).first()).toContainText('超时支付，已入账')

  await logIn(saoma, page, `/admin/orders/${out_trade_no}`)
  await expect(page.locator('.page-head .pill', { hasText: '超时支付' })).toBeVisible()
  await expect(page.locator('ol.line h3', { hasText: '异常：超时支付' })).toHaveCount(1)
})

test('a closed order is followed by a new one', async ({ page, saoma }) => {
  await page.goto('/')
  const { dialog, out_trade_no: first, code_url } = await order(saoma, page, 10)
  await expect(dialog, 'nobody presses anything').toHaveAttribute('data-state', 'closed', closed)
  expect((await saoma.sandbox.order(first)).trade_state).toBe('CLOSED')
  await dialog.getByRole('button', { name: '获取新二维码' }).click()
  await expect(dialog).toHaveAttribute('data-state', 'waiting')
  const second = await saoma.sandbox.newest()
  expect(second.out_trade_no).not.toBe(first)
  expect(second.code_url).not.toBe(code_url)
  await saoma.sandbox.pay(second.code_url)
  await expect(dialogOf(page)).toHaveAttribute('data-state', 'paid')
  await expect(balanceOf(page)).toHaveText('¥10.00')
})

test('while WeChat does not answer, the dialog says that the time is over and not how it ended', async ({ page, saoma }) => {
  await page.goto('/')
  const { dialog, code_url } = await order(saoma, page, 10)
  await saoma.sandbox.faults({ speed: 3000, answer: '500', notify: { lose: true } })
  await expect(dialog).toHaveAttribute('data-state', 'expired', closed)
  await expect(dialog).toContainText('正在向微信核实')
  await saoma.sandbox.pay(code_url, { force: true })
  await saoma.sandbox.faults({ speed: 3000 })
  await expect(dialog, 'it was paid after all').toHaveAttribute('data-state', /paid|late/, closed)
})

test('the order page says that an order closed, and goes on with a new one', async ({ page, saoma }) => {
  await page.goto('/')
  const { out_trade_no: first } = await order(saoma, page, 10)
  await page.goto(`/pay/${first}`)
  await expect(cardOf(page)).toHaveAttribute('data-state', 'closed', closed)
  await page.getByRole('button', { name: '获取新二维码' }).click()
  await expect(cardOf(page)).toHaveAttribute('data-state', 'waiting')
  expect((await saoma.sandbox.newest()).out_trade_no).not.toBe(first)
})

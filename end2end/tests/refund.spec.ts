import type { Page } from '@playwright/test'

import { inspect } from '../support/inspect.ts'
import { logIn } from '../support/operator.ts'
import { balanceOf, cardOf, dialogOf, order, ownRows } from '../support/payer.ts'
import type { Saoma } from '../support/saoma.ts'
import { expect, test } from '../support/test.ts'

/** Pays an order; answers with its number. */
async function paid(saoma: Saoma, page: Page, yuan: number) {
  await page.goto('/')
  const { out_trade_no, code_url } = await order(saoma, page, yuan)
  await saoma.sandbox.pay(code_url)
  await expect(dialogOf(page)).toHaveAttribute('data-state', 'paid')
  return { out_trade_no, code_url }
}

/** The first of the two steps: how much and why. */
async function ask(page: Page, amount: string, reason: string) {
  await page.locator('details.fold summary', { hasText: '退款' }).click()
  await page.locator('#amount').fill(amount)
  await page.locator('#reason').fill(reason)
  await page.getByRole('button', { name: '下一步' }).click()
}

async function confirm(page: Page, password: string) {
  await page.locator('#password').fill(password)
  await page.locator('main form[method=post]:has([type=password]) button[type=submit]').click()
}

/** Opens the order's page until it says this. */
async function eventually(page: Page, address: string, check: () => Promise<void>, timeout = 30_000) {
  await expect(async () => {
    await page.goto(address)
    await check()
  }).toPass({ timeout, intervals: [1_000] })
}

const refundPills = (page: Page) => page.locator('section[aria-labelledby="re-t"] .list .pill')

test('a payment goes back in two parts, and everybody sees it', async ({ page, saoma }) => {
  test.slow()
  // 50 yuan bring 52: what is taken back has its share of the bonus.
  const { out_trade_no } = await paid(saoma, page, 50)
  const address = `/admin/orders/${out_trade_no}`
  await logIn(saoma, page, address)
  await ask(page, '20.00', '多付了')
  await expect(page.locator('main .facts')).toContainText('¥20.80')
  await expect(page.locator('main .facts')).toContainText('其中赠送 ¥0.80')
  await confirm(page, saoma.password)
  await expect(page).toHaveURL(/said=refund/)
  await eventually(page, address, async () => {
    await expect(refundPills(page)).toHaveText(['退款已到账'], { timeout: 500 })
  })
  await expect(page.locator('main .facts').first()).toContainText('¥30.00')

  await page.goto('/')
  await expect(balanceOf(page)).toHaveText('¥31.20')
  await expect(ownRows(page).first().locator('.pill')).toHaveText('部分退款')
  await page.goto(`/pay/${out_trade_no}`)
  await expect(cardOf(page)).toContainText('已部分退款 ¥20.00')

  await page.goto(address)
  await ask(page, '30', '全部退回')
  await confirm(page, saoma.password)
  await expect(page).toHaveURL(/said=refund/)
  await expect(page.locator('section[aria-labelledby="re-t"]')).toContainText('至少相隔 1 分钟')
  await expect(page.locator('section[aria-labelledby="re-t"]')).toContainText('没有可退余额（¥30.00 处理中）')
  await page.goto('/')
  await expect(balanceOf(page), 'the balance is taken at once').toHaveText('¥0.00')
  await expect(ownRows(page).first().locator('.pill')).toHaveText('退款中')
  await page.goto(`/pay/${out_trade_no}`)
  await expect(cardOf(page)).toContainText('正在退款 ¥50.00')
  await inspect(page, 'zh', 'pay-refunding')
  await eventually(page, address, async () => {
    await expect(refundPills(page)).toHaveText(['退款已到账', '退款已到账'], { timeout: 500 })
  }, 90_000)
  await expect(page.locator('.page-head .pill').nth(1)).toHaveText('已退款')
  const line = page.locator('ol.line')
  await expect(line.locator('h3', { hasText: '退款 ¥20.00 已登记' })).toHaveCount(1)
  await expect(line.locator('h3', { hasText: '退款 ¥30.00 已到账' })).toHaveCount(1)
  await expect(line).toContainText('全部退回')
  await inspect(page, 'zh', 'admin-order-refunded')
  const wechat = await saoma.sandbox.order(out_trade_no)
  expect(wechat.trade_state).toBe('REFUND')

  await page.goto('/')
  await expect(balanceOf(page)).toHaveText('¥0.00')
  await expect(ownRows(page).first().locator('.pill')).toHaveText('已退款')
  await page.goto(`/pay/${out_trade_no}`)
  await expect(cardOf(page)).toContainText('这笔付款已退回')
  await inspect(page, 'zh', 'pay-refunded')
  await page.goto(`/pay/${out_trade_no}/receipt`)
  await expect(page.locator('ul.refunds li')).toHaveCount(2)
  await expect(page.locator('ul.refunds')).toContainText('¥20.00')
  await expect(page.locator('ul.refunds')).toContainText('¥30.00')
  await inspect(page, 'zh', 'receipt-refunded')
})

test.describe('without JavaScript', () => {
  test.use({ javaScriptEnabled: false })
  test('a refund needs a sum that is left, a reason and the password', async ({ page, saoma }) => {
    await page.goto('/')
    await page.locator('label.amount', { has: page.locator('input[value="10"]') }).click()
    await page.locator('button[data-kind="pay"]').click()
    const { code_url, out_trade_no } = await saoma.sandbox.newest()
    await saoma.sandbox.pay(code_url)
    const address = `/admin/orders/${out_trade_no}`
    await logIn(saoma, page, address)
    await expect(async () => {
      await page.goto(address)
      await expect(page.locator('details.fold')).toHaveCount(1, { timeout: 500 })
    }).toPass()
    const wrong = [['10.01', '最多还能退 ¥10.00'], ['0', '请填金额'], ['-1', '请填金额'], ['1e1', '请填金额'], ['１', '请填金额'], ['1.005', '请填金额']]
    for (const [amount, words] of wrong) {
      await page.goto(address)
      await ask(page, amount, '多付了')
      await expect(page.locator('.notice'), amount).toContainText(words)
      await expect(page.locator('#password'), amount).toHaveCount(0)
    }
    await page.goto(address)
    await ask(page, '4', '多付了')
    await confirm(page, 'not the password')
    await expect(page.locator('.notice')).toContainText('密码不对')
    await confirm(page, saoma.password)
    await expect(page).toHaveURL(/said=refund/)
    // The same form once more is the same refund.
    await page.goBack()
    await confirm(page, saoma.password)
    await expect(page).toHaveURL(/said=refund/)
    await expect(refundPills(page)).toHaveCount(1)
    await ask(page, '6.01', '多付了')
    await expect(page.locator('.notice')).toContainText('最多还能退 ¥6.00')
  })
})

test('two windows cannot give back more than was paid', async ({ page, saoma }) => {
  const { out_trade_no } = await paid(saoma, page, 50)
  const address = `/admin/orders/${out_trade_no}`
  await logIn(saoma, page, address)
  await ask(page, '50', '多付了')
  // Another window is faster.
  const other = await page.context().newPage()
  await other.goto(address)
  await ask(other, '30', '先退一部分')
  await confirm(other, saoma.password)
  await expect(other).toHaveURL(/said=refund/)
  await confirm(page, saoma.password)
  await expect(page.locator('.notice').first()).toContainText('这一页打开之后情况有了变化')
  // What happened last: it was written down, or WeChat has it by now.
  await expect(page.locator('.notice').first()).toContainText(/退款( ¥30.00)? ?已/)
  await expect(page.locator('.notice').last()).toContainText('最多还能退 ¥20.00')
})

test('a second payment is given back, and another one is set aside', async ({ page, saoma }) => {
  test.slow()
  for (const [way, pill] of [['原路退回', '退款中'], ['忽略', '已忽略']]) {
    const { out_trade_no, code_url } = await paid(saoma, page, 30)
    expect(await saoma.sandbox.pay(code_url, { again: true })).toBe(200)
    if (way === '原路退回') await logIn(saoma, page, '/admin/exceptions')
    await eventually(page, '/admin/exceptions', async () => {
      await expect(page.locator('main .list > li')).toHaveCount(1, { timeout: 500 })
    })
    await expect(page.locator('main .list')).toContainText('重复付款')
    await page.locator('main .list').getByRole('link', { name: '处理' }).click()
    await page.getByRole('link', { name: way }).click()
    await page.locator('#reason').fill('付了两次')
    await confirm(page, saoma.password)
    await expect(page).toHaveURL(/said=settled/)
    await expect(page.locator('section[aria-labelledby="ex-t"]')).toContainText(pill)
    await expect(page.locator('ol.line h3', { hasText: 'admin 处理了重复付款' })).toHaveCount(1)
    await expect(page.locator('ol.line')).toContainText('付了两次')
    if (way === '原路退回') {
      await eventually(page, `/admin/orders/${out_trade_no}`, async () => {
        await expect(refundPills(page)).toHaveText(['退款已到账'], { timeout: 500 })
      })
    }
    // The credit of the first payment stays.
    await page.goto('/')
    await expect(balanceOf(page)).toHaveText(way === '原路退回' ? '¥30.00' : '¥60.00')
  }
  await page.goto('/admin/exceptions')
  await expect(page.locator('main')).toContainText('没有待处理的异常')
  await page.getByRole('link', { name: '已处理' }).click()
  const settled = page.locator('main .list > li')
  await expect(settled, 'the last one first').toHaveCount(2)
  await expect(settled.first()).toContainText('已忽略')
  await expect(settled.last()).toContainText('已退回')
  await expect(settled.last()).toContainText('admin')
  await expect(settled.last()).toContainText('付了两次')
})

test('a second payment that was credited by hand is refunded after all', async ({ page, saoma }) => {
  test.slow()
  const { out_trade_no, code_url } = await paid(saoma, page, 30)
  expect(await saoma.sandbox.pay(code_url, { again: true })).toBe(200)
  const address = `/admin/orders/${out_trade_no}`
  await logIn(saoma, page, address)
  const exceptions = page.locator('section[aria-labelledby="ex-t"]')
  await eventually(page, address, async () => {
    await expect(exceptions.getByRole('link', { name: '入账' })).toHaveCount(1, { timeout: 500 })
  })
  await exceptions.getByRole('link', { name: '入账' }).click()
  await page.locator('#reason').fill('用户要两份')
  await confirm(page, saoma.password)
  await expect(exceptions).toContainText('已入账')
  await page.goto('/')
  await expect(balanceOf(page)).toHaveText('¥60.00')

  await page.goto(address)
  await exceptions.getByRole('link', { name: '退款（可退 ¥30.00）' }).click()
  await inspect(page, 'zh', 'admin-refund-by-hand')
  await page.locator('#amount').fill('30.01')
  await page.locator('#reason').fill('用户改主意了')
  await page.getByRole('button', { name: '下一步' }).click()
  await expect(page.locator('.notice')).toContainText('最多还能退 ¥30.00')
  await page.locator('#amount').fill('10')
  await page.getByRole('button', { name: '下一步' }).click()
  await expect(page.locator('main .facts')).toContainText('¥50.00')
  await confirm(page, 'not the password')
  await expect(page.locator('.notice')).toContainText('密码不对')
  await confirm(page, saoma.password)
  await expect(page).toHaveURL(/said=refund/)
  await expect(exceptions.getByRole('link', { name: '退款（可退 ¥20.00）' })).toHaveCount(1)
  await eventually(page, address, async () => {
    await expect(refundPills(page)).toHaveText(['退款已到账'], { timeout: 500 })
  })
  await expect(page.locator('.page-head .pill'), "the order's own payment stays").toHaveText(['已支付', '重复付款'])
  await expect(page.locator('.page-head .pill[data-tone=warn]'), 'resolved').toHaveCount(0)
  await page.goto('/')
  await expect(balanceOf(page)).toHaveText('¥50.00')
})

test.describe('where late payments go back', () => {
  test.use({ settings: { SAOMA_TIME_EXPIRE_S: '4', SAOMA_LATE_PAYMENT: 'refund' } })
  test('the payer is told so, and nothing was credited', async ({ page, saoma }) => {
    test.slow()
    await saoma.sandbox.faults({ speed: 3000 })
    await page.goto('/')
    const { out_trade_no, code_url, dialog } = await order(saoma, page, 30)
    await expect(dialog).toHaveAttribute('data-state', 'closed', { timeout: 30_000 })
    await saoma.sandbox.pay(code_url, { force: true })
    await eventually(page, `/pay/${out_trade_no}`, async () => {
      await expect(cardOf(page)).toHaveAttribute('data-state', 'refunded', { timeout: 500 })
      await expect(cardOf(page)).toContainText('¥30.00 已按原路退回', { timeout: 500 })
    })
    await page.goto('/')
    await expect(balanceOf(page)).toHaveText('¥0.00')
    await expect(ownRows(page).first().locator('.pill')).toHaveText('已退款')
  })
})

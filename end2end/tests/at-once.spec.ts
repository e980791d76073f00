// How soon a page shows what happened, and with how many questions.

import { cardOf, dialogOf, order, ownRows, payButton, press } from '../support/payer.ts'
import { expectCode } from '../support/qr.ts'
import { expect, test } from '../support/test.ts'
import type { Page } from '@playwright/test'

/** The questions of a page about its order from now on: how many were sent, and how many ended. */
function questions(page: Page) {
  const asked = { sent: 0, ended: 0 }
  const isOne = (url: string) => url.endsWith('/api/order_status')
  page.on('request', request => { asked.sent += Number(isOne(request.url())) })
  for (const end of ['requestfinished', 'requestfailed'] as const) {
    page.on(end, request => { asked.ended += Number(isOne(request.url())) })
  }
  return asked
}

test('a payment is shown at once, with one question while nothing happens and none after the end', async ({ page, saoma }) => {
  const took: number[] = []
  const asked = questions(page)
  for (let n = 0; n < 5; n++) {
    await page.goto('/')
    const { dialog, code_url } = await order(saoma, page, 10)
    if (n == 0) {
      await page.waitForTimeout(6_000)
      expect(asked, 'it is held').toEqual({ sent: 1, ended: 0 })
    }
    const shown = dialog.evaluate(element => new Promise<number>(resolve => {
      const watch = new MutationObserver(() => {
        if ((element as HTMLElement).dataset.state == 'paid') resolve(Date.now())
      })
      watch.observe(element, { attributes: true })
    }))
    await saoma.sandbox.pay(code_url)
    const paid = Date.now()
    took.push((await shown) - paid)
  }
  took.sort((one, other) => one - other)
  // Far below the second between two polls that are not held, also on a busy machine.
  expect(took[2], took.join(' ')).toBeLessThan(500)
  await expect(dialogOf(page)).toBeHidden()
  const { sent } = asked
  await page.waitForTimeout(2_000)
  expect(asked.sent, 'nothing is asked about what is over').toBe(sent)
})

test('closing the dialog ends its question', async ({ page, saoma }) => {
  const asked = questions(page)
  await page.goto('/')
  await order(saoma, page, 10)
  await expect.poll(() => asked.sent).toBe(1)
  await page.keyboard.press('Escape')
  await expect.poll(() => asked.ended, { message: 'given up by the browser' }).toBe(1)
  const held = async () => /saoma_held_polls (\d+)/.exec(await (await fetch(`${saoma.url}/metrics`)).text())?.[1]
  await expect.poll(held, { message: 'given up by the server' }).toBe('0')
})

test('an order is cancelled from the dialog, and what was paid meanwhile is credited', async ({ page, saoma }) => {
  await page.goto('/')
  const { dialog, code_url } = await order(saoma, page, 10)
  await dialog.getByRole('button', { name: '取消订单' }).click()
  await expect(dialog).toHaveAttribute('data-state', 'cancelled')
  await expect(dialog).toContainText('仍会自动入账')
  await expect(dialog.locator('svg.qr')).toHaveCount(0)
  await saoma.sandbox.pay(code_url)
  await expect(dialog).toHaveAttribute('data-state', 'paid')
})

test('with too many open orders one is cancelled and the next is placed at once', async ({ page, saoma, watch }) => {
  watch.expect(/status of 409/)
  await page.goto('/')
  for (const yuan of [10, 30, 50, 100, 200]) {
    await order(saoma, page, yuan)
    await page.keyboard.press('Escape')
  }
  const dialog = await press(page, 500)
  await expect(dialog).toHaveAttribute('data-state', 'too-many')
  await dialog.getByRole('button', { name: '取消', exact: true }).first().click()
  await expect(dialog).toHaveAttribute('data-state', 'waiting')
  await expectCode(page, (await saoma.sandbox.newest()).code_url)
  await page.keyboard.press('Escape')
  // The list below cancels, too, as a form.
  await expect(ownRows(page).first()).toContainText('待支付')
  await ownRows(page).first().getByRole('button', { name: '取消' }).click()
  await expect(ownRows(page).first()).toContainText('已取消')
})

test('a dialog that says paid stays while the payer is at it, and gives no key to the pay button', async ({ page, saoma }) => {
  await page.goto('/')
  const { dialog, code_url } = await order(saoma, page, 10)
  await saoma.sandbox.pay(code_url)
  await expect(dialog).toHaveAttribute('data-state', 'paid')
  await expect(page).toHaveTitle(/^✓ 已到账/)
  await page.keyboard.press('Tab')
  await page.waitForTimeout(4_500)
  await expect(dialog, 'a key was pressed').toBeVisible()
  await page.keyboard.press('Escape')
  await expect(page).not.toHaveTitle(/✓/)

  const again = await order(saoma, page, 30)
  await saoma.sandbox.pay(again.code_url)
  await expect(again.dialog).toHaveAttribute('data-state', 'paid')
  await expect(again.dialog, 'nobody is there').toBeHidden({ timeout: 8_000 })
  await page.keyboard.press('Enter')
  await expect(payButton(page)).not.toBeFocused()
  await expect(dialogOf(page)).toBeHidden()
  expect(await saoma.sandbox.orders()).toHaveLength(2)
})

test.describe('in a low window', () => {
  test.use({ viewport: { width: 640, height: 400 } })
  test('the whole code is in sight once it is there', async ({ page, saoma }) => {
    await page.goto('/')
    const { code_url } = await order(saoma, page, 10)
    const box = await page.locator('svg.qr').boundingBox()
    expect(box && box.y >= 0 && box.y + box.height <= 400, JSON.stringify(box)).toBe(true)
    await expectCode(page, code_url)
  })
})

test('a server that is gone is not called a network that is gone, and nothing is ordered by itself', async ({ page, saoma, watch }) => {
  watch.expect(/Failed to load resource|ERR_/)
  await page.goto('/')
  await page.route('**/api/create_order', route => route.abort('connectionrefused'))
  const dialog = await press(page, 10)
  await expect(dialog).toHaveAttribute('data-state', 'offline')
  await expect(dialog).toContainText('暂时连不上本站')
  await expect(dialog).toContainText('没有下单')
  await page.unroute('**/api/create_order')
  await page.evaluate(() => dispatchEvent(new Event('online')))
  await page.waitForTimeout(1_000)
  expect(await saoma.sandbox.orders()).toHaveLength(0)
  await dialog.getByRole('button', { name: '现在重试' }).click()
  await expect(dialog).toHaveAttribute('data-state', 'waiting')
})

test('a refund is asked for with a reason, and the payer sees that it waits', async ({ page, saoma }) => {
  await page.goto('/')
  const { code_url, out_trade_no } = await order(saoma, page, 10)
  await saoma.sandbox.pay(code_url)
  await expect(dialogOf(page)).toHaveAttribute('data-state', 'paid')
  await page.goto(`/pay/${out_trade_no}`)
  await page.getByText('申请退款').click()
  await page.getByLabel('退款原因').fill('买错了')
  await page.getByRole('button', { name: '提交申请' }).click()
  await expect(cardOf(page)).toContainText('等待处理')
  await expect(cardOf(page)).toContainText('买错了')
})

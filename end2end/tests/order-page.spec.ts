import type { Page } from '@playwright/test'
import { cardOf, choose, dialogOf, let200SecondsPass, order, payButton, signIn } from '../support/payer.ts'
import { expectCode } from '../support/qr.ts'
import { expect, test } from '../support/test.ts'

// Any well-formed number that nobody ordered.
const UNKNOWN = 'SM20200101000000AAAAAAAAAAAAAAAA'

test('a reload shows the same order with the same code', async ({ page, saoma }) => {
  await page.goto('/')
  const { dialog, out_trade_no, code_url } = await order(saoma, page, 10)
  await dialog.getByRole('link', { name: '打开订单页' }).click()
  await expect(page).toHaveURL(`${saoma.url}/pay/${out_trade_no}`)
  await expectCode(page, code_url)
  await page.reload()
  await expectCode(page, code_url)
  await saoma.sandbox.pay(code_url)
  await expect(cardOf(page)).toHaveAttribute('data-state', 'paid')
  await expect(page.locator('main')).toContainText('已到账 ¥10.00')
})

test('an order page that has been open for long still turns to paid', async ({ page, saoma }) => {
  await page.clock.install()
  await page.goto('/')
  const { out_trade_no, code_url } = await order(saoma, page, 10)
  await page.goto(`/pay/${out_trade_no}`)
  await expectCode(page, code_url)
  await let200SecondsPass(page)
  await saoma.sandbox.pay(code_url)
  await expect(cardOf(page)).toHaveAttribute('data-state', 'paid')
})

test('a second tab and a second press get the same order and code', async ({ page, context, saoma }) => {
  await page.goto('/')
  const first = await order(saoma, page, 10)
  const tab = await context.newPage()
  await tab.goto('/')
  await order(saoma, tab, 10)
  await expectCode(tab, first.code_url)
  await page.reload()
  await order(saoma, page, 10)
  await expectCode(page, first.code_url)
  expect(await saoma.sandbox.orders()).toHaveLength(1)
  await page.reload()
  await order(saoma, page, 30)
  expect(await saoma.sandbox.orders()).toHaveLength(2)
})

test('an order link shows code, amount and state on another device, and nothing else', async ({ page, device, saoma }) => {
  await signIn(saoma, page, 'alice-7', 'Alice')
  const paid = await order(saoma, page, 30)
  await saoma.sandbox.pay(paid.code_url)
  await expect(dialogOf(page)).toBeHidden()

  const answers: string[] = []
  page.on('response', async answer => {
    if (answer.url().endsWith('/create_order')) answers.push((await answer.json()).link)
  })
  const { out_trade_no, code_url } = await order(saoma, page, 10)
  await expect.poll(() => answers[0]).toContain(`/pay/${out_trade_no}?t=`)

  const screen = await (await device()).newPage()
  await screen.goto(answers[0])
  await expectCode(screen, code_url)
  await expect(cardOf(screen)).toContainText('¥10.00')
  await expect(cardOf(screen)).toContainText('待支付')
  const html = await screen.content()
  for (const secret of ['Alice', 'alice-7', '¥30', '30.00', '余额', '我的充值', paid.out_trade_no]) {
    expect(html, secret).not.toContain(secret)
  }
  // It follows the order; the link ends with it.
  await saoma.sandbox.pay(code_url)
  await expect(screen.locator('main svg.qr')).toHaveCount(0)
  expect(await screen.content()).not.toContain('Alice')
})

test('a wrong link, an unknown number and another user’s order look the same', async ({ page, device, saoma, watch }) => {
  watch.expect(/status of 404/)
  await signIn(saoma, page, 'alice')
  const { out_trade_no } = await order(saoma, page, 10)
  const stranger = await (await device()).newPage()
  await signIn(saoma, stranger, 'bob')
  const seen = async (address: string) => {
    const answer = await stranger.goto(address)
    expect(answer?.status(), address).toBe(404)
    const main = await stranger.locator('main').innerHTML()
    return main.replaceAll(out_trade_no, 'NUMBER').replaceAll(UNKNOWN, 'NUMBER')
  }
  const unknown = await seen(`/pay/${UNKNOWN}`)
  expect(await seen(`/pay/${out_trade_no}`)).toBe(unknown)
  expect(await seen(`/pay/${out_trade_no}?t=00000000000000000000000000000000`)).toBe(unknown)
  expect(await seen(`/pay/${UNKNOWN}?t=00000000000000000000000000000000`)).toBe(unknown)
  expect(await seen(`/pay/${out_trade_no}/receipt`)).toBe(unknown)
  await stranger.goto('/')
  await expect(stranger.locator('#mine')).not.toContainText(out_trade_no)
})

/** The module comes late, as on a slow line: when what this gives is called. */
async function holdModule(page: Page): Promise<() => void> {
  let release = () => {}
  const held = new Promise<void>(resolve => (release = resolve))
  await page.route(/\.wasm$/, async route => {
    await held
    await route.continue()
  })
  return () => release()
}

test('a press before the page is live is not lost', async ({ page, saoma }) => {
  const release = await holdModule(page)
  await page.goto('/', { waitUntil: 'commit' })
  await choose(page, 30)
  await payButton(page).click()
  release()
  await expect(dialogOf(page)).toHaveAttribute('data-state', 'waiting')
  expect((await saoma.sandbox.newest()).total_fee).toBe(3000)
})

test('an amount that is typed before the page is live clears the choice', async ({ page }) => {
  const release = await holdModule(page)
  await page.goto('/', { waitUntil: 'commit' })
  await choose(page, 30)
  await page.locator('#own').fill('7')
  release()
  await expect(payButton(page)).toContainText('¥7.00')
  await expect(page.locator('input[name="quantity"]:checked')).toHaveCount(0)
})

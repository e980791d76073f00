// The site of examples/pay-per-use: a user tops up, spends, is out of credit, and gets his money back.

import { test as base, expect, type Page } from '@playwright/test'

import { Example } from '../support/example.ts'
import { logIn } from '../support/operator.ts'

const test = base.extend<{ keep: 'saoma' | 'site'; example: Example }>({
  keep: ['saoma', { option: true }],
  example: async ({ keep }, use) => {
    const example = await Example.start(keep)
    await use(example)
    await example.stop()
  },
})

/** A text that costs so many fen. */
const textOf = (fen: number) => 'word '.repeat((fen * 1000) / 3 / 5).trimEnd()

async function signIn(page: Page, example: Example, name: string) {
  await page.goto(example.url)
  await page.getByLabel('Your name').fill(name)
  await page.getByRole('button', { name: 'Sign in' }).click()
  await expect(page.locator('#who')).toHaveText(name)
}

const balance = (page: Page) => page.locator('#balance')
const frameOf = (page: Page) => page.frameLocator('dialog iframe')

/** Presses pay in the frame, and answers with what a phone would scan. */
async function order(page: Page, example: Example, yuan: number) {
  const frame = frameOf(page)
  await frame.locator('label.amount', { has: page.locator(`input[value="${yuan}"]`) }).click()
  await frame.locator('button[data-kind="pay"]').click()
  await expect(frame.locator('dialog#pay')).toHaveAttribute('data-state', 'waiting')
  return example.saoma.sandbox.newest()
}

async function translate(page: Page, fen: number) {
  await page.locator('#text').fill(textOf(fen))
  await page.getByRole('button', { name: 'Translate' }).click()
}

test('top up, translate until the credit is spent, top up while the site is down, and get a refund', async ({ page, example, browser }) => {
  test.slow()
  await signIn(page, example, 'lin')
  await expect(balance(page)).toHaveText('¥0.00')
  await page.getByRole('button', { name: 'Top up' }).click()
  const first = await order(page, example, 10)
  await example.saoma.sandbox.pay(first.code_url)
  await expect(page.locator('#news')).toHaveText('Your payment has arrived.')
  await expect(balance(page)).toHaveText('¥10.00')
  await page.locator('dialog > button').click()

  for (const left of ['¥7.00', '¥4.00', '¥1.00']) {
    await translate(page, 300)
    await expect(page.locator('#result')).toContainText('drow')
    await expect(balance(page)).toHaveText(left)
  }
  await translate(page, 300)
  await expect(page.locator('#result')).toHaveText('Your balance is too low.')

  // Paid while the translator is down: Saoma tells it later.
  const second = await order(page, example, 10)
  await example.kill()
  await example.saoma.sandbox.pay(second.code_url)
  await expect.poll(async () => (await example.saoma.sandbox.order(second.out_trade_no)).trade_state).toBe('SUCCESS')
  await example.run()
  await expect(page.locator('#news')).toHaveText('Your payment has arrived.', { timeout: 30_000 })
  await page.reload()
  await expect(balance(page)).toHaveText('¥11.00')
  await translate(page, 300)
  await expect(balance(page)).toHaveText('¥8.00')

  const desk = await browser.newPage({ baseURL: example.saoma.url })
  const address = `/admin/orders/${second.out_trade_no}`
  await logIn(example.saoma, desk, address)
  await desk.locator('details.fold summary', { hasText: '退款' }).click()
  await desk.locator('#amount').fill('5.00')
  await desk.locator('#reason').fill('多付了')
  await desk.getByRole('button', { name: '下一步' }).click()
  await desk.locator('#password').fill(example.saoma.password)
  await desk.locator('main form[method=post]:has([type=password]) button[type=submit]').click()
  await expect(desk).toHaveURL(/said=refund/)
  await desk.close()
  await expect(page.locator('#news')).toHaveText(/refund/i, { timeout: 30_000 })
  await expect(balance(page)).toHaveText('¥3.00')
})

test('two browsers on one account never spend more than there is', async ({ page, example, browser }) => {
  await signIn(page, example, 'ma')
  await page.getByRole('button', { name: 'Top up' }).click()
  const { code_url } = await order(page, example, 10)
  await example.saoma.sandbox.pay(code_url)
  await expect(balance(page)).toHaveText('¥10.00')
  await page.locator('dialog > button').click()
  const other = await browser.newPage()
  await signIn(other, example, 'ma')
  await Promise.all([translate(page, 600), translate(other, 600)])
  for (const one of [page, other]) await expect(one.locator('#result')).not.toHaveText('…')
  const said = await Promise.all([page, other].map(one => one.locator('#result').textContent()))
  expect(said.filter(text => text!.includes('(¥6.00)'))).toHaveLength(1)
  expect(said.filter(text => text === 'Your balance is too low.')).toHaveLength(1)
  await page.reload()
  await expect(balance(page)).toHaveText('¥4.00')
})

test.describe('the site keeps the balance itself', () => {
  test.use({ keep: 'site' })

  test('a payment is booked once and stays booked when the site starts again', async ({ page, example }) => {
    await signIn(page, example, 'wu')
    await page.getByRole('button', { name: 'Top up' }).click()
    const { code_url } = await order(page, example, 10)
    await example.saoma.sandbox.pay(code_url)
    await expect(balance(page)).toHaveText('¥10.00')
    await page.locator('dialog > button').click()
    await translate(page, 300)
    await expect(balance(page)).toHaveText('¥7.00')
    await example.kill()
    await example.run()
    await page.reload()
    await expect(balance(page)).toHaveText('¥7.00')
  })
})

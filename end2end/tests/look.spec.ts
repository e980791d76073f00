import { dialogOf, order, payButton, press } from '../support/payer.ts'
import { expectCode } from '../support/qr.ts'
import { expect, test } from '../support/test.ts'

const brightness = (rgb: string) => Math.max(...rgb.match(/[\d.]+/g)!.slice(0, 3).map(Number))
const IPHONE = 'Mozilla/5.0 (iPhone; CPU iPhone OS 18_0 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) Mobile/15E148'

test.describe('in a browser that asks for English', () => {
  test.use({ locale: 'en-US' })
  test('the pages are English, and can be switched to Chinese for good', async ({ page, saoma }) => {
    await page.goto('/')
    await expect(page.locator('html')).toHaveAttribute('lang', 'en')
    await expect(page.locator('h1')).toHaveText('Top up')
    const { dialog } = await order(saoma, page, 10)
    await expect(dialog.locator('h3')).toHaveText('Scan with WeChat')
    // Names of accounts aside, no Chinese is left.
    expect(await dialog.innerText()).not.toMatch(/\p{Script=Han}/u)
    await dialog.getByRole('button', { name: 'Close' }).click()
    await page.getByRole('link', { name: '中文' }).click()
    await expect(page.locator('h1')).toHaveText('充值')
    await page.goto('/')
    await expect(page.locator('html')).toHaveAttribute('lang', /^zh/)
  })
})

test('Chinese comes first and can be switched to English', async ({ page }) => {
  await page.goto('/')
  await expect(page.locator('h1')).toHaveText('充值')
  await page.getByRole('link', { name: 'English' }).click()
  await expect(page.locator('h1')).toHaveText('Top up')
  await page.goto('/')
  await expect(page.locator('h1')).toHaveText('Top up')
})

test('dark follows the system, a choice by hand wins, and the code stays dark on white', async ({ page, saoma }) => {
  const background = () => page.evaluate(() => getComputedStyle(document.body).backgroundColor)
  await page.emulateMedia({ colorScheme: 'dark' })
  await page.goto('/')
  expect(brightness(await background())).toBeLessThan(64)
  const { code_url, dialog } = await order(saoma, page, 10)
  await expectCode(page, code_url)
  await dialog.getByRole('button', { name: '关闭' }).click()
  await page.getByRole('button', { name: '切换为浅色外观' }).click()
  await expect(page.locator('html')).toHaveAttribute('data-theme', 'light')
  expect(brightness(await background())).toBeGreaterThan(192)
  await page.goto('/')
  expect(brightness(await background())).toBeGreaterThan(192)
})

test('with the keyboard: focus goes into the dialog and back, and Escape closes it', async ({ page }) => {
  await page.goto('/')
  await page.locator('input[value="10"]').focus()
  await page.keyboard.press('ArrowRight')
  await expect(page.locator('input[value="30"]')).toBeChecked()
  await expect(payButton(page)).toContainText('¥30.00')
  await payButton(page).focus()
  await page.keyboard.press('Enter')
  const dialog = dialogOf(page)
  await expect(dialog).toHaveAttribute('data-state', 'waiting')
  await expect(dialog.locator(':focus')).toHaveCount(1)
  for (let press = 0; press < 8; press++) {
    await page.keyboard.press('Tab')
    const outside = await page.evaluate(() => {
      const at = document.activeElement
      return at !== document.body && !at?.closest('dialog')
    })
    expect(outside, 'focus stays in the dialog').toBe(false)
  }
  await page.keyboard.press('Escape')
  await expect(dialog).toBeHidden()
  await expect(payButton(page)).toBeFocused()
})

test('Escape works while WeChat is still being asked', async ({ page, saoma }) => {
  await saoma.sandbox.faults({ answer_delay_ms: 1500 })
  await page.goto('/')
  const dialog = await press(page, 10)
  await expect(dialog).toHaveAttribute('data-state', 'ordering')
  await page.keyboard.press('Escape')
  await expect(dialog).toBeHidden()
  await expect.poll(async () => (await saoma.sandbox.orders()).length).toBe(1)
  await expect(dialog, 'an answer that comes too late opens nothing').toBeHidden()
})

test('the words of the dialog are announced, the seconds are not', async ({ page, saoma }) => {
  await page.goto('/')
  const { dialog } = await order(saoma, page, 10)
  await expect(dialog.locator('[role=status] h3')).toHaveText('请用微信扫一扫')
  await expect(dialog.locator('[role=timer]')).toBeVisible()
  await expect(dialog.locator('[role=timer]')).toHaveCount(1)
  await expect(dialog.locator('[role=status] [role=timer]')).toHaveCount(0)
})

test('typing another amount clears the choice, and a wrong one cannot be ordered', async ({ page }) => {
  await page.goto('/')
  await page.locator('#own').fill('7')
  await expect(page.locator('input[name="quantity"]:checked')).toHaveCount(0)
  await expect(payButton(page)).toContainText('¥7.00')
  for (const wrong of ['0', '5001', '1.5', '１．５', 'abc', '-1']) {
    await page.locator('#own').fill(wrong)
    await expect(page.locator('#own')).toHaveAttribute('aria-invalid', 'true')
    await expect(page.locator('#own-error')).toBeVisible()
    await expect(payButton(page)).toBeDisabled()
  }
  await page.locator('label.amount').first().click()
  await expect(page.locator('#own')).toHaveValue('')
  await expect(payButton(page)).toBeEnabled()
})

test.describe('on a phone', () => {
  // Where the merchant offers nothing but codes.
  test.use({ settings: { SAOMA_WECHAT_CHANNELS: 'NATIVE' } })
  test.use({ userAgent: IPHONE, viewport: { width: 360, height: 780 }, permissions: ['clipboard-read', 'clipboard-write'] })
  test('the page says what to do, and copies a link that opens elsewhere', async ({ page, device, saoma }) => {
    await page.goto('/')
    const dialog = await press(page, 10)
    await expect(dialog).toHaveAttribute('data-state', 'on-phone')
    await dialog.getByRole('button', { name: '复制订单页链接' }).click()
    await expect(dialog).toContainText('已复制')
    const link = await page.evaluate(() => navigator.clipboard.readText())
    const { code_url } = await saoma.sandbox.newest()
    const screen = await (await device({ viewport: { width: 1280, height: 900 } })).newPage()
    await screen.goto(link)
    await expectCode(screen, code_url)
    await saoma.sandbox.pay(code_url)
    await expect(dialog).toHaveAttribute('data-state', 'paid')
  })
})

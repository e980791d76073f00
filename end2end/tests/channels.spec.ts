// Every way to pay that a person meets: inside WeChat, from a phone's browser, by a printed code.

import { inspect } from '../support/inspect.ts'
import { logIn } from '../support/operator.ts'
import { balanceOf, cardOf, choose, dialogOf, payButton, press } from '../support/payer.ts'
import { expect, test } from '../support/test.ts'

// The bridge's frames of `weixin:` lead nowhere in a browser that is not WeChat's, and Chromium says so.
test.beforeEach(({ watch }) => watch.expect(/external protocol blocked by sandbox|Blocked script execution in 'about:blank'/))

const PHONE = 'Mozilla/5.0 (iPhone; CPU iPhone OS 18_0 like Mac OS X) AppleWebKit/605.1.15 Mobile/15E148'

for (const protocol of ['v2', 'v3']) {
  test.describe(`by API ${protocol}`, () => {
    test.use({ settings: { SAOMA_WECHAT_PROTOCOL: protocol } })

    test('inside WeChat one press opens the payment window and the page shows the credit', async ({ page: desk, device, saoma }) => {
      const page = await (await device({ baseURL: saoma.wechat, viewport: { width: 360, height: 740 } })).newPage()
      // Silent OAuth takes no press: the page comes back as if nothing had been.
      await page.goto('/')
      // Browsers keep the fragment of a redirect's first address.
      await expect(page).toHaveURL(`${saoma.wechat}/#wechat_redirect`)
      const dialog = await press(page, 10)
      await expect(dialog).toHaveAttribute('data-state', 'sheet')
      await inspect(page, 'zh', `dialog-sheet-${protocol}`, true)
      await page.locator('weixin-sheet button.pay').click()
      await expect(dialog).toHaveAttribute('data-state', 'paid')
      await expect(balanceOf(page)).toHaveText('¥10.00')

      await logIn(saoma, desk, '/admin/orders?channel=JSAPI')
      await expect(desk.locator('tbody tr')).toHaveCount(1)
      await expect(desk.locator('tbody tr').first()).toContainText(protocol)
    })

    test('from a phone outside WeChat H5 leads to WeChat and back', async ({ device, saoma }) => {
      const page = await (await device({ userAgent: PHONE, viewport: { width: 360, height: 740 } })).newPage()
      await page.goto('/')
      await choose(page, 10)
      await payButton(page).click()
      await expect(page).toHaveURL(/checkmweb/)
      await page.locator('button[value="pay"]').click()
      await expect(page).toHaveURL(/\/pay\/SM\w+\?back=1$/)
      await expect(cardOf(page)).toHaveAttribute('data-state', 'paid')
      await expect(cardOf(page)).toContainText('¥10.00')
    })
  })
}

test('a payment window that is closed, fails or only claims to have paid credits nothing', async ({ device, saoma }) => {
  test.slow()
  const page = await (await device({ baseURL: saoma.wechat })).newPage()
  await page.goto('/')
  const dialog = await press(page, 10)
  await page.locator('weixin-sheet button.cancel').click()
  await expect(dialog).toHaveAttribute('data-state', 'sheet-closed')
  await inspect(page, 'zh', 'dialog-sheet-closed', true)

  // The same order again, and then by a code: another order, the first can still be paid.
  await dialog.getByRole('button', { name: '立即支付' }).click()
  await page.locator('weixin-sheet button.cancel').click()
  expect(await saoma.sandbox.orders()).toHaveLength(1)
  await dialog.getByRole('button', { name: '换用扫码支付' }).click()
  await expect(dialog).toHaveAttribute('data-state', 'in-wechat')
  expect(await saoma.sandbox.orders()).toHaveLength(2)
  await dialogOf(page).press('Escape')

  await saoma.sandbox.faults({ weixin: { bridge: 'ok_without_paying' } })
  await press(page, 30)
  await page.locator('weixin-sheet button.pay').click()
  await expect(dialog).toHaveAttribute('data-state', 'confirming')
  await inspect(page, 'zh', 'dialog-confirming', true)
  await dialogOf(page).press('Escape')
  await expect(balanceOf(page)).toHaveText('¥0.00')

  await saoma.sandbox.faults({ weixin: { bridge: 'fail' } })
  await press(page, 50)
  await page.locator('weixin-sheet button').first().click()
  await expect(dialog).toHaveAttribute('data-state', 'sheet-failed')
})

test('two people with one account do not share an order inside WeChat', async ({ device, saoma }) => {
  for (const person of ['1', '2']) {
    const page = await (await device({ baseURL: saoma.wechat })).newPage()
    await page.goto(`/?person=${person}`)
    await press(page, 10)
    await expect(page.locator('weixin-sheet button.pay')).toBeVisible()
  }
  expect(await saoma.sandbox.orders()).toHaveLength(2)
})

test('an operator prints a static code, and each scan is an order of its own', async ({ page, context, saoma }) => {
  await logIn(saoma, page, '/admin/codes')
  await inspect(page, 'zh', 'codes-empty')
  await page.locator('#user').fill('demo')
  await page.locator('#name').fill('远山云一号门店前台收银处三号桌')
  // With a bonus the sheet has a line more.
  await page.locator('#amount').fill('50')
  await page.getByRole('button', { name: '生成' }).click()
  await expect(page).toHaveURL(/\/admin\/codes\/[A-Z0-9]{26}$/)
  await inspect(page, 'zh', 'code-sheet')
  const printed = (await page.pdf({ format: 'A6', preferCSSPageSize: true })).toString('latin1')
  expect(printed.match(/\/Type \/Page\b/g), 'pages of A6').toHaveLength(1)
  for (let scan = 1; scan <= 2; scan++) {
    const [phone] = await Promise.all([context.waitForEvent('page'), page.locator('a[href*="/scan"]').click()])
    await phone.locator('button[value="pay"]').click()
    await expect(phone.locator('.screen')).toHaveAttribute('data-state', 'paid')
    await phone.close()
  }
  await page.goto('/admin/orders?channel=STATIC&state=paid')
  await expect(page.locator('tbody tr')).toHaveCount(2)

  await page.goto('/admin/codes')
  await inspect(page, 'zh', 'codes')
  await page.goto('/admin/codes?lang=en')
  await inspect(page, 'en', 'codes')
  await page.goto('/admin/codes?lang=zh')
  await page.getByRole('button', { name: '停用' }).click()
  await expect(page.locator('main')).toContainText('已停用')
  await page.getByRole('link', { name: '收款单' }).click()
  const [phone] = await Promise.all([context.waitForEvent('page'), page.locator('a[href*="/scan"]').click()])
  await expect(phone.locator('main')).toContainText('商品已下架')
})

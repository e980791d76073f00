// The desk's lists with keyboard and without script: found, walked through, copied, exported; and an order's drawer.

import { inspect } from '../support/inspect.ts'
import { logIn } from '../support/operator.ts'
import { order } from '../support/payer.ts'
import { expect, test } from '../support/test.ts'

test('the keyboard leads to the search, through the rows and into one', async ({ page, saoma }) => {
  await page.goto('/')
  const first = await order(saoma, page, 10)
  await saoma.sandbox.pay(first.code_url)
  await expect(first.dialog).toHaveAttribute('data-state', 'paid')
  await page.goto('/')
  const second = await order(saoma, page, 30)
  await logIn(saoma, page, '/admin/orders')
  await page.keyboard.press('/')
  await expect(page.locator('#q')).toBeFocused()
  await page.keyboard.type(first.out_trade_no.slice(-8).toLowerCase())
  await page.keyboard.press('Enter')
  await expect(page.locator('tbody tr')).toHaveCount(1)
  await page.goto('/admin/orders')
  const links = page.locator('tbody tr th a')
  await page.keyboard.press('j')
  await expect(links.nth(0)).toBeFocused()
  await page.keyboard.press('j')
  await expect(links.nth(1)).toBeFocused()
  await page.keyboard.press('k')
  await expect(links.nth(0)).toBeFocused()
  await page.keyboard.press('Enter')
  await expect(page).toHaveURL(`${saoma.url}/admin/orders/${second.out_trade_no}`)
})

test('a drawer rests on its page until Escape, and the evidence stands beside the order', async ({ page, saoma }) => {
  await page.goto('/')
  const { code_url, dialog, out_trade_no } = await order(saoma, page, 10)
  await saoma.sandbox.pay(code_url)
  await expect(dialog).toHaveAttribute('data-state', 'paid')
  await logIn(saoma, page, `/admin/orders/${out_trade_no}`)
  const list = page.locator('.table-box[aria-labelledby="ev-t"]')
  await expect(list.locator('tbody tr')).toHaveCount(1)
  await page.setViewportSize({ width: 360, height: 780 })
  expect(await list.evaluate(box => box.scrollWidth <= box.clientWidth)).toBe(true)
  await page.setViewportSize({ width: 1280, height: 900 })
  const opener = page.locator('ol.line a[href^="#evidence-"]').last()
  await opener.click()
  const drawer = page.locator('dialog.drawer[open]')
  await expect(drawer).toBeVisible()
  await expect(drawer.locator('caption', { hasText: '逐项核对' })).toHaveCount(1)
  await inspect(page, 'zh', 'admin-drawer')
  await page.keyboard.press('Escape')
  await expect(drawer).toHaveCount(0)
  await expect(opener).toBeFocused()
})

test('an export is followed to its end', async ({ page, saoma }) => {
  await page.goto('/')
  const { out_trade_no } = await order(saoma, page, 10)
  await logIn(saoma, page, '/admin/orders?state=pending')
  await page.getByRole('link', { name: '导出', exact: true }).click()
  await inspect(page, 'zh', 'admin-export')
  await page.getByRole('button', { name: '导出 CSV' }).first().click()
  const downloading = page.waitForEvent('download')
  await page.getByRole('link', { name: '下载文件' }).click()
  const download = await downloading
  expect(download.suggestedFilename()).toMatch(/^orders-\d{14}\.csv$/)
  const chunks: Buffer[] = []
  for await (const chunk of await download.createReadStream()) chunks.push(chunk as Buffer)
  expect(Buffer.concat(chunks).toString()).toContain(`"\t${out_trade_no}"`)
  await expect(page.locator('#progress')).toContainText('已完成')
  await expect(page.locator('#progress')).toContainText('1 / 1')
})

test.describe('without script', () => {
  test.use({ javaScriptEnabled: false })

  test('filters, columns and saved filters work', async ({ page, saoma }) => {
    await logIn(saoma, page, '/admin/orders')
    await page.locator('nav.chips a', { hasText: '待支付' }).click()
    await expect(page).toHaveURL(/state=pending/)
    await page.locator('#filter-name').fill('没付的')
    await page.getByRole('button', { name: '保存筛选' }).click()
    await expect(page.locator('.saved a')).toHaveText('没付的')
    await page.goto('/admin/orders?state=bogus')
    await expect(page.locator('main')).toContainText('没有“bogus”这个状态')
  })
})

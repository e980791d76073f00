// What an operator does.

import { expect, type Page } from '@playwright/test'

import type { Saoma } from './saoma.ts'

export async function logIn(saoma: Saoma, page: Page, next = '/admin') {
  await page.goto(next)
  await expect(page).toHaveURL(/\/admin\/login/)
  await page.locator('#name').fill('admin')
  await page.locator('#password').fill(saoma.password)
  await page.locator('form[action="/admin/login"] button[type=submit]').click()
  // Until its scripts have run: a key that is pressed before is lost.
  await page.waitForURL(`${saoma.url}${next}`)
}

/** Closes an order at once: WeChat's five minutes are made short for it. */
export async function closeOrder(saoma: Saoma, page: Page, outTradeNo: string) {
  await saoma.sandbox.faults({ speed: 100_000 })
  await page.goto(`/admin/orders/${outTradeNo}`)
  await page.locator('details:has(form[action$="/close"]) summary').click()
  await page.locator('form[action$="/close"] button').click()
  await expect(page).toHaveURL(/said=closed/)
  await saoma.sandbox.faults({})
}

// What a payer does and sees.

import { expect, type Locator, type Page } from '@playwright/test'

import type { Saoma } from './saoma.ts'

/** The dialog, whatever it says. `data-state` names its state. */
export const dialogOf = (page: Page): Locator => page.locator('dialog#pay')
export const payButton = (page: Page): Locator => page.locator('button[data-kind="pay"]')
export const balanceOf = (page: Page): Locator => page.locator('#balance')
export const ownRows = (page: Page): Locator => page.locator('#mine .rows > li')

export async function choose(page: Page, yuan: number) {
  await page.locator('label.amount', { has: page.locator(`input[value="${yuan}"]`) }).click()
}

/** Chooses an amount and presses pay; the dialog is open then, and busy. */
export async function press(page: Page, yuan: number): Promise<Locator> {
  await choose(page, yuan)
  await payButton(page).click()
  const dialog = dialogOf(page)
  await expect(dialog).toBeVisible()
  return dialog
}

/** Goes on until the code is there; answers with the order as WeChat knows it. */
export async function order(saoma: Saoma, page: Page, yuan: number) {
  const dialog = await press(page, yuan)
  await expect(dialog).toHaveAttribute('data-state', 'waiting')
  return { dialog, ...(await saoma.sandbox.newest()) }
}

/** Opens the recharge page signed in as this user, as the user's site would link it. */
export async function signIn(saoma: Saoma, page: Page, user: string, name = user) {
  await page.goto(`/?u=${await saoma.token(user, name)}`)
  await expect(page).toHaveURL(`${saoma.url}/`)
}

/** The card of the order's page. */
export const cardOf = (page: Page): Locator => page.locator('main .card[data-state]')

/** Lets the page's clock jump; needs `page.clock.install()` before the page was opened. */
export async function let200SecondsPass(page: Page) {
  await page.clock.fastForward(201_000)
}

/** Waits until the server issues another code: at most one in ten seconds for each order, by the server's clock. */
export const untilANewCodeMayBeHad = () => new Promise(resolve => setTimeout(resolve, 10_200))

// From a press of the pay button to the code: what was made ready before it, and what is sent first.

import { order, press } from '../support/payer.ts'
import { expectCode } from '../support/qr.ts'
import { expect, test } from '../support/test.ts'
import type { Page } from '@playwright/test'

/** What the page did until the rehearsal was over, kept by `watchRehearsal`. */
interface Seen {
  /** The copy has come and gone. */
  isOver: boolean
  events: string[]
  /** Changes of anything but the body's list of children, since the copy came. */
  changes: string[]
  doubledIds: string[]
  dialogs: number
}

const EVENTS = ['focus', 'focusin', 'blur', 'focusout', 'beforetoggle', 'toggle', 'close', 'cancel', 'scroll', 'input', 'change',
  'animationstart', 'animationend', 'animationcancel', 'transitionrun', 'transitionend', 'transitioncancel']

/** Looks at the page from before its first script on; the window's own focus is not the page's. */
const watchRehearsal = (page: Page) => page.addInitScript(events => {
  const seen: Seen = { isOver: false, events: [], changes: [], doubledIds: [], dialogs: 0 }
  Object.assign(window, { seen })
  for (const event of events) {
    addEventListener(event, ({ type, target }) => target !== window && seen.events.push(`${type} at ${target}`), true)
  }
  const isCopy = (node: Node) => node instanceof HTMLDialogElement && node.inert
  new MutationObserver(records => {
    if (!records.some(({ addedNodes }) => [...addedNodes].some(isCopy))) return
    seen.isOver = records.some(({ removedNodes }) => [...removedNodes].some(isCopy))
    const inPage = records.filter(({ target }) => target.isConnected && target !== document.body)
    seen.changes = inPage.map(({ type, target, attributeName }) => `${type} ${attributeName ?? ''} ${target.nodeName}`)
    const ids = [...document.querySelectorAll('[id]')].map(({ id }) => id)
    seen.doubledIds = ids.filter((id, n) => ids.indexOf(id) !== n)
    seen.dialogs = document.querySelectorAll('dialog').length
  }).observe(document, { subtree: true, childList: true, attributes: true, characterData: true })
}, EVENTS)

const seenBy = (page: Page) => page.evaluate(() => (window as unknown as { seen: Seen }).seen)

test('the rehearsal of the payment dialog leaves no trace in the page', async ({ page, saoma }) => {
  await watchRehearsal(page)
  const asked: string[] = []
  page.on('request', request => { if (request.method() === 'POST') asked.push(request.url()) })
  await page.goto('/')
  await expect.poll(async () => (await seenBy(page)).isOver).toBe(true)
  // Long enough for events of a frame after it.
  await page.waitForTimeout(500)
  expect(await seenBy(page)).toEqual({ isOver: true, events: [], changes: [], doubledIds: [], dialogs: 1 })
  expect(asked, 'nothing was ordered').toEqual([])
  expect(await page.evaluate(() => document.activeElement === document.body)).toBe(true)
  const { code_url } = await order(saoma, page, 10)
  await expectCode(page, code_url)
  expect(await saoma.sandbox.orders()).toHaveLength(1)
})

test('who presses before the page is idle sees no rehearsal', async ({ page, saoma }) => {
  await watchRehearsal(page)
  // The page is never idle.
  await page.addInitScript(() => {
    const kept: IdleRequestCallback[] = []
    window.requestIdleCallback = callback => kept.push(callback)
    Object.assign(window, { letIdle: () => kept.forEach(callback => callback({ didTimeout: false, timeRemaining: () => 50 })) })
  })
  await page.goto('/')
  const { code_url } = await order(saoma, page, 10)
  await page.evaluate(() => (window as unknown as { letIdle: () => void }).letIdle())
  await page.waitForTimeout(300)
  expect((await seenBy(page)).dialogs, 'no copy came').toBe(0)
  await expectCode(page, code_url)
})

test('a browser without a word for idle rehearses as well', async ({ page }) => {
  await watchRehearsal(page)
  await page.addInitScript(() => { Object.assign(window, { requestIdleCallback: undefined }) })
  await page.goto('/')
  await expect.poll(async () => (await seenBy(page)).isOver).toBe(true)
})

test('an order is sent before the dialog is drawn', async ({ page }) => {
  await page.addInitScript(() => {
    const send = window.fetch
    window.fetch = (...call: Parameters<typeof fetch>) => {
      if (String(call[0]).endsWith('/create_order')) {
        const dialog = document.querySelector<HTMLDialogElement>('#pay')!
        Object.assign(window, { atTheCall: { isOpen: dialog.open, fee: dialog.dataset.fee ?? null } })
      }
      return send(...call)
    }
  })
  await page.goto('/')
  const dialog = await press(page, 10)
  await expect(dialog).toHaveAttribute('data-state', 'waiting')
  await expect(dialog).toHaveAttribute('data-fee', '1000')
  expect(await page.evaluate(() => (window as unknown as { atTheCall: unknown }).atTheCall)).toEqual({ isOpen: false, fee: null })
})

// Saoma's pages inside another site's page, in a browser to which they are two sites.

import { once } from 'node:events'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'

import { expect, test as base, type BrowserContext, type FrameLocator, type Page } from '@playwright/test'

import { violations } from '../support/axe.ts'
import { Embedding, type Cookies } from '../support/embedding.ts'
import { Saoma } from '../support/saoma.ts'

const test = base.extend<{ site: Embedding }>({
  site: async ({}, use) => {
    const site = await Embedding.start()
    await use(site)
    await site.stop()
  },
})
// A payment is found by asking WeChat, once in seven seconds: its notice does not find a name that only the browser knows.
test.setTimeout(90_000)
const PAID = { timeout: 25_000 }

/** The shop's page: what it was told stands in `told`. */
function shop(site: Embedding, how: 'open' | 'mount', url: string, more = ''): string {
  const call = how === 'open' ? 'Saoma.open(options)' : 'Saoma.mount(document.querySelector("main"), options)'
  return `<!doctype html><html lang="zh"><title>Shop</title><meta name="viewport" content="width=device-width"><main><h1>Shop</h1>
    <button id="topup">充值</button></main><script src="${site.pay}/saoma.js"></script><script>
    window.told = []
    const options = { url: ${JSON.stringify(url)} }
    for (const type of ['ready', 'ordered', 'paid', 'late', 'closed', 'close'])
      options['on' + type] = said => told.push({ type, ...said })
    document.querySelector('#topup').onclick = () => { window.opened = ${call} }
    </script>${more}`
}

const told = (page: Page): Promise<any[]> => page.evaluate(() => (window as any).told)
const types = async (page: Page) => (await told(page)).map(({ type }) => type)

async function opened(site: Embedding, context: BrowserContext, how: 'open' | 'mount', user: string, more: object = {}): Promise<[Page, FrameLocator]> {
  site.pages.set('shop', { html: shop(site, how, await site.session(user, more)) })
  const page = await context.newPage()
  await page.goto(site.at('shop'))
  await page.locator('#topup').click()
  return [page, page.frameLocator('iframe')]
}

async function pay(site: Embedding, frame: FrameLocator, yuan: number) {
  await frame.locator('label.amount', { has: frame.locator(`input[value="${yuan}"]`) }).click()
  await frame.locator('button[data-kind="pay"]').click()
  await expect(frame.locator('dialog#pay')).toHaveAttribute('data-state', 'waiting')
  await site.sandbox.pay((await site.sandbox.newest()).code_url)
}

for (const cookies of ['as usual', 'third-party phase-out'] as Cookies[]) {
  test(`a payer pays without leaving the shop, third-party cookies ${cookies}`, async ({ site }) => {
    const context = await site.browser(cookies)
    const [page, frame] = await opened(site, context, 'open', 'alice')
    await expect(frame.locator('.page-head')).toContainText('alice')
    await expect(frame.locator('button[data-kind="pay"]')).toContainText('充值到 alice')
    await pay(site, frame, 10)
    await expect.poll(() => types(page), PAID).toContain('paid')
    const { out_trade_no } = await site.sandbox.newest()
    expect(await told(page)).toContainEqual({ type: 'paid', out_trade_no, total_fee: 1000 })
    expect(await site.balance('alice')).toBe(1000)
    // Done with it, the dialog closes by itself, and the focus is where it was.
    await expect(page.locator('dialog')).toHaveCount(0, PAID)
    expect(await types(page)).toEqual(['ready', 'ordered', 'paid', 'close'])
    await expect(page.locator('#topup')).toBeFocused()
  })
}

test('a page inside the shop’s page is as high as its content, and its payment window is in view', async ({ site }) => {
  const context = await site.browser()
  const [page, frame] = await opened(site, context, 'mount', 'alice', { amount: 3000 })
  await expect(frame.locator('input[value="30"]')).toBeChecked()
  await expect.poll(() => page.locator('iframe').evaluate(element => element.clientHeight)).toBeGreaterThan(600)
  await frame.locator('button[data-kind="pay"]').click()
  await expect(frame.locator('dialog#pay')).toHaveAttribute('data-state', 'waiting')
  await expect(frame.locator('svg.qr')).toBeInViewport()
  expect(await page.evaluate(() => document.documentElement.scrollWidth)).toBeLessThanOrEqual(1280)
})

test('where frames have no cookies the page says so and goes on in a tab', async ({ site }) => {
  const context = await site.browser('blocked in frames')
  const [page, frame] = await opened(site, context, 'open', 'alice')
  await expect(frame.locator('h1')).toHaveText('请在新标签页中继续')
  expect(await frame.locator('main').innerText()).not.toContain('alice')
  const [tab] = await Promise.all([context.waitForEvent('page'), frame.locator('a[target=_blank]').click()])
  await expect(tab).toHaveURL(`${site.pay}/`)
  await expect(tab.locator('.page-head')).toContainText('alice')
  await tab.locator('button[data-kind="pay"]').click()
  await expect(tab.locator('dialog#pay')).toHaveAttribute('data-state', 'waiting')
  await site.sandbox.pay((await site.sandbox.newest()).code_url)
  await expect(tab.locator('dialog#pay')).toHaveAttribute('data-state', 'paid', PAID)
  expect(await types(page)).toEqual(['ready'])
})

test('a site that is not listed shows nothing', async ({ site }) => {
  const context = await site.browser()
  const url = await site.session('alice')
  site.pages.set('other', { html: `<!doctype html><title>Other</title><iframe src="${url}"></iframe>` })
  const page = await context.newPage()
  const said: string[] = []
  page.on('console', message => said.push(message.text()))
  await page.goto(site.at('other'))
  await expect.poll(() => said.join()).toContain('frame-ancestors')
  expect(page.frames()[1].url()).not.toContain('pay.test')
})

test('nobody but the frame can say that it was paid, and the frame listens to nobody', async ({ site }) => {
  const context = await site.browser()
  const forged = `{ saoma: 1, type: 'paid', out_trade_no: 'SM1', total_fee: 1 }`
  site.pages.set('other', { html: `<!doctype html><script>setInterval(() => parent.postMessage(${forged}, '*'), 50)</script>` })
  const url = await site.session('alice')
  site.pages.set('shop', { html: shop(site, 'mount', url, `<iframe id="third" src="${site.at('other')}"></iframe>`) })
  const page = await context.newPage()
  await page.goto(site.at('shop'))
  await page.locator('#topup').click()
  const frame = page.frameLocator('main iframe')
  await expect(frame.locator('.page-head')).toBeVisible()
  await page.evaluate(`{
    window.postMessage(${forged}, '*')
    const inside = document.querySelector('main iframe').contentWindow
    for (const type of ['paid', 'close', 'ordered']) inside.postMessage({ saoma: 1, type, out_trade_no: 'SM1' }, '*')
  }`)
  await page.waitForTimeout(500)
  expect(await types(page)).toEqual(['ready'])
  await expect(frame.locator('.page-head')).toContainText('alice')
  expect(await site.balance('alice')).toBe(0)
})

test('a second site around the frame shares no session with the first', async ({ site }) => {
  const context = await site.browser()
  const [, frame] = await opened(site, context, 'mount', 'alice')
  await expect(frame.locator('.page-head')).toContainText('alice')
  site.pages.set('second', { html: `<!doctype html><title>Second</title><iframe src="${site.pay}/"></iframe>` })
  const page = await context.newPage()
  await page.goto(site.at('second'))
  await expect(page.frameLocator('iframe').locator('h1')).toHaveText('请从原网站打开充值页')
  // Nor does a tab.
  await page.goto(`${site.pay}/`)
  await expect(page.locator('h1')).toHaveText('请从原网站打开充值页')
})

test('a shop that isolates itself has the page all the same', async ({ site }) => {
  const context = await site.browser()
  const headers = { 'cross-origin-embedder-policy': 'require-corp', 'cross-origin-opener-policy': 'same-origin' }
  site.pages.set('shop', { html: shop(site, 'open', await site.session('alice')), headers })
  const page = await context.newPage()
  await page.goto(site.at('shop'))
  expect(await page.evaluate(() => crossOriginIsolated)).toBe(true)
  await page.locator('#topup').click()
  const frame = page.frameLocator('iframe')
  await pay(site, frame, 10)
  await expect.poll(() => types(page), PAID).toContain('paid')
})

test('by keys alone: into the frame, through it, and out again', async ({ site }) => {
  const context = await site.browser()
  const [page, frame] = await opened(site, context, 'open', 'alice')
  await expect(frame.locator('.page-head')).toBeVisible()
  await expect(page.locator('dialog button')).toBeFocused()
  const inside = page.frames().find(one => one.url().startsWith(site.pay))!
  for (let n = 0; n < 12 && !(await inside.evaluate(() => document.activeElement?.matches('button[data-kind=pay]'))); n++) {
    await page.keyboard.press('Tab')
  }
  await page.keyboard.press('Enter')
  await expect(frame.locator('dialog#pay')).toHaveAttribute('data-state', 'waiting')
  expect(await violations(inside as unknown as Page)).toEqual([])
  await page.keyboard.press('Escape')
  await expect(frame.locator('dialog#pay')).toBeHidden()
  await expect(page.locator('dialog')).toBeVisible()
  expect(await violations(inside as unknown as Page)).toEqual([])
  expect(await violations(page)).toEqual([])
  await page.keyboard.press('Escape')
  await expect(page.locator('dialog')).toHaveCount(0)
  expect(await types(page)).toContain('close')
})

test('on a phone the page takes the place of the shop’s, and leads back', async ({ site }) => {
  const userAgent = 'Mozilla/5.0 (iPhone; CPU iPhone OS 18_0 like Mac OS X) AppleWebKit/605.1.15 Mobile/15E148'
  const context = await site.browser('as usual', { userAgent, viewport: { width: 360, height: 780 } })
  site.pages.set('shop', { html: shop(site, 'open', await site.session('alice', { return_url: `${site.at('shop')}/cart` })) })
  const page = await context.newPage()
  await page.goto(site.at('shop'))
  await page.locator('#topup').click()
  await expect(page).toHaveURL(`${site.pay}/`)
  await expect(page.locator('.page-head')).toContainText('alice')
  await page.getByRole('link', { name: '返回远山云' }).click()
  await expect(page).toHaveURL(`${site.at('shop')}/cart`)
})

test('the script is small, and any site may load it', async ({ site }) => {
  const context = await site.browser()
  const answer = await context.request.get(`${site.pay.replace('pay.test', '127.0.0.1')}/saoma.js`, {
    headers: { host: new URL(site.pay).host, 'accept-encoding': 'br' },
  })
  expect(answer.headers()['cross-origin-resource-policy']).toBe('cross-origin')
  expect(+answer.headers()['content-length']).toBeLessThanOrEqual(2048)
  const page = await context.request.get(`${site.pay.replace('pay.test', '127.0.0.1')}/`, { headers: { host: new URL(site.pay).host } })
  expect(page.headers()['cross-origin-resource-policy']).toBe('same-origin')
})

test('on one machine neither side needs a certificate', async ({ browser }) => {
  const pages = createServer((asked, answer) => {
    answer.setHeader('content-type', 'text/html')
    answer.end(html)
  }).listen(0, 'localhost')
  await once(pages, 'listening')
  const shopUrl = `http://localhost:${(pages.address() as AddressInfo).port}`
  const saoma = await Saoma.start({ SAOMA_FRAME_ANCESTORS: shopUrl })
  const { url } = await saoma.call('/sessions', { user: 'alice', embed: true })
  const local = (address: string) => address.replace('127.0.0.1', 'localhost')
  const html = `<!doctype html><title>Shop</title><main></main><script src="${local(saoma.url)}/saoma.js"></script>
    <script>window.told = []; Saoma.mount(document.querySelector('main'), { url: '${local(url)}', onready: () => told.push('ready') })</script>`
  const page = await browser.newPage()
  await page.goto(shopUrl)
  await expect(page.frameLocator('iframe').locator('.page-head')).toContainText('alice')
  await expect.poll(() => page.evaluate(() => (window as any).told)).toEqual(['ready'])
  await page.close()
  pages.close()
  await saoma.stop()
})

// The sandbox's WeChat browser around a page of somebody else's, in a real browser.

import { spawn, type ChildProcess } from 'node:child_process'
import { createHash } from 'node:crypto'
import { once } from 'node:events'
import { mkdtemp, rm } from 'node:fs/promises'
import { createServer, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createInterface } from 'node:readline'

import { expect, test as base } from '@playwright/test'

import { binary } from '../support/saoma.ts'

const KEY = '192006250b4c09247ec02edce69f6a2d'
const OPENID = 'oUpF8uMuAJO_M2pxb1Q9zNjWeS6o'

type Fields = Record<string, string>

function sign(fields: Fields): string {
  const text = Object.entries(fields).sort().map(([name, value]) => `${name}=${value}`).join('&')
  return createHash('md5').update(`${text}&key=${KEY}`).digest('hex').toUpperCase()
}

/** A page that pays on a press and writes down what the bridge answered, under a policy of its own. */
class Shop {
  readonly server: Server
  policy = ''
  parameters: Fields = {}

  constructor() {
    this.server = createServer((request, response) => {
      response.setHeader('content-type', 'text/html; charset=utf-8')
      response.setHeader('content-security-policy', this.policy)
      response.end(`<!doctype html><html><head><title>shop</title><script nonce="abc">
        document.addEventListener('WeixinJSBridgeReady', () => { document.title = 'ready' })
        const pay = () => WeixinJSBridge.invoke('getBrandWCPayRequest', ${JSON.stringify(this.parameters)},
          answer => { document.querySelector('output').textContent = answer.err_msg })
        addEventListener('DOMContentLoaded', () => { document.querySelector('button').onclick = pay })
      </script></head><body><p>${request.headers['user-agent']}</p><button>pay</button><output>nothing</output></body></html>`)
    })
  }

  get url(): string {
    return `http://127.0.0.1:${(this.server.address() as AddressInfo).port}`
  }
}

interface World {
  shop: Shop
  sandbox: string
  browser: string
  /** Places an order of the first WeChat user and hands it to the page. */
  place: (number: string) => Promise<void>
  state: (number: string) => Promise<string>
  faults: (weixin: object) => Promise<void>
}

const STRICT = "default-src 'none'; script-src 'nonce-abc'; frame-src weixin:"

const test = base.extend<{ world: World }>({
  world: async ({}, use) => {
    const shop = new Shop()
    shop.policy = STRICT
    shop.server.listen(0, '127.0.0.1')
    await once(shop.server, 'listening')
    const folder = await mkdtemp(join(tmpdir(), 'saoma-weixin-'))
    const options = ['--addr', '127.0.0.1:0', '--browser-for', shop.url, '--database', `sqlite://${folder}/sandbox.db`]
    const child: ChildProcess = spawn(binary, ['sandbox', ...options], { cwd: folder, stdio: ['ignore', 'pipe', 'inherit'] })
    const lines = createInterface({ input: child.stdout! })[Symbol.asyncIterator]()
    const address = async () => String((await lines.next()).value).match(/http:\/\/127\.0\.0\.1:\d+$/)![0]
    const [sandbox, browser] = [await address(), await address()]
    const order = (number: string) => ({ appid: 'wxd930ea5d5a258f4f', mch_id: '10000100', nonce_str: 'abc', out_trade_no: number })
    const call = async (path: string, fields: Fields) => {
      const signed = { ...fields, sign: sign(fields) }
      const xml = Object.entries(signed).map(([name, value]) => `<${name}>${value}</${name}>`).join('')
      return (await fetch(sandbox + path, { method: 'POST', body: `<xml>${xml}</xml>` })).text()
    }
    await use({
      shop, sandbox, browser,
      async place(number) {
        const answer = await call('/pay/unifiedorder', { ...order(number), body: 'book', total_fee: '1990', openid: OPENID,
          spbill_create_ip: '203.0.113.7', notify_url: `${shop.url}/notify`, trade_type: 'JSAPI' })
        const prepay_id = answer.match(/<prepay_id><!\[CDATA\[(\w+)/)![1]
        const parameters = { appId: 'wxd930ea5d5a258f4f', timeStamp: '1773540003', nonceStr: 'abc',
          package: `prepay_id=${prepay_id}`, signType: 'MD5' }
        shop.parameters = { ...parameters, paySign: sign(parameters) }
      },
      async state(number) {
        return (await call('/pay/orderquery', order(number))).match(/<trade_state><!\[CDATA\[(\w+)/)![1]!
      },
      async faults(weixin) {
        await fetch(`${sandbox}/control/faults`, { method: 'PUT', body: JSON.stringify({ weixin }) })
      },
    })
    child.kill('SIGTERM')
    await once(child, 'exit')
    shop.server.close()
    await rm(folder, { recursive: true, force: true })
  },
})

test('a page under a strict policy pays, cancels and fails as in WeChat', async ({ page, world }) => {
  await world.place('E2E-0001')
  await page.goto(world.browser)
  await expect(page).toHaveTitle('ready')
  await expect(page.locator('p').first()).toContainText('MicroMessenger')
  await page.getByRole('button', { name: 'pay' }).click()
  await expect(page.getByRole('dialog')).toContainText('19.90')
  await page.getByRole('button', { name: '取消' }).click()
  await expect(page.locator('output')).toHaveText('get_brand_wcpay_request:cancel')
  expect(await world.state('E2E-0001')).toBe('NOTPAY')

  // Another person is not the one whom the order is for.
  await page.goto(`${world.browser}/?person=2`)
  await expect(page).toHaveTitle('ready')
  expect(page.url()).not.toContain('person')
  await page.getByRole('button', { name: 'pay' }).click()
  await expect(page.getByRole('dialog')).toContainText('下单账号与支付账号不一致')
  await page.getByRole('button', { name: '知道了' }).click()
  await expect(page.locator('output')).toHaveText('get_brand_wcpay_request:fail')

  await page.goto(`${world.browser}/?person=1`)
  await expect(page).toHaveTitle('ready')
  await page.getByRole('button', { name: 'pay' }).click()
  await page.getByRole('button', { name: '立即支付' }).click()
  await expect(page.locator('output')).toHaveText('get_brand_wcpay_request:ok')
  expect(await world.state('E2E-0001')).toBe('SUCCESS')
})

test('a page whose policy blocks weixin: never gets an answer', async ({ page, world }) => {
  world.shop.policy = "default-src 'none'; script-src 'nonce-abc' 'strict-dynamic'"
  await world.place('E2E-0002')
  const told = page.waitForEvent('console', message => message.text().includes('blocks weixin:'))
  await page.goto(world.browser)
  await expect(page).toHaveTitle('ready')
  await page.getByRole('button', { name: 'pay' }).click()
  await told
  await expect(page.getByRole('dialog')).toHaveCount(0)
  await expect(page.locator('output')).toHaveText('nothing')
})

test('the bridge can be late, absent, or lie', async ({ page, world }) => {
  await world.place('E2E-0003')
  await world.faults({ bridge: 'ok_without_paying' })
  await page.goto(world.browser)
  await expect(page).toHaveTitle('ready')
  await page.getByRole('button', { name: 'pay' }).click()
  await page.getByRole('button', { name: '立即支付' }).click()
  await expect(page.locator('output')).toHaveText('get_brand_wcpay_request:ok')
  expect(await world.state('E2E-0003')).toBe('NOTPAY')

  await world.faults({ bridge: 'late' })
  await page.goto(world.browser)
  await page.waitForLoadState('networkidle')
  await expect(page).toHaveTitle('shop', { timeout: 100 })
  await expect(page).toHaveTitle('ready')

  await world.faults({ bridge: 'never' })
  await page.goto(world.browser)
  await page.waitForTimeout(4_000)
  await expect(page).toHaveTitle('shop')
})

// The pages and states that no other spec shows; in both languages, widths and themes for `make screens`: see inspect.ts.

import { createServer } from 'node:http'
import { once } from 'node:events'
import type { AddressInfo } from 'node:net'

import { inspect } from '../support/inspect.ts'
import { tellPaid } from '../support/notice.ts'
import { logIn } from '../support/operator.ts'
import { cardOf, order, signIn } from '../support/payer.ts'
import { expect, test } from '../support/test.ts'

const STRAYS = ['A', 'B'].map(letter => `SM20200101000000${letter.repeat(16)}`)

// All languages where people look at the pictures; the checks are the same in each.
const LANGS = process.env.SAOMA_SCREENS ? [['zh', 'zh-CN'], ['en', 'en-US']] : [['zh', 'zh-CN']]

for (const [lang, locale] of LANGS) {
  const word = (zh: string, en: string) => (lang === 'zh' ? zh : en)

  test.describe(`in ${locale}`, () => {
    test.use({ locale, settings: { SAOMA_SECOND_PERSON_FROM: '10000', SAOMA_WECHAT_CHANNELS: 'NATIVE,STATIC' } })
    test.setTimeout(600_000)

    test('what payers ask for and take back', async ({ page, saoma }) => {
      const at = (name: string) => inspect(page, lang, name)
      await signIn(saoma, page, 'lin', word('小林', 'Lin Xiaoyu'))
      const cancelled = await order(saoma, page, 30)
      await page.goto(`/pay/${cancelled.out_trade_no}`)
      await page.locator('form[action$="/cancel"] button').click()
      await expect(page.locator('form[action$="/cancel"]')).toHaveCount(0)
      await at('pay-cancelled')
      await page.goto('/')
      const paid = await order(saoma, page, 50)
      await saoma.sandbox.pay(paid.code_url)
      await page.goto(`/pay/${paid.out_trade_no}`)
      await expect(cardOf(page)).toHaveAttribute('data-state', 'paid')
      await page.locator('#refund summary').click()
      await at('pay-wish-form')
      await page.locator('#why').fill(word('买多了，想退一部分', 'I bought too much and would like a part of it back'))
      await page.locator('form[action$="/refund"] button').click()
      await at('pay-wish-waiting')
      await page.goto(`/?month=${new Date().toISOString().slice(0, 7)}`)
      await at('recharge-month')
      await page.goto('/?month=2020-01')
      await at('recharge-month-none')
    })

    test('the desk', async ({ page, saoma, watch }) => {
      watch.expect(/status of (403|404)/)
      const at = (name: string) => inspect(page, lang, name)
      const go = async (path: string, name: string) => {
        await page.goto(path)
        await at(name)
      }
      const fill = async (fields: Record<string, string>) => {
        for (const [name, value] of Object.entries(fields)) await page.locator(`main [name="${name}"]`).fill(value)
      }
      const send = async (action: string, fields: Record<string, string> = {}) => {
        await fill({ ...fields, password: saoma.password })
        await page.locator(`main form[method=post][action="${action}"] button[type=submit]`).last().click()
      }
      const post = (path: string, form: Record<string, string>) =>
        page.request.post(path, { form, headers: { origin: saoma.url }, maxRedirects: 0 })

      // Something of everything.
      await signIn(saoma, page, 'lin', word('小林', 'Lin Xiaoyu'))
      const whole = await order(saoma, page, 100)
      await saoma.sandbox.pay(whole.code_url)
      const own = `/admin/orders/${whole.out_trade_no}`
      await page.goto(`/pay/${whole.out_trade_no}`)
      await expect(cardOf(page)).toHaveAttribute('data-state', 'paid')
      await post(`/pay/${whole.out_trade_no}/refund`, { reason: word('买错了，请退回', 'Bought by mistake') })
      await page.goto('/')
      const twice = await order(saoma, page, 50)
      await saoma.sandbox.pay(twice.code_url)
      await saoma.sandbox.pay(twice.code_url, { again: true, force: true })
      for (const stray of STRAYS) await tellPaid(saoma, stray, 123_456, new Date())
      await saoma.call('/debits', { user: 'lin', amount: 1_500, reference: 'vip-1', reason: word('会员一个月', 'Member for a month') })
      await logIn(saoma, page)
      await expect(async () => {
        await page.goto('/admin/work')
        await expect(page.locator('main .list > li')).toHaveCount(5, { timeout: 500 })
      }).toPass({ timeout: 30_000 })

      await at('admin-work')
      await page.locator('main details.fold summary').first().click()
      await at('admin-work-equals')
      await page.locator('main form[action="/admin/work"] button').first().click()
      await at('admin-work-taken')
      await go('/admin/work?kind=wish', 'admin-work-wish')
      await go('/admin/work/dismiss?of=exception%3Aunknown_order', 'admin-work-dismiss')
      await go('/admin', 'admin-overview-work')
      await go('/admin/refund-wishes', 'admin-refund-wishes')
      // The order's number stands below, so that the name has the whole width of a phone.
      await page.setViewportSize({ width: 360, height: 780 })
      expect((await page.locator('main .list > li > span').first().boundingBox())!.width).toBeGreaterThan(200)
      await page.setViewportSize({ width: 1280, height: 900 })
      await page.goto(own)
      await page.locator('#wishes summary').click()
      await at('admin-order-wish')
      await page.goto(`${own}/refund?amount=20&reason=${word('商品已售完', 'Sold out')}`)
      await send(`${own}/refund`)
      await expect(page).toHaveURL(/said=refund/)
      await go('/admin/refunds', 'admin-refunds')
      await go('/admin/refunds?state=requested&min=abc', 'admin-refunds-wrong-filter')
      await go('/admin/orders?state=paid&period=7d', 'admin-orders-filtered')

      await page.goto(`/admin/account/grant?user=lin&amount=200&reason=${word('补偿', 'Sorry')}`)
      await send('/admin/account/grant')
      await expect(page).toHaveURL(/said=second_asked/)
      await at('admin-second')
      // Who asked cannot confirm, so only what a wrong password leads to is shown.
      await go('/admin/second?error=password', 'admin-second-wrong')
      await go('/admin/account?user=lin', 'admin-account-second')

      await go('/admin/exports?list=orders&state=paid', 'admin-exports')
      await page.locator('main form[action="/admin/exports"] button').first().click()
      await at('admin-export-asked')
      await go('/admin/statement', 'admin-statement')
      await go('/admin/statement?month=2099-01', 'admin-statement-wrong')

      await page.goto('/admin/codes')
      await fill({ user: 'lin', name: word('小林', 'Lin'), amount: '9.90' })
      await page.locator('main form[action="/admin/codes"] button').click()
      await at('admin-code-sheet')
      const print = page.getByRole('button', { name: word('打印', 'Print'), exact: true })
      await expect(print).toBeVisible()
      await expect(page.getByRole('heading', { level: 1 })).toHaveText(word('收款单', 'Sheet'))
      await page.evaluate(() => Object.assign(window, { print: () => document.documentElement.setAttribute('data-printed', '') }))
      await print.click()
      await expect(page.locator('html[data-printed]')).toHaveCount(1)
      await page.emulateMedia({ media: 'print' })
      await expect(print).toBeHidden()
      await expect(page.locator('article.sheet h2')).toBeVisible()
      await page.emulateMedia({ media: null })
      await go('/admin/exports?list=unmatched', 'admin-export-unmatched')
      await go('/admin/codes', 'admin-codes')

      await go('/admin/keys', 'admin-keys')
      await page.locator('main [name=scope]').first().check()
      await send('/admin/keys', { name: 'forum' })
      await expect(page.locator('#key-text')).toBeVisible()
      await at('admin-key-made')
      await go('/admin/keys/forum', 'admin-key')
      await go('/admin/keys?error=taken&name=forum', 'admin-keys-taken')

      const robot = createServer((request, response) => {
        request.resume().on('end', () => response.end('{"code":0}'))
      }).listen(0, '127.0.0.1')
      await once(robot, 'listening')
      await go('/admin/alerts', 'admin-alerts-form')
      const url = `http://127.0.0.1:${(robot.address() as AddressInfo).port}/robot`
      await send('/admin/alerts', { name: word('财务值班群', 'Finance on call'), url })
      await at('admin-alerts-made')
      await page.locator('main form[action$="/test"] button').click()
      await at('admin-alerts-tested')
      robot.close()

      await go('/admin/operators', 'admin-operators')
      await page.locator('main [name=role][value=support]').check()
      await send('/admin/operators', { name: 'chen' })
      await expect(page.locator('#first-password')).toBeVisible()
      await at('admin-operator-added')
      await go('/admin/operators/chen', 'admin-operator')
      await go('/admin/operators?error=taken&name=chen', 'admin-operators-taken')

      await go('/admin/me', 'admin-me')
      await go('/admin/me?error=wrong', 'admin-me-wrong')
      await go('/admin/me/factor', 'admin-factor')
      await page.locator('#begin-p').fill(saoma.password)
      await page.locator('main form[action="/admin/me/factor"] button').click()
      await page.locator('main details summary').click()
      await at('admin-factor-code')

      await page.goto('/admin/settings')
      await page.locator('main form[action="/admin/settings/check"] button').click()
      await expect(page.locator('.checks').first()).toBeVisible()
      await at('admin-settings')
      for (const name of ['site_name', 'announcement', 'limits', 'presets']) {
        await go(`/admin/settings/change?name=${name}`, `admin-setting-${name}`)
      }
      await go('/admin/settings/change?name=presets&q=8&b=0.5&q=&b=&q=20&b=', 'admin-setting-preview')
      await go('/admin/settings/change?name=presets&q=0&b=', 'admin-setting-zero')
      await go('/admin/audit', 'admin-audit')
      await go('/admin/audit?q=nobody', 'admin-audit-none')
      await go('/admin/nowhere', 'admin-not-found')
      await go('/admin/orders/SM20200101000000ZZZZZZZZZZZZZZZZ', 'admin-order-not-found')
    })

    test('the desk of a role that may only look', async ({ page, saoma, watch, device }) => {
      watch.expect(/status of (403|404)/)
      await signIn(saoma, page, 'lin', word('小林', 'Lin Xiaoyu'))
      const paid = await order(saoma, page, 50)
      await saoma.sandbox.pay(paid.code_url)
      await page.goto(`/pay/${paid.out_trade_no}`)
      await expect(cardOf(page)).toHaveAttribute('data-state', 'paid')
      await tellPaid(saoma, STRAYS[0], 123_456, new Date())
      await logIn(saoma, page, '/admin/operators')
      await page.locator('main [name=role][value=viewer]').check()
      await page.locator('#name').fill('wu')
      await page.locator('#password').fill(saoma.password)
      await page.locator('main form[action="/admin/operators"] button').click()
      const first = await page.locator('#first-password').innerText()

      const viewer = await (await device()).newPage()
      const at = (name: string) => inspect(viewer, lang, name)
      await viewer.goto('/admin')
      await viewer.locator('#name').fill('wu')
      await viewer.locator('#password').fill(first)
      await viewer.locator('form[action="/admin/login"] button').click()
      await at('viewer-first-password')
      const chosen = 'a password of the viewer'
      for (const [name, value] of [['password', first], ['new', chosen], ['again', chosen]]) {
        await viewer.locator(`main form[action="/admin/me/password"] [name="${name}"]`).fill(value)
      }
      await viewer.locator('main form[action="/admin/me/password"] button').click()
      await at('viewer-me')
      for (const [path, name] of [
        ['/admin', 'viewer-overview'], [`/admin/orders/${paid.out_trade_no}`, 'viewer-order'], ['/admin/work', 'viewer-work'],
        ['/admin/account?user=lin', 'viewer-account'], ['/admin/settings', 'viewer-refused'],
      ]) {
        await viewer.goto(path)
        await at(name)
      }
    })
  })
}

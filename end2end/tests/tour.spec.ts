// Every page and state in both languages, for axe, for narrow screens, and as screenshots for people.

import { inspect } from '../support/inspect.ts'
import { logIn } from '../support/operator.ts'
import { choose, dialogOf, let200SecondsPass, order, payButton, press, signIn } from '../support/payer.ts'
import { expect, test } from '../support/test.ts'

const UNKNOWN = 'SM20200101000000AAAAAAAAAAAAAAAA'
const PHONE = 'Mozilla/5.0 (iPhone; CPU iPhone OS 18_0 like Mac OS X) AppleWebKit/605.1.15 Mobile/15E148'

for (const [lang, locale] of [['zh', 'zh-CN'], ['en', 'en-US']]) {
  test.describe(`in ${locale}`, () => {
    // Where the merchant offers nothing but codes; channels.spec.ts looks at the other ways.
    test.use({ locale, settings: { SAOMA_WECHAT_CHANNELS: 'NATIVE' } })
    test.slow()

    test('the recharge page and its dialog', async ({ page, context, saoma, watch, device }) => {
      watch.expect(/status of (401|404|409|429|503)|ERR_INTERNET_DISCONNECTED/)
      const at = (name: string, where = page) => inspect(where, lang, name)
      const dialogAt = async (name: string, where = page) => {
        await expect(dialogOf(where)).toHaveAttribute('data-state', name)
        // Some states pass by themselves. On a busy machine the moment may be over before it is reached: then a later one.
        await expect(async () => where.clock.pauseAt(await where.evaluate(() => Date.now() + 500))).toPass()
        await inspect(where, lang, `dialog-${name}`, true)
        await where.clock.resume()
      }
      await page.clock.install()
      await page.goto('/')
      await at('recharge-empty')
      await choose(page, 100)
      await at('recharge-bonus')
      await page.locator('#own').fill('0')
      await at('recharge-wrong-amount')
      await page.goto('/')

      await saoma.sandbox.faults({ answer: 'timeout' })
      await press(page, 10)
      await dialogAt('ordering')
      await page.clock.fastForward(3_100)
      await dialogAt('slow')
      await dialogAt('busy')
      await saoma.sandbox.faults({})
      await page.reload()
      const first = await order(saoma, page, 10)
      await dialogAt('waiting')
      await let200SecondsPass(page)
      await dialogAt('unconfirmed')
      await page.reload()
      await order(saoma, page, 10)
      await saoma.sandbox.pay(first.code_url)
      await dialogAt('paid')
      await page.goto('/')
      await at('recharge')

      await order(saoma, page, 30)
      await context.setOffline(true)
      await dialogAt('offline')
      await context.setOffline(false)

      const phone = await (await device({ userAgent: PHONE })).newPage()
      await phone.clock.install()
      await phone.goto('/')
      await press(phone, 50)
      await dialogAt('on-phone', phone)
      const wechat = await (await device({ userAgent: `${PHONE} MicroMessenger/8.0` })).newPage()
      await wechat.clock.install()
      await wechat.goto('/')
      await press(wechat, 50)
      await dialogAt('in-wechat', wechat)

      await page.goto('/')
      for (const yuan of [100, 200, 500]) await order(saoma, page, yuan).then(() => page.reload())
      await page.locator('#own').fill('7')
      await payButton(page).click()
      await dialogAt('too-many')
      await page.goto('/')
      // Wishes that cannot be granted count as well; they go on, because two a second are free.
      const flood = await context.newPage()
      await flood.goto('/')
      await flood.evaluate(() => {
        const wish = () => fetch('/recharge', { method: 'POST', body: new URLSearchParams({ own: '0' }), redirect: 'manual' })
        const go = async (): Promise<void> => wish().then(go, () => {})
        for (let i = 0; i < 4; i++) go()
      })
      await expect(async () => {
        await page.goto('/')
        await press(page, 30)
        await expect(dialogOf(page)).toHaveAttribute('data-state', 'limit', { timeout: 1_000 })
      }).toPass()
      await dialogAt('limit')
      await flood.close()
      await page.goto('/')

      await signIn(saoma, page, 'alice', 'Alice')
      await page.goto(`/?u=${await saoma.token('bob', 'Bob')}`)
      await at('switch')
      await page.goto('/?u=forged')
      await at('signed-out')
      await page.goto('/')
      await order(saoma, page, 10)
      await context.clearCookies()
      await dialogAt('session')
    })

    test('the other pages', async ({ page, context, saoma, watch, device }) => {
      watch.expect(/status of (401|404)/)
      const at = (name: string, where = page) => inspect(where, lang, name)
      await signIn(saoma, page, 'alice', 'Alice')
      const waiting = await order(saoma, page, 50)
      await page.goto(`/pay/${waiting.out_trade_no}`)
      await at('pay-waiting')
      const [scan] = await Promise.all([context.waitForEvent('page'), page.locator('a[href*="/scan"]').click()])
      await at('sandbox-phone', scan)
      await scan.close()
      await saoma.sandbox.pay(waiting.code_url)
      await expect(page.locator('.card[data-state]')).toHaveAttribute('data-state', 'paid')
      await at('pay-paid')
      await page.goto(`/pay/${waiting.out_trade_no}/receipt`)
      await at('receipt')
      await page.goto(`/pay/${UNKNOWN}`)
      await at('not-found')

      await signIn(saoma, page, 'alice', 'Alice')
      const links: string[] = []
      page.on('response', async answer => {
        if (answer.url().endsWith('/create_order')) links.push((await answer.json()).link)
      })
      const linked = await order(saoma, page, 30)
      await expect.poll(() => links.length).toBe(1)
      const screen = await (await device()).newPage()
      await screen.goto(links[0])
      await at('pay-link', screen)
      await saoma.sandbox.faults({ notify: { total_fee: 1 } })
      await saoma.sandbox.pay(linked.code_url)
      const told = async () => (await saoma.sandbox.notices()).some(notice => notice.out_trade_no === linked.out_trade_no)
      await expect.poll(told).toBe(true)
      await page.goto('/')
      await order(saoma, page, 200)

      await page.goto('/admin')
      await at('admin-login')
      await page.locator('#name').fill('admin')
      await page.locator('#password').fill('not the password')
      await page.locator('form[action="/admin/login"] button').click()
      await at('admin-login-wrong')
      await logIn(saoma, page)
      await at('admin-overview')
      await page.goto('/admin/orders')
      await at('admin-orders')
      await page.goto('/admin/orders?q=nobody')
      await at('admin-orders-none')
      await page.goto(`/admin/orders/${waiting.out_trade_no}`)
      await at('admin-order-paid')
      await page.locator('a[href^="#evidence-"]').first().click()
      await at('admin-evidence')
      await page.goto(`/admin/orders/${linked.out_trade_no}`)
      await at('admin-order-mismatch')
      await page.goto(`/admin/orders/${UNKNOWN}`)
      await at('admin-order-unknown')
    })
  })
}

test.describe('orders that end soon', () => {
  test.use({ settings: { SAOMA_TIME_EXPIRE_S: '4' } })
  for (const lang of ['zh', 'en']) {
    test(`closed and late, in ${lang}`, async ({ page, saoma }) => {
      test.slow()
      await page.goto(`/?lang=${lang}`)
      const { out_trade_no, code_url, dialog } = await order(saoma, page, 100)
      await saoma.sandbox.faults({ answer: '500' })
      await expect(dialog).toHaveAttribute('data-state', 'expired')
      await inspect(page, lang, 'dialog-expired')
      await saoma.sandbox.faults({})
      await expect(dialog).toHaveAttribute('data-state', 'closed', { timeout: 30_000 })
      await inspect(page, lang, 'dialog-closed')
      await page.goto(`/pay/${out_trade_no}`)
      const card = page.locator('.card[data-state]')
      await expect(card).toHaveAttribute('data-state', 'closed', { timeout: 30_000 })
      await inspect(page, lang, 'pay-closed')
      await saoma.sandbox.pay(code_url, { force: true })
      await expect.poll(async () => (await saoma.sandbox.notices()).at(-1)?.status).toBe(200)
      await page.reload()
      await expect(card).toHaveAttribute('data-state', 'late')
      await inspect(page, lang, 'pay-late')
      await page.goto('/')
      await inspect(page, lang, 'recharge-late')
      await logIn(saoma, page, `/admin/orders/${out_trade_no}`)
      await inspect(page, lang, 'admin-order-late')
      await page.goto('/admin')
      await inspect(page, lang, 'admin-overview-late')
    })
  }
})

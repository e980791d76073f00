import { logIn } from '../support/operator.ts'
import { balanceOf, dialogOf, let200SecondsPass, order, press, untilANewCodeMayBeHad } from '../support/payer.ts'
import { expectCode } from '../support/qr.ts'
import { expect, test } from '../support/test.ts'

test('a payment whose notice is lost is found by query', async ({ page, saoma }) => {
  await saoma.sandbox.faults({ notify: { lose: true } })
  await page.goto('/')
  const { dialog, code_url, out_trade_no } = await order(saoma, page, 10)
  await saoma.sandbox.pay(code_url)
  // A watched order is asked about every 7 s.
  await expect(dialog).toHaveAttribute('data-state', 'paid', { timeout: 15_000 })
  await expect(balanceOf(page)).toHaveText('¥10.00')

  await logIn(saoma, page, `/admin/orders/${out_trade_no}`)
  await expect(page.locator('main')).toContainText('主动查询，签名已验证')
})

test('a notice that comes a hundred times credits once', async ({ page, saoma }) => {
  await saoma.sandbox.faults({ notify: { repeat: 99 } })
  await page.goto('/')
  const { dialog, code_url, out_trade_no } = await order(saoma, page, 10)
  await saoma.sandbox.pay(code_url)
  await expect(dialog).toHaveAttribute('data-state', 'paid')
  const answered = async () => (await saoma.sandbox.notices()).filter(notice => notice.status === 200).length
  await expect.poll(answered).toBe(100)
  await page.goto('/')
  await expect(balanceOf(page)).toHaveText('¥10.00')
  await logIn(saoma, page, `/admin/orders/${out_trade_no}`)
  await expect(page.locator('ol.line h3', { hasText: '已入账' })).toHaveCount(1)
})

test('a notice with a forged signature credits nothing', async ({ page, saoma }) => {
  await saoma.sandbox.faults({ notify: { forge_sign: true } })
  await page.clock.install()
  await page.goto('/')
  const { code_url } = await order(saoma, page, 10)
  await saoma.sandbox.pay(code_url)
  await expect.poll(async () => (await saoma.sandbox.notices()).length).toBeGreaterThan(0)
  expect(saoma.log.join('\n')).not.toContain('credited')
})

test('after 200 seconds nothing is called failed, and checking again finds the payment', async ({ page, saoma }) => {
  await page.clock.install()
  await page.goto('/')
  const { dialog, code_url } = await order(saoma, page, 10)
  await let200SecondsPass(page)
  await expect(dialog).toHaveAttribute('data-state', 'unconfirmed')
  await expect(dialog).toContainText('微信还没有确认这笔付款')
  expect(await dialog.innerText()).not.toMatch(/失败|错误|fail/i)

  await saoma.sandbox.faults({ notify: { lose: true } })
  await saoma.sandbox.pay(code_url)
  await dialog.getByRole('button', { name: '我已付款，再查一次' }).click()
  await expect(dialog).toHaveAttribute('data-state', 'paid')
  await expect(balanceOf(page)).toHaveText('¥10.00')
})

test('checking again where nothing was paid says so by offering the same again', async ({ page, saoma }) => {
  await page.clock.install()
  await page.goto('/')
  const { dialog } = await order(saoma, page, 10)
  await let200SecondsPass(page)
  const check = dialog.getByRole('button', { name: '我已付款，再查一次' })
  await check.click()
  await expect(check).toBeDisabled()
  await expect(dialog).toHaveAttribute('data-state', 'unconfirmed')
  await page.clock.fastForward(16_000)
  await expect(check).toBeEnabled()
  await expect(dialog).toHaveAttribute('data-state', 'unconfirmed')
})

test('a new code has the same number, kills the old one, and another tab takes it over', async ({ page, device, saoma }) => {
  const other = await (await device()).newPage()
  await page.clock.install()
  await page.goto('/')
  const { dialog, code_url: first, out_trade_no } = await order(saoma, page, 10)

  await other.goto('/')
  const { out_trade_no: same } = await order(saoma, other, 10)
  expect(same).toBe(out_trade_no)
  await expectCode(other, first)

  await untilANewCodeMayBeHad()
  await let200SecondsPass(page)
  await dialog.getByRole('button', { name: '还没付，换新二维码' }).click()
  await expect(dialog).toHaveAttribute('data-state', 'waiting')
  const { code_url: second } = await saoma.sandbox.order(out_trade_no)
  expect(second).not.toBe(first)
  expect(await saoma.sandbox.orders()).toHaveLength(1)
  await expectCode(page, second!)
  await expectCode(other, second!)

  expect(await saoma.sandbox.pay(first), 'the old code is dead').toBe(409)
  expect(await saoma.sandbox.pay(second!)).toBe(200)
  await expect(dialog).toHaveAttribute('data-state', 'paid')
  await expect(dialogOf(other)).toHaveAttribute('data-state', 'paid')
  await expect(balanceOf(page)).toHaveText('¥10.00')
})

for (const answer of ['500', 'garbage', 'unsigned', 'SYSTEMERROR'] as const) {
  test(`WeChat answers with ${answer}: the payer is told to press again, and the same order goes on`, async ({ page, saoma, watch }) => {
    watch.expect(/status of 503/)
    await saoma.sandbox.faults({ answer })
    await page.goto('/')
    const dialog = await press(page, 10)
    await expect(dialog).toHaveAttribute('data-state', 'busy')
    await expect(dialog).toContainText('没有扣款')
    const kept = await dialog.locator('.mono').innerText()

    await saoma.sandbox.faults({})
    await dialog.getByRole('button', { name: '再试一次' }).click()
    await expect(dialog).toHaveAttribute('data-state', 'waiting')
    const { out_trade_no, code_url } = await saoma.sandbox.newest()
    expect(out_trade_no).toBe(kept)
    expect(await saoma.sandbox.orders()).toHaveLength(1)
    await saoma.sandbox.pay(code_url)
    await expect(dialog).toHaveAttribute('data-state', 'paid')
  })
}

test('a network that goes away and comes back costs nothing', async ({ page, context, saoma, watch }) => {
  watch.expect(/ERR_INTERNET_DISCONNECTED/)
  await page.goto('/')
  const { dialog, code_url } = await order(saoma, page, 10)
  await context.setOffline(true)
  await expect(dialog).toHaveAttribute('data-state', 'offline', { timeout: 20_000 })
  await expectCode(page, code_url)
  await saoma.sandbox.pay(code_url)
  await context.setOffline(false)
  await expect(dialog).toHaveAttribute('data-state', 'paid')
})

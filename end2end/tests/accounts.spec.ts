import { logIn } from '../support/operator.ts'
import { balanceOf, dialogOf, order, ownRows, signIn } from '../support/payer.ts'
import { expect, test } from '../support/test.ts'

test('a link signs its user in, and the token leaves the address', async ({ page, saoma }) => {
  await signIn(saoma, page, 'alice', 'Alice')
  await expect(page.locator('.page-head')).toContainText('Alice')
  const { dialog } = await order(saoma, page, 10)
  await expect(dialog).toContainText('Alice')
})

test('another user sees neither orders nor balance', async ({ page, device, saoma }) => {
  await signIn(saoma, page, 'alice')
  const { code_url } = await order(saoma, page, 10)
  await saoma.sandbox.pay(code_url)
  await expect(dialogOf(page)).toBeHidden()
  const bob = await (await device()).newPage()
  await signIn(saoma, bob, 'bob')
  await expect(balanceOf(bob)).toHaveText('¥0.00')
  await expect(ownRows(bob)).toHaveCount(0)
})

test('a link of another account asks before it switches', async ({ page, saoma }) => {
  await signIn(saoma, page, 'alice', 'Alice')
  const token = await saoma.token('bob', 'Bob')
  await page.goto(`/?u=${token}`)
  await expect(page).toHaveURL(`${saoma.url}/switch`)
  await expect(page.locator('h1')).toHaveText('换用另一个账户？')
  await page.getByRole('button', { name: '继续使用 Alice' }).click()
  await expect(page.locator('.page-head')).toContainText('Alice')
  await page.goto(`/?u=${token}`)
  await page.getByRole('button', { name: '换用 Bob' }).click()
  await expect(page).toHaveURL(`${saoma.url}/`)
  await expect(page.locator('.page-head')).toContainText('Bob')
})

test('a forged link shows nobody’s account', async ({ page, saoma, watch }) => {
  watch.expect(/status of 401/)
  await signIn(saoma, page, 'alice', 'Alice')
  const token = await saoma.token('alice', 'Alice')
  const answer = await page.goto(`/?u=${token.slice(0, -4)}AAAA`)
  expect(answer?.status()).toBe(401)
  await expect(page.locator('main')).not.toContainText('Alice')
})

test('a session that ends while the dialog is open is said so', async ({ page, context, saoma, watch }) => {
  watch.expect(/status of (401|404)/)
  await signIn(saoma, page, 'alice')
  const { dialog } = await order(saoma, page, 10)
  await context.clearCookies()
  // The question that is held when the session ends is answered within 25 s; the next one says it.
  await expect(dialog).toHaveAttribute('data-state', 'session', { timeout: 35_000 })
})

test('the operator’s pages need a password', async ({ page, saoma, watch }) => {
  watch.expect(/status of 401/)
  for (const address of ['/admin', '/admin/orders', '/admin/orders/SM20200101000000AAAAAAAAAAAAAAAA']) {
    await page.goto(address)
    await expect(page).toHaveURL(/\/admin\/login/)
  }
  await page.locator('#name').fill('admin')
  await page.locator('#password').fill('not the password')
  await page.getByRole('button').last().click()
  await expect(page.locator('[role=alert]')).toBeVisible()
  await logIn(saoma, page, '/admin/orders')
  await page.getByRole('button', { name: '退出' }).click()
  await page.goto('/admin/orders')
  await expect(page).toHaveURL(/\/admin\/login/)
})

test('a sixth order that would stay open is refused with the ones in the way', async ({ page, saoma, watch }) => {
  watch.expect(/status of 409/)
  await page.goto('/')
  for (const yuan of [10, 30, 50, 100, 200]) {
    const { dialog } = await order(saoma, page, yuan)
    await dialog.getByRole('button', { name: '关闭' }).click()
  }
  await page.locator('label.amount', { has: page.locator('input[value="500"]') }).click()
  await page.locator('button[data-kind="pay"]').click()
  const dialog = dialogOf(page)
  await expect(dialog).toHaveAttribute('data-state', 'too-many')
  await expect(dialog.locator('.list li')).toHaveCount(5)
  await dialog.locator('.list a').first().click()
  await expect(page.locator('svg.qr')).toBeVisible()
})

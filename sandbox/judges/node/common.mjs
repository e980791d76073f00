// What the judges share: the sandbox's test API, its keys, and one line for each call that went well.
import { createHash } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { gunzipSync } from 'node:zlib'

export const sandbox = process.env.SANDBOX
export const notifyUrl = process.env.NOTIFY_URL
export const billDate = process.env.BILL_DATE
export const openid = 'oUpF8uMuAJO_M2pxb1Q9zNjWeS6o'

export const key = name => readFileSync(join(process.env.KEYS, name), 'utf8')

export async function control(path, body) {
  const headers = { 'content-type': 'application/json' }
  const options = body === undefined ? {} : { method: 'POST', headers, body: JSON.stringify(body) }
  return (await fetch(sandbox + path, options)).json()
}

export const identity = await control('/control/identity')

export function check(name, good, seen) {
  if (!good) {
    console.error(`not ok ${name}:`, seen)
    process.exit(1)
  }
  console.log(`ok ${name}`)
}

// What is ordered, for each of the four calls.
export function order(number, kind) {
  const expire = new Date(Date.now() + 9 * 3600_000).toISOString().replace(/\.\d+Z$/, '+08:00')
  const common = {
    appid: kind === 'app' ? identity.app_appid : identity.appid,
    mchid: identity.mch_id,
    description: '示例书店-图书',
    out_trade_no: number,
    time_expire: expire,
    attach: 'cart=42',
    notify_url: notifyUrl,
    amount: { total: 1990, currency: 'CNY' },
  }
  if (kind === 'jsapi') return { ...common, payer: { openid } }
  if (kind === 'h5') return { ...common, scene_info: { payer_client_ip: '203.0.113.7', h5_info: { type: 'Wap' } } }
  return common
}

export const field = { native: 'code_url', jsapi: 'prepay_id', app: 'prepay_id', h5: 'h5_url' }

export function refund(number, outRefundNo) {
  return {
    out_trade_no: number,
    out_refund_no: outRefundNo,
    reason: '商品已售完',
    notify_url: notifyUrl,
    amount: { refund: 500, total: 1990, currency: 'CNY' },
  }
}

// Waits for the notice of an event, which goes out beside the call.
export async function notice(number, event) {
  for (let tries = 0; tries < 100; tries++) {
    const records = await control('/control/notices')
    const found = records.find(r => r.out_trade_no === number && r.body.includes(event) && r.status)
    if (found) return found
    await new Promise(done => setTimeout(done, 100))
  }
  check(`notice ${event}`, false, number)
}

// Whether a packed bill is the one that its hash was signed for.
export function isBill(packed, hash, first) {
  const text = gunzipSync(packed)
  return createHash('sha1').update(text).digest('hex') === hash && text.toString().startsWith(first)
}

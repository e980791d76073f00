// What WeChat posts, signed with the key of the sandbox's merchant, which everybody knows: for payments that the sandbox
// does not make, such as one of another day.

import { createHash, randomUUID } from 'node:crypto'

import type { Saoma } from './saoma.ts'

const KEY = '192006250b4c09247ec02edce69f6a2d'

/** `20261121094731`, Beijing time. */
const wechatTime = (at: Date) =>
  new Date(at.getTime() + 8 * 3_600_000).toISOString().replace(/\D/g, '').slice(0, 14)

/** Tells the server of a payment in WeChat's name; `more` replaces fields. */
export async function tellPaid(saoma: Saoma, outTradeNo: string, totalFee: number, at: Date, more: Record<string, string> = {}) {
  const fields: Record<string, string> = {
    return_code: 'SUCCESS', result_code: 'SUCCESS', appid: 'wxd930ea5d5a258f4f', mch_id: '10000100', trade_type: 'NATIVE',
    bank_type: 'OTHERS', fee_type: 'CNY', nonce_str: randomUUID().replaceAll('-', ''), openid: 'oUpF8uMuAJO_M2pxb1Q9zNjWeS6o',
    is_subscribe: 'N', out_trade_no: outTradeNo, total_fee: `${totalFee}`, cash_fee: `${totalFee}`,
    transaction_id: `42000${Date.now()}${Math.floor(Math.random() * 1e10)}`.padEnd(28, '0').slice(0, 28),
    time_end: wechatTime(at), ...more,
  }
  const pairs = Object.keys(fields).sort().map(name => `${name}=${fields[name]}`)
  const sign = createHash('md5').update(`${pairs.join('&')}&key=${KEY}`).digest('hex').toUpperCase()
  const xml = Object.entries({ ...fields, sign }).map(([name, value]) => `<${name}>${value}</${name}>`)
  const body = `<xml>${xml.join('')}</xml>`
  const answer = await fetch(`${saoma.url}/wxpay/notify`, { method: 'POST', headers: { 'content-type': 'text/xml' }, body })
  return answer.text()
}
